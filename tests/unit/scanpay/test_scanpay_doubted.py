"""Orders whose message ended without an outcome: what was never sent, and what perhaps was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.demo.stage import eventually
from agent.outbox.model import State as MessageState
from plugins.scanpay.orders import State, as_ended
from tests.unit.scanpay.test_scanpay_desk import order_in
from tests.unit.scanpay.test_scanpay_orders import (
    CYCLE,
    ONE,
    Held,
    now,
    paid_order,
    payment,
    scanned_payment,
)
from tests.unit.scanpay.test_scanpay_planning import adapter, draft
from tests.unit.scanpay.till import (
    NOW,
    OPERATOR,
    PATIENCE_S,
    Hospital,
    admission,
    hospital,
    order,
    scan,
    served,
)


def used(orderid_of: Held) -> list[str]:
    """The faults of another submission that pays D1."""
    payment = draft("ST007", scanned_payment())
    other = replace(payment, memo={**payment.memo, "owner": "ST007/HIS-other"})
    completion = adapter().complete(other, orderid_of, forced=True)
    return [fault.rule for fault in completion.refused]


@pytest.mark.parametrize("giver", ["expired", "cancelled", "invalid"])
def test_an_orderid_is_free_again_after_a_payment_that_never_left(giver: str) -> None:
    asked = paid_order(State.ASKED, doing="ST007")
    assert used(Held(CYCLE, *asked.facts(), giver=giver)) == []


def test_an_orderid_stays_used_after_an_attempt_that_may_have_arrived() -> None:
    asked = paid_order(State.ASKED, doing="ST007")
    ended = as_ended(asked, "doubted")
    assert (ended.state, ended.proof) == (State.NOT_PAID, "decision")
    assert used(Held(CYCLE, *asked.facts(), giver="doubted")) == ["order_used"]


@pytest.mark.parametrize("giver", ["expired", "cancelled", "invalid"])
@pytest.mark.parametrize(
    ("by", "state", "was", "then"),
    [
        ("ST010", State.PAID, "", State.PAID),
        ("ST100", State.DISPUTED, "", State.DISPUTED),
        ("ST024", State.REGISTERED, "", State.REGISTERED),
        ("ST022", State.ASKED, "prepared", State.PREPARED),
        ("ST022", State.ASKED, "", State.NOT_PAID),
    ],
)
def test_an_order_stays_used_when_what_was_to_happen_to_it_never_left(
    giver: str, by: str, state: State, was: str, then: State
) -> None:
    order = paid_order(state, was=was, doing="" if by == "ST022" else by, proof="answer")
    order = replace(order, by=by)
    ended = as_ended(order, giver)
    assert (ended.state, ended.doing, ended.proof) == (then, "", "answer")
    assert used(Held(CYCLE, *order.facts(), giver=giver)) == ["order_used"]


# -- a person's word ---------------------------------------------------------------------------------------
def leave_unknown(his: Hospital) -> None:
    """The payment's fate stays unknown, as when ST009 says nothing for too long."""
    assert his.daemon is not None
    outbox = his.daemon.outbox
    eventually(lambda: bool(outbox.messages(state=MessageState.INQUIRING)), "inquiring", PATIENCE_S)
    (message,) = outbox.messages(state=MessageState.INQUIRING)
    with outbox.write() as tx:
        tx.leave_unknown(message.message, "held too long", now())


def decide(his: Hospital, his_id: str, verdict: str) -> None:
    inbox = his.config.folders[0].inbox
    aside = inbox / f"{his_id}.resolve.json.tmp"
    aside.write_text(json.dumps({"as": verdict}), encoding="utf-8")
    aside.replace(inbox / f"{his_id}.resolve.json")


def test_a_payment_of_unknown_fate_is_not_sent_again_and_its_orderid_stays_used(tmp_path: Path) -> None:
    """The platform guards nothing: the payment was carried out, its answer lost, its code is dead."""
    with served(guards="off") as platform, hospital(tmp_path, platform.url) as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        platform.faults("drop_after=on:ST007,times:1", "drop_before=on:ST009")
        path = his.drop("ST007", payment("D1"), id="P1")
        leave_unknown(his)
        results = his.config.folders[0].results
        decide(his, "P1", "resend")
        eventually(lambda: any(results.glob("P1.resolve.json*.result.json")), "refused", PATIENCE_S)
        (refused,) = results.glob("P1.resolve.json*.result.json")
        assert "不能判定为 resend" in refused.read_text("utf-8")
        platform.faults()
        decide(his, "P1", "rejected")
        assert his.result(path)["state"] == "rejected"
        known = order_in(his)
        assert (known.state, known.proof) == (State.NOT_PAID, "decision")
        again = his.send("ST007", payment("D1"), id="P2")
        assert [fault["rule"] for fault in again["errors"]] == ["order_used"]
        assert platform.calls().count("ST007") == 1


@pytest.mark.parametrize(
    ("transaction", "once"),
    [("ST007", True), ("ST010", True), ("ST022", True), ("ST023", True), ("ST021", False), ("ST100", False)],
)
def test_what_the_platform_may_carry_out_twice_is_sent_once(transaction: str, once: bool) -> None:
    data = {
        "ST007": scanned_payment(),
        "ST010": {"orderid": "D1", **scan(ONE, NOW)},
        "ST022": {"orderid": "D1", **scan(ONE, NOW)},
        "ST023": admission("D1", ONE, NOW),
        "ST021": order("D1", ONE),
        "ST100": {"orderid": "D1", "reason": "记账失败"},
    }[transaction]
    assert draft(transaction, data).once is once
