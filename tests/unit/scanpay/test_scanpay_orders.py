"""Cycles and orders through a whole daemon: sign-in at need, orderids used once, receipts against
cancellations, tills side by side, and what becomes of each order in the ledger."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.clock import BEIJING
from agent.demo.stage import eventually
from agent.errors import AnswerRejected
from agent.events import (
    Conclusion,
    Draft,
    Duty,
    Finding,
    Forget,
    Hold,
    Identifier,
    Outcome,
    Scope,
    Submission,
    Verdict,
    Watched,
)
from agent.hookspecs import Asked, Noted, Notice
from agent.protocol.values import text_of
from plugins.scanpay import disputing, duties, keeping, listing, outcomes
from plugins.scanpay.codec import Answer
from plugins.scanpay.hearing import hear
from plugins.scanpay.orders import (
    BOOKING,
    LEDGER,
    ORDER_STATE,
    RECONCILED,
    Cycle,
    Order,
    State,
    as_ended,
    fingerprint,
    order_of,
    orders_of,
    read_order,
)
from plugins.scanpay.settings import read_settings
from tests.unit.scanpay.test_scanpay_planning import adapter, draft
from tests.unit.scanpay.till import (
    HOSPCODE,
    NOW,
    OPERATOR,
    Hospital,
    admission,
    hospital,
    options,
    order,
    scan,
    served,
)

ONE, TWO = 1, 2


def now() -> datetime:
    return datetime.now(BEIJING)


def payment(orderid: str, person: int = ONE, amount: str = "25.00", **others: Any) -> dict[str, Any]:
    return {**order(orderid, person, amount, **others), **scan(person, now())}


def ledger(his: Hospital) -> dict[str, Order]:
    assert his.daemon is not None
    with his.daemon.outbox.write() as tx:
        history = tx.history("scanpay")
        cycles = history.values("cycle-state", (HOSPCODE,))
        return {one.orderid: one for number in cycles for one in orders_of(history, HOSPCODE, number)}


# -- cycles -------------------------------------------------------------------------------------------
def test_the_first_payment_causes_its_sign_in_and_the_next_ones_share_its_cycle(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        first, second = his.drop("ST007", payment("D1")), his.drop("ST007", payment("D2"))
        assert his.result(first)["state"] == his.result(second)["state"] == "accepted"
        assert platform.calls().count("ST001") == 1
        assert {one.cycle for one in ledger(his).values()} == set(platform.built.platform.world.cycles)


def test_an_order_of_the_other_region_opens_the_other_cycle(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        his.send("ST007", payment("D1"))
        elsewhere = payment("D2")
        elsewhere["orderdata"]["aae139"] = "1"
        assert his.send("ST007", elsewhere)["state"] == "accepted"
        regions = [cycle.other_region for cycle in platform.built.platform.world.cycles.values()]
        assert sorted(regions) == ["0", "1"]


def test_a_second_sign_in_is_refused_while_the_cycle_is_open(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        again = his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        assert (again["state"], again["errors"][0]["rule"]) == ("invalid", "cycle_open")
        assert platform.calls().count("ST001") == 1


def test_a_cycle_is_not_signed_out_before_it_is_reconciled(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        his.send("ST007", payment("D1"))
        (cycle,) = platform.built.platform.world.cycles
        early = his.send("ST002", {"operatorid": OPERATOR, "busicycleno": cycle})
        assert (early["state"], early["errors"][0]["rule"]) == ("invalid", "not_reconciled")
        his.send("ST099", {"operatorid": OPERATOR})
        assert his.send("ST002", {"operatorid": OPERATOR})["state"] == "accepted"
        # The next payment opens the next cycle.
        assert his.send("ST007", payment("D2"))["state"] == "accepted"
        assert len(platform.built.platform.world.cycles) == 2


# -- orders -------------------------------------------------------------------------------------------
def test_an_orderid_is_used_once_for_ever(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        his.send("ST007", payment("D1"))
        other = his.send("ST007", payment("D1", TWO, "30.00"))
        assert (other["state"], other["errors"][0]["rule"]) == ("invalid", "order_used")
        assert platform.calls().count("ST007") == 1


def test_an_orderid_whose_payment_expired_unsent_may_be_used_again(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        scanned = now() - timedelta(seconds=301)
        late = his.send("ST007", payment("D1"), scanned_at=scanned.isoformat())
        assert late["state"] == "expired"
        assert his.send("ST007", payment("D1"))["state"] == "accepted"
        assert platform.calls().count("ST007") == 1


def test_each_order_ends_in_its_own_state(tmp_path: Path) -> None:
    with served(fault="apr_failed=on:ST007,skip:3") as platform, hospital(tmp_path, platform.url) as his:
        for orderid in ("PAID", "BACK", "GONE"):
            assert his.send("ST007", payment(orderid))["state"] == "accepted"
        his.send("ST010", {"orderid": "BACK", **scan(ONE, now())})
        his.send("ST100", {"orderid": "GONE", "reason": "记账失败"})
        refused = his.send("ST007", payment("NOT"))
        assert refused["state"] == "rejected", refused
        states = {orderid: (one.state, one.doing) for orderid, one in ledger(his).items()}
        assert states == {
            "PAID": (State.PAID, ""),
            "BACK": (State.REFUNDED, ""),
            "GONE": (State.CANCELLED, ""),
            "NOT": (State.NOT_PAID, ""),
        }


def test_a_cancellation_goes_only_after_st009_said_paid(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        his.send("ST007", payment("D1"))
        assert his.send("ST100", {"orderid": "D1", "reason": "记账失败"})["state"] == "accepted"
        assert platform.calls()[-2:] == ["ST009", "ST100"]
        again = his.send("ST100", {"orderid": "D1", "reason": "再次取消"})
        assert (again["state"], again["errors"][0]["rule"]) == ("invalid", "order_state")
        cycle = next(iter(platform.built.platform.world.cycles))
        strange = his.send("ST100", {"orderid": "D9", "busicycleno": cycle, "reason": "不存在"})
        assert strange["state"] == "rejected"
        assert platform.calls().count("ST100") == 1


# -- receipts -----------------------------------------------------------------------------------------
def acknowledge(his: Hospital, name: str) -> None:
    (his.config.folders[0].inbox / f"{name}.ack").write_bytes(b"")


def test_a_payment_that_is_not_acknowledged_in_time_is_cancelled(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url, "ack_within_s = 1") as his:
        his.send("ST007", payment("D1"))
        eventually(lambda: ledger(his)["D1"].state is State.CANCELLED, "the cancellation", 20)
        acknowledge(his, "HIS-1")
        results = his.config.folders[0].results

        def refusals() -> list[Path]:
            return [path for path in results.iterdir() if path.name.startswith("HIS-1.ack")]

        eventually(lambda: bool(refusals()), "the refused receipt", 10)
        assert "已经开始取消" in refusals()[0].read_text("utf-8")
        assert platform.effects()[-1] == ("pay:D1", -1)


def test_a_payment_that_is_acknowledged_in_time_stays(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url, "ack_within_s = 3600") as his:
        his.send("ST007", payment("D1"))
        acknowledge(his, "HIS-1")
        assert his.daemon is not None
        outbox = his.daemon.outbox

        def waits() -> bool:
            with outbox.write() as tx:
                return bool(tx.history("scanpay").values(BOOKING, (HOSPCODE,)))

        eventually(lambda: not waits(), "the receipt", 10)
        assert ledger(his)["D1"].state is State.PAID


PATIENT = "transport = { answer_timeout_s = 5 }"
"""How long the black hole is waited for: longer than the test, shorter than a default test run likes."""


# -- tills side by side ---------------------------------------------------------------------------------
def test_four_tills_pay_within_two_seconds_while_the_fifths_endpoint_is_a_black_hole(tmp_path: Path) -> None:
    tills = [f"040100890{number}" for number in range(5)]
    with served() as platform, hospital(tmp_path, platform.url, PATIENT) as his:
        for operator in tills:
            assert his.send("ST001", {"operatorid": operator, "aae139": "0"})["state"] == "accepted"
        platform.faults({"name": "delay", "on": ["ST007"], "seconds": 60, "times": 1})
        stuck = payment("D0")
        stuck["orderdata"]["operatorid"] = tills[0]
        path = his.drop("ST007", stuck)
        eventually(lambda: "D0" in ledger(his), "the payment in the black hole", 10)
        began = time.monotonic()
        paths = []
        for number, operator in enumerate(tills[1:], 1):
            one = payment(f"D{number}", number)
            one["orderdata"]["operatorid"] = operator
            paths.append(his.drop("ST007", one))
        assert [his.result(one)["state"] for one in paths] == ["accepted"] * 4
        assert time.monotonic() - began < 2
        assert not (path.exists() and json.loads(path.read_text("utf-8"))["final"])


# -- what is known of the platform's silence --------------------------------------------------------------
class Held:
    """A history of given facts, with groups."""

    def __init__(self, *facts: Identifier, giver: str = "") -> None:
        self._facts = {(fact.kind, fact.key, fact.member): fact.value for fact in facts}
        self._giver = giver

    def value(self, kind: str, key: tuple[str, ...], member: str = "") -> str | None:
        return self._facts.get((kind, key, member))

    def values(self, kind: str, key: tuple[str, ...]) -> dict[str, str]:
        return {m: value for (k, group, m), value in self._facts.items() if (k, group) == (kind, key)}

    def giver(self, kind: str, key: tuple[str, ...], member: str = "") -> str:
        return self._giver


CYCLE = Identifier("cycle", (HOSPCODE, OPERATOR, "0"), "C1")
CYCLE_1 = Cycle(HOSPCODE, "C1", OPERATOR, "0", NOW.isoformat())
OPENED = CYCLE_1.facts()
IDS = {"wire_id": f"{HOSPCODE}-1", "at": NOW.isoformat()}


def claimed(transaction: str, data: dict[str, Any], *facts: Identifier) -> Draft:
    completion = adapter().complete(draft(transaction, data), Held(CYCLE, *facts), forced=False)
    assert completion.refused == ()
    return completion.draft


def paid_order(state: State = State.PAID, **others: Any) -> Order:
    known = {"orderamt": "25.00", "total": "25.00", "owner": "ST007/HIS-9", **others}
    return Order(HOSPCODE, "D1", state, "ST007", "C1", OPERATOR, "0", NOW.isoformat(), "ST007", **known)


def state_in(outcome: Outcome) -> State:
    (text,) = [fact.value for fact in outcome.identifiers if fact.kind == ORDER_STATE]
    return read_order(text).state


def concluded(attempt: Draft, answer: Outcome) -> Conclusion:
    return adapter().conclude(attempt, IDS, answer)


NO_ORDER = Outcome(Verdict.REJECTED, "10")


def says(status: str) -> Outcome:
    return Outcome(Verdict.ACCEPTED, "00", data={"orderid": "D1", "paystatus": status})


def scanned_payment(**others: Any) -> dict[str, Any]:
    return {**order("D1", ONE), **scan(ONE, NOW), **others}


def test_no_order_means_not_paid_only_after_its_time_and_the_margin() -> None:
    conclusion = concluded(claimed("ST007", scanned_payment(orderovertime="7")), NO_ORDER)
    assert (conclusion.finding, conclusion.counts_from) == (Finding.ABSENT, NOW + timedelta(minutes=8))
    assert conclusion.outcome is not None
    assert state_in(conclusion.outcome) is State.NOT_PAID
    assert disputing.LATE_LOOK in {fact.kind for fact in conclusion.outcome.identifiers}


def test_an_ordertime_far_ahead_does_not_keep_an_order_open_for_ever() -> None:
    ahead = claimed("ST007", scanned_payment(orderovertime="5", ordertime="2030-01-01 00:00:00"))
    assert concluded(ahead, NO_ORDER).counts_from == NOW + timedelta(minutes=16)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("2", State.PAID),
        ("3", State.NOT_PAID),
        ("4", State.CANCELLED),
        ("5", State.REFUNDED),
    ],
)
def test_what_st009_says_is_what_becomes_of_a_payment(status: str, state: State) -> None:
    conclusion = concluded(claimed("ST007", scanned_payment()), says(status))
    assert conclusion.finding is Finding.FOUND
    assert conclusion.outcome is not None
    assert state_in(conclusion.outcome) is state


@pytest.mark.parametrize("missing", ["orderid", "balancecode"])
def test_a_success_that_does_not_say_what_it_is_about_is_not_believed(missing: str) -> None:
    attempt = claimed("ST007", scanned_payment())
    spec = adapter().catalog.transaction("ST007")
    data = {"orderid": "D1", "balancecode": "YZ1"}
    assert outcomes.outcome(spec, attempt, Answer("00", "", "00", "", data)).verdict is Verdict.ACCEPTED
    with pytest.raises(AnswerRejected):
        outcomes.outcome(spec, attempt, Answer("00", "", "00", "", {**data, missing: ""}))


def test_that_it_is_paid_never_accepts_a_registration_whose_numbers_are_lost() -> None:
    attempt = claimed("ST023", admission("D1", ONE, NOW))
    assert concluded(attempt, says("2")).finding is Finding.UNDECIDED


def test_paying_decides_nothing() -> None:
    assert concluded(claimed("ST007", scanned_payment()), says("1")).finding is Finding.UNDECIDED


def test_no_order_after_a_cancellation_is_cancelled() -> None:
    look, cancel = adapter().plan(_submission("ST100", {"orderid": "D1", "reason": "记账失败"}), NOW).drafts
    assert (look.transaction, cancel.transaction) == ("ST009", "ST100")
    whole = adapter().complete(cancel, Held(CYCLE, *paid_order().facts()), forced=False).draft
    conclusion = concluded(whole, NO_ORDER)
    assert conclusion.outcome is not None
    assert state_in(conclusion.outcome) is State.CANCELLED


def _submission(transaction: str, data: dict[str, Any], **others: Any) -> Submission:
    return Submission("scanpay", transaction, "HIS-1", data, **others)


def test_a_payment_found_after_it_was_told_as_not_paid_is_disputed_with_an_alarm() -> None:
    held = paid_order(State.NOT_PAID, proof="negatives").facts()
    (look,) = adapter().plan(_submission("ST009", {"orderid": "D1"}, internal=True), NOW).drafts
    whole = adapter().complete(look, Held(*held), forced=False).draft
    found = keeping.kept(says("2"), whole, IDS, adapter().settings)
    assert state_in(found) is State.DISPUTED
    (alarm,) = found.downloads
    assert alarm.content["offer"] == {
        "transaction": "ST100",
        "data": {"orderid": "D1", "busicycleno": "C1"},
    }
    still = keeping.kept(NO_ORDER, whole, IDS, adapter().settings)
    assert still.identifiers == ()
    assert still.forgotten == (Forget(disputing.LATE_LOOK, (HOSPCODE,), "D1"),)


# -- what the platform says unasked --------------------------------------------------------------------------
def noted(order: Order, status: str, giver: str = "") -> Noted:
    hearing = hear(adapter())
    notice = Notice("key", "ST009", {"orderid": "D1"}, Scope("order", ("D1",)), says(status), b"")
    return hearing.noted(notice, Held(*order.facts(), giver=giver), NOW)


@pytest.mark.parametrize(
    ("state", "giver", "kinds", "alarm"),
    [
        (State.NOT_PAID, "", {ORDER_STATE, "cycle-order", disputing.TOLD_PAID}, "paid_after_not_paid"),
        (State.ASKED, "in_flight", {disputing.TOLD_PAID}, ""),
        (State.ASKED, "unknown", {disputing.TOLD_PAID}, ""),
        (State.ASKED, "expired", {ORDER_STATE, "cycle-order", disputing.TOLD_PAID}, "paid_after_not_paid"),
        (State.PAID, "", set(), ""),
        (State.CANCELLED, "", set(), ""),
        (State.REFUNDED, "", set(), ""),
        (State.DISPUTED, "", set(), ""),
    ],
)
def test_a_callback_that_says_paid_disputes_only_what_was_told_as_not_paid(
    state: State, giver: str, kinds: set[str], alarm: str
) -> None:
    found = noted(paid_order(state), "2", giver)
    assert ({fact.kind for fact in found.identifiers}, found.alarm) == (kinds, alarm)
    for other in ("", "1", "3", "4", "5"):
        assert noted(paid_order(state), other, giver) == Noted()


def test_what_a_callback_called_paid_is_looked_at_once_its_own_message_has_ended_otherwise() -> None:
    told = disputing.told_paid(paid_order())
    for state, giver, looks, forgotten in (
        (State.ASKED, "inquiring", [], set()),
        (State.NOT_PAID, "", ["ST009"], set()),
        (State.DISPUTED, "", ["ST009"], set()),
        (State.PAID, "", [], {disputing.TOLD_PAID}),
    ):
        found = all_due(*paid_order(state).facts(), told, giver=giver)
        assert [duty.submission.transaction for duty in found if duty.submission] == looks
        assert {gone.kind for duty in found for gone in duty.forgotten} == forgotten


def test_a_disputed_order_has_the_amounts_that_the_platform_settled() -> None:
    shares = {"akc264": "25.00", "akc260": "15.00", "akc255": "6.00", "akc261": "4.00", "balanceno": "JS9"}
    data = {"orderamt": "25.00", "aptorderackdata": {"balanceret": shares}}
    unknown = paid_order(State.NOT_PAID, total="")
    found = disputing.disputed(unknown, data, "", "callback")
    assert (found.total, found.fund, found.account, found.cash) == ("25.00", "15.00", "6.00", "4.00")
    assert (found.balanceno, found.proof, found.at) == ("JS9", "callback", unknown.at)
    without = disputing.disputed(unknown, {"orderamt": "24.00"}, "", "callback")
    assert (without.total, without.fund) == ("24.00", "")


def test_an_order_that_ends_as_paid_is_not_looked_at_again() -> None:
    attempt = claimed("ST007", scanned_payment())
    ended = concluded(attempt, says("2")).outcome
    assert ended is not None
    assert {gone.kind for gone in ended.forgotten} == {disputing.LATE_LOOK, disputing.TOLD_PAID}
    refused = concluded(attempt, says("3")).outcome
    assert refused is not None
    assert refused.forgotten == ()


@pytest.mark.parametrize(
    ("state", "status", "end", "alarmed", "offered"),
    [
        (State.NOT_PAID, "2", State.DISPUTED, True, True),
        (State.NOT_PAID, "3", None, False, False),
        (State.NOT_PAID, "", None, False, False),
        (State.DISPUTED, "2", State.DISPUTED, True, True),
        (State.DISPUTED, "3", State.DISPUTED, True, False),
        (State.DISPUTED, "", State.DISPUTED, True, False),
        (State.DISPUTED, "4", State.CANCELLED, False, False),
        (State.DISPUTED, "5", State.REFUNDED, False, False),
    ],
)
def test_what_a_look_finds_is_told_and_kept(
    state: State, status: str, end: State | None, alarmed: bool, offered: bool
) -> None:
    answer = says(status) if status else NO_ORDER
    found = disputing.looked(answer, paid_order(state), IDS, frozenset({"10"}))
    assert [read_order(fact.value).state for fact in found.identifiers if fact.kind == ORDER_STATE] == (
        [end] if end and end is not state else []
    )
    assert bool(found.downloads) is alarmed
    assert ["offer" in one.content for one in found.downloads] == ([offered] if alarmed else [])
    kinds = {disputing.LATE_LOOK, disputing.TOLD_PAID} if end else {disputing.LATE_LOOK}
    assert {gone.kind for gone in found.forgotten} == kinds


@pytest.mark.parametrize("answer", [says("1"), Outcome(Verdict.REJECTED, "19")])
def test_a_look_that_finds_nothing_out_changes_nothing(answer: Outcome) -> None:
    for state in (State.NOT_PAID, State.DISPUTED):
        assert disputing.looked(answer, paid_order(state), IDS, frozenset({"10"})) == answer


def test_the_agents_own_look_waits_for_the_orders_messages_and_a_hiss_question_does_not() -> None:
    holds = {}
    for internal in (True, False):
        (look,) = adapter().plan(_submission("ST009", {"orderid": "D1"}, internal=internal), NOW).drafts
        holds[internal] = {scope.kind: scope.hold for scope in look.scopes}
    assert holds[True]["order"] is Hold.EXCLUSIVE
    assert holds[False]["order"] is Hold.OBSERVER


# -- what the ledger refuses --------------------------------------------------------------------------
def refused(transaction: str, data: dict[str, Any], *facts: Identifier, giver: str = "") -> list[str]:
    """The rules by which a submission's own message, behind a look where it has one, is refused."""
    drafts = adapter().plan(_submission(transaction, data), NOW).drafts
    completion = adapter().complete(drafts[-1], Held(CYCLE, *facts, giver=giver), forced=False)
    return [fault.rule for fault in completion.refused]


def test_an_order_under_way_is_made_by_no_other_submission() -> None:
    others = paid_order(State.ASKED, owner="ST007/HIS-9")
    own = paid_order(State.ASKED, owner="ST007/HIS-1")
    assert refused("ST007", scanned_payment(), *others.facts(), giver="inquiring") == ["order_used"]
    assert refused("ST007", scanned_payment(), *own.facts(), giver="in_flight") == []


REFUND = {"orderid": "D1", "balanceno": "JS1", "balancecode": "YZ1", **scan(ONE, NOW)}


def test_an_order_of_another_agent_is_kept_by_what_was_done_to_it_and_by_nothing_else() -> None:
    completion = adapter().complete(draft("ST010", REFUND), Held(CYCLE), forced=False)
    assert completion.refused == ()
    settings = adapter().settings
    failed = keeping.kept(Outcome(Verdict.REJECTED, "11"), completion.draft, IDS, settings)
    assert (failed.identifiers, failed.forgotten) == ((), ())
    assert order_of(Held(*completion.given, giver="rejected"), HOSPCODE, "D1") is None
    number = Outcome(Verdict.ACCEPTED, "00", data={"receiverserialno": "FJ1"})
    refunded = keeping.kept(number, completion.draft, IDS, settings)
    assert state_in(refunded) is State.REFUNDED
    assert order_of(Held(*refunded.identifiers), HOSPCODE, "D1") is not None


def test_an_order_of_another_agent_is_refunded_by_no_other_submission_while_its_refund_is_in_doubt() -> None:
    begun = adapter().complete(draft("ST010", REFUND), Held(CYCLE), forced=False)
    other = draft("ST010", REFUND)
    other = replace(other, memo={**other.memo, "owner": "ST010/HIS-2"})
    for giver, rules in (("unknown", ["order_busy"]), ("rejected", [])):
        completion = adapter().complete(other, Held(CYCLE, *begun.given, giver=giver), forced=False)
        assert [fault.rule for fault in completion.refused] == rules


def test_an_order_told_as_not_paid_by_silence_is_never_paid_again() -> None:
    settle = {"orderid": "D1", **scan(ONE, NOW)}
    valid = Identifier("order", ("D1",), "FW1")
    for proof, rules in (("answer", []), ("inquiry", []), ("negatives", ["order_state"])):
        one = replace(paid_order(State.NOT_PAID), kind="ST021", proof=proof)
        assert refused("ST022", settle, valid, *one.facts()) == rules
    assert refused("ST022", settle, valid, *paid_order(State.NOT_PAID, proof="answer").facts()) == [
        "order_state"
    ]


@pytest.mark.parametrize(
    ("cycle", "is_open", "rules"),
    [("C1", True, []), ("C2", True, ["wrong_cycle"]), ("C1", False, ["wrong_cycle"]), ("", True, [])],
)
def test_a_cancellation_goes_into_its_payments_open_cycle_only(
    cycle: str, is_open: bool, rules: list[str]
) -> None:
    kept = (*replace(CYCLE_1, open=is_open).facts(), *replace(CYCLE_1, number="C2").facts())
    data = {"orderid": "D1", "reason": "记账失败", **({"busicycleno": cycle} if cycle else {})}
    assert refused("ST100", data, *paid_order().facts(), *kept)[:1] == rules
    held = Held(CYCLE, *paid_order().facts(), *kept)
    looked_and_cancelled = adapter().plan(_submission("ST100", data), NOW).drafts
    forced = [adapter().complete(one, held, forced=True).refused for one in looked_and_cancelled]
    assert [fault.rule for fault in forced[-1]] == rules
    assert [fault.rule for fault in forced[0]] == ([] if is_open else rules), "the look goes by the order"


@pytest.mark.parametrize(
    ("transaction", "state", "rules"),
    [
        ("ST010", State.PAID, []),
        ("ST010", State.DISPUTED, []),
        ("ST010", State.NOT_PAID, ["order_state"]),
        ("ST010", State.REFUNDED, ["order_state"]),
        ("ST010", State.CANCELLED, ["order_state"]),
        ("ST100", State.DISPUTED, []),
        ("ST100", State.NOT_PAID, ["order_state"]),
        ("ST100", State.REFUNDED, ["order_state"]),
    ],
)
def test_only_what_is_paid_is_refunded_or_cancelled(transaction: str, state: State, rules: list[str]) -> None:
    data = {"orderid": "D1", "balanceno": "JS1", "balancecode": "YZ1", **scan(ONE, NOW)}
    data = data if transaction == "ST010" else {"orderid": "D1", "reason": "记账失败"}
    assert refused(transaction, data, *paid_order(state).facts()) == rules


# -- signing out by the HIS ----------------------------------------------------------------------------------
SIGN_OUT = {"operatorid": OPERATOR, "busicycleno": "C1"}


@pytest.mark.parametrize(
    ("order", "giver", "more", "rule"),
    [
        (paid_order(State.ASKED), "inquiring", (), "unsettled"),
        (paid_order(State.ASKED), "unknown", (), "unsettled"),
        (paid_order(State.PAID, doing="ST010"), "inquiring", (), "unsettled"),
        (paid_order(State.DISPUTED), "", (), "disputed"),
        (
            paid_order(State.PAID),
            "",
            (disputing.waiting(BOOKING, HOSPCODE, "D1", "", "C1"),),
            "not_acknowledged",
        ),
        (paid_order(State.PAID), "", (), ""),
    ],
)
def test_a_cycle_is_not_signed_out_while_an_order_of_it_is_open(
    order: Order, giver: str, more: tuple[Identifier, ...], rule: str
) -> None:
    """All of them reconciled, so that nothing else is in the way."""
    known = as_ended(order, giver) if order.unsettled else order
    over = Identifier(RECONCILED, (HOSPCODE, "C1"), fingerprint([known]), LEDGER)
    clean = Identifier(RECONCILED, (HOSPCODE, "C1"), "clean")
    facts = (CYCLE, *order.facts(), over, clean, *more)
    for forced in (False, True):
        completion = adapter().complete(draft("ST002", SIGN_OUT), Held(*facts, giver=giver), forced=forced)
        assert [fault.rule for fault in completion.refused] == ([rule] if rule else [])


def test_open_differences_keep_a_cycle_open_also_where_this_agent_knows_of_no_order_in_it() -> None:
    differs, clean = compared("open 1", fingerprint([])), compared("clean", fingerprint([]))
    assert refused("ST002", SIGN_OUT, *differs) == ["not_reconciled"]
    assert refused("ST002", SIGN_OUT, *clean) == refused("ST002", SIGN_OUT) == []
    forced = adapter().complete(draft("ST002", SIGN_OUT), Held(CYCLE, *differs), forced=True)
    assert [fault.rule for fault in forced.refused] == ["not_reconciled"]


REGISTERED = replace(paid_order(State.REGISTERED), kind="ST023")
WITHDRAWAL = {"orderid": "D1", "ordervalidcode": "FW1", **scan(ONE, NOW)}


@pytest.mark.parametrize(
    ("transaction", "data", "facts"),
    [
        ("ST010", REFUND, paid_order().facts()),
        ("ST010", REFUND, ()),
        ("ST024", WITHDRAWAL, REGISTERED.facts()),
        ("ST024", WITHDRAWAL, ()),
    ],
)
@pytest.mark.parametrize(
    ("giver", "rules"), [("unknown", ["unsettled", "not_reconciled"]), ("expired", []), ("rejected", [])]
)
def test_a_cycle_is_not_signed_out_while_a_refund_or_withdrawal_of_another_cycles_order_is_open_in_it(
    transaction: str, data: dict[str, Any], facts: tuple[Identifier, ...], giver: str, rules: list[str]
) -> None:
    now_open = Identifier("cycle", (HOSPCODE, OPERATOR, "0"), "C2")
    begun = adapter().complete(draft(transaction, data), Held(now_open, *facts), forced=False)
    assert (begun.refused, begun.draft.body["busicycleno"]) == ((), "C2")
    sign_out = {**SIGN_OUT, "busicycleno": "C2"}
    assert refused("ST002", sign_out, *facts, *begun.given, giver=giver) == rules


def test_a_refused_refund_leaves_its_order_in_the_cycle_of_its_payment_alone() -> None:
    attempt = claimed("ST010", {**REFUND, "busicycleno": "C2"}, *paid_order().facts())
    ended = keeping.kept(Outcome(Verdict.REJECTED, "11"), attempt, IDS, adapter().settings)
    (kept,) = [read_order(fact.value) for fact in ended.identifiers if fact.kind == ORDER_STATE]
    assert (kept.state, kept.refund_cycle, set(kept.cycles())) == (State.PAID, "", {"C1"})


def test_what_is_only_to_be_refunded_in_a_cycle_is_no_payment_of_it() -> None:
    begun = paid_order(doing="ST010", doing_in="C2", refund_cycle="C2")
    cycles = (*OPENED, *replace(CYCLE_1, number="C2").facts())
    held = Held(*cycles, *begun.facts(), giver="unknown")
    told = listing.orders(adapter(), held, Asked((), "", "", NOW)).data["cycles"]
    found = {one["busicycleno"]: (one["total"], [d["doing"] for d in one["orders"]]) for one in told}
    assert found == {"C1": ("25.00", ["ST010"]), "C2": ("0.00", ["ST010"])}


# -- duties -------------------------------------------------------------------------------------------------
def due(*facts: Identifier, **how: Any) -> list[str]:
    return [duty.submission.transaction for duty in all_due(*facts, **how) if duty.submission]


def all_due(
    *facts: Identifier, at: datetime = NOW, giver: str = "", watched: Watched | None = None, **others: Any
) -> tuple[Duty, ...]:
    settings = read_settings(options(**others))
    watched = watched or Watched(at, first=False, heard=at)
    return duties.duties(Held(*facts, giver=giver), watched, settings)


@pytest.mark.parametrize(("seconds", "waits"), [(0, False), (30, True)])
def test_a_receipt_is_waited_for_only_where_it_is_configured(seconds: int, waits: bool) -> None:
    settings = read_settings(options(ack_within_s=seconds))
    paid = Outcome(Verdict.ACCEPTED, "00", data={"orderid": "D1"})
    ended = keeping.kept(paid, claimed("ST007", scanned_payment()), IDS, settings)
    assert (BOOKING in {fact.kind for fact in ended.identifiers}) is waits


def test_a_clock_that_was_set_back_makes_nobody_wait_for_the_time_that_was() -> None:
    ahead = NOW + timedelta(days=1)
    looked = disputing.waiting(disputing.LATE_LOOK, HOSPCODE, "D1", ahead.isoformat(), "C1")
    assert due(*paid_order(State.NOT_PAID).facts(), looked) == ["ST009"]


def test_what_was_told_as_not_paid_is_looked_at_once_more_after_a_while() -> None:
    order_facts = paid_order(State.NOT_PAID).facts()
    looked = disputing.waiting(disputing.LATE_LOOK, HOSPCODE, "D1", NOW.isoformat(), "C1")
    assert due(*order_facts, looked, at=NOW + timedelta(seconds=899)) == []
    assert due(*order_facts, looked, at=NOW + timedelta(seconds=900)) == ["ST009"]
    assert due(*order_facts, disputing.look_now(paid_order(State.NOT_PAID))) == ["ST009"]


NIGHT = NOW.replace(hour=23, minute=30)


def compared(state: str, over: str) -> tuple[Identifier, ...]:
    key = (HOSPCODE, "C1")
    return Identifier(RECONCILED, key, state), Identifier(RECONCILED, key, over, LEDGER)


def test_a_cycle_is_signed_out_at_its_hour_once_nothing_keeps_it_open() -> None:
    clean = (*paid_order().facts(), *compared("clean", fingerprint([paid_order()])))
    assert due(*OPENED, *clean, at=NIGHT - timedelta(minutes=1), sign_out_at="23:30") == []
    assert due(*OPENED, *clean, at=NIGHT) == []
    unheard = Watched(NIGHT, first=False, heard=NIGHT - timedelta(seconds=1))
    assert due(*OPENED, *clean, watched=unheard, sign_out_at="23:30") == []
    assert due(*OPENED, *clean, at=NIGHT, sign_out_at="23:30") == ["ST002"]
    closed = replace(CYCLE_1, open=False).facts()
    assert due(*closed, *clean, at=NIGHT, sign_out_at="23:30") == []


def test_a_cycle_that_only_lacks_its_reconciliation_is_reconciled_first() -> None:
    paid = paid_order().facts()
    assert due(*OPENED, *paid, at=NIGHT, sign_out_at="23:30") == ["ST099"]
    stale = compared("clean", "other orders")
    assert due(*OPENED, *paid, *stale, at=NIGHT, sign_out_at="23:30") == ["ST099"]
    differs = compared("open 1", "other orders")
    assert due(*OPENED, *paid, *differs, at=NIGHT, sign_out_at="23:30") == ["ST099"]


def test_a_cycle_without_an_order_of_this_agent_is_signed_out_after_a_clean_reconciliation_only() -> None:
    """The platform may have a payment in it that this agent does not know of."""
    assert due(*OPENED, at=NIGHT, sign_out_at="23:30") == ["ST099"]
    clean = compared("clean", fingerprint([]))
    assert due(*OPENED, *clean, at=NIGHT, sign_out_at="23:30") == ["ST002"]
    differs = compared("open 1", fingerprint([]))
    assert due(*OPENED, *differs, at=NIGHT, sign_out_at="23:30") == []


def test_differences_over_the_same_orders_wait_for_a_person() -> None:
    known = (*paid_order().facts(), *compared("open 1", fingerprint([paid_order()])))
    assert due(*OPENED, *known, at=NIGHT, sign_out_at="23:30") == []


@pytest.mark.parametrize("kept", ["asked", "disputed", "booking"])
def test_what_keeps_a_cycle_open_is_waited_for_before_it_is_reconciled(kept: str) -> None:
    held = paid_order(State(kept)) if kept != "booking" else paid_order()
    waits = disputing.waiting(BOOKING, HOSPCODE, "D1", NIGHT.isoformat(), "C1")
    facts = (*held.facts(), waits) if kept == "booking" else held.facts()
    assert due(*OPENED, *facts, at=NIGHT, sign_out_at="23:30", giver="inquiring") == []


def test_a_closing_that_came_to_nothing_is_tried_again_after_a_while() -> None:
    def tried(transaction: str, ago: timedelta) -> Identifier:
        at = (NIGHT - ago).isoformat()
        return Identifier(duties.TRIED, (HOSPCODE, transaction), at, "C1")

    for transaction, facts in (
        ("ST002", compared("clean", fingerprint([]))),
        ("ST099", paid_order().facts()),
    ):
        short = tried(transaction, timedelta(minutes=9))
        long = tried(transaction, timedelta(minutes=10))
        assert due(*OPENED, *facts, short, at=NIGHT, sign_out_at="23:30") == []
        assert due(*OPENED, *facts, long, at=NIGHT, sign_out_at="23:30") == [transaction]
    looked = Identifier(duties.CLOSING, (HOSPCODE,), (NIGHT - timedelta(seconds=9)).isoformat(), "C1")
    clean = compared("clean", fingerprint([]))
    assert due(*OPENED, *clean, looked, at=NIGHT, sign_out_at="23:30") == []


# -- orders whose message ended without an outcome ----------------------------------------------------------
@pytest.mark.parametrize(
    ("giver", "state", "doing"),
    [
        ("inquiring", State.ASKED, "ST007"),
        ("unknown", State.ASKED, "ST007"),
        ("expired", State.PREPARED, ""),
        ("rejected", State.NOT_PAID, ""),
        ("", State.NOT_PAID, ""),
    ],
)
def test_an_order_whose_message_ended_without_an_answer(giver: str, state: State, doing: str) -> None:
    asked = paid_order(State.ASKED, was="prepared", doing="ST007")
    ended = as_ended(asked, giver)
    assert (ended.state, ended.doing) == (state, doing)
    assert text_of(ended.orderid) == "D1"
