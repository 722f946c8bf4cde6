"""Words that say nothing of an order's state settle nothing, and what ended because nothing was found stays
open to what the platform says later."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.demo.stage import eventually
from agent.errors import AnswerRejected
from agent.events import Draft, Finding, JsonObject, Outcome, Verdict
from plugins.scanpay import disputing, keeping, outcomes
from plugins.scanpay.codec import Answer
from plugins.scanpay.disputing import LATE_LOOK, TOLD_PAID
from plugins.scanpay.orders import BOOKING, ORDER_STATE, Order, State, read_order
from plugins.scanpay.simulator.key_files import read_sealing
from plugins.scanpay.simulator.sealing import Hash
from plugins.scanpay.simulator.wire import write_form
from tests.unit.scanpay.test_scanpay_callbacks import (
    QUICK,
    alarms,
    heard,
    inquiring,
    pay,
    post,
    signed_by_platform,
    state_of,
    till,
)
from tests.unit.scanpay.test_scanpay_desk import waiting_for_receipt
from tests.unit.scanpay.test_scanpay_orders import (
    CYCLE,
    IDS,
    NO_ORDER,
    ONE,
    Held,
    _submission,
    claimed,
    concluded,
    due,
    noted,
    paid_order,
    says,
    state_in,
)
from tests.unit.scanpay.test_scanpay_planning import adapter
from tests.unit.scanpay.till import HOSPCODE, NOW, key_folder, scan

ABSENT = frozenset({"10"})


def cancellation(part: int = 1) -> Draft:
    """A claimed ST100 of a paid order; part 0 is the look before it."""
    asked = {"orderid": "D1", "reason": "记账失败"}
    drafts = adapter().plan(_submission("ST100", asked), NOW).drafts
    return adapter().complete(drafts[part], Held(CYCLE, *paid_order().facts()), forced=False).draft


def cancelled(proof: str) -> Order:
    return replace(paid_order(State.CANCELLED), proof=proof)


def answered(data: JsonObject) -> Outcome:
    asked = Draft("ST009", "", {"orderid": "D1"}, harmless=True)
    spec = adapter().catalog.transaction("ST009")
    return outcomes.outcome(spec, asked, Answer("00", "", "00", "", data))


# -- words that say nothing ---------------------------------------------------------------------------------
@pytest.mark.parametrize("paystatus", ["", "4"])
def test_an_answer_that_names_another_order_is_not_believed(paystatus: str) -> None:
    with pytest.raises(AnswerRejected):
        answered({"orderid": "D2", "paystatus": paystatus})


@pytest.mark.parametrize("data", [{"busicycleno": "C9"}, {"orderid": "D1", "balancecode": "YZ1"}])
def test_an_order_whose_state_is_left_out_is_no_order_that_is_not_there(data: JsonObject) -> None:
    assert concluded(cancellation(), answered(data)).finding is Finding.UNDECIDED
    assert concluded(cancellation(), answered({"orderid": "D1"})).finding is Finding.FOUND


@pytest.mark.parametrize(
    "changed", [{"transdata": "<transdata><orderid>D1</orderid></transdata>"}, {"aprcode": "10"}]
)
def test_a_callback_that_says_no_state_is_refused(changed: dict[str, str]) -> None:
    assert heard(signed_by_platform()).answer.data["paystatus"] == "2"
    with pytest.raises(AnswerRejected):
        heard(signed_by_platform(**changed))


def test_a_callback_without_a_state_cancels_no_paid_order(tmp_path: Path) -> None:
    said = {"transtype": "ST009", "orderid": "D1", "respcode": "00", "aprcode": "00"}
    sealing = read_sealing(key_folder(Hash.SHA1_HEX), Hash.SHA1_HEX, NOW)
    body = write_form(sealing.signed({**said, "transdata": "<transdata></transdata>"}))
    with till(tmp_path, settings=QUICK) as (platform, his, _caught):
        his.result(pay(his))
        platform.faults("drop_before=on:ST100,times:1", "drop_before=on:ST009,skip:1")
        path = his.drop("ST100", {"orderid": "D1", "reason": "记账失败"})
        eventually(lambda: inquiring(his), "the inquiry")
        assert post(his, body) == (403, b"refused")
        assert inquiring(his)
        platform.faults()
        assert his.result(path)["state"] == "accepted"
        assert platform.effects()[-1] == ("pay:D1", -1)


# -- cancelled because nothing was found -------------------------------------------------------------------
def test_only_a_cancellation_by_silence_is_looked_at_again() -> None:
    for answer, looks, proof in ((NO_ORDER, {LATE_LOOK}, "negatives"), (says("4"), set(), "inquiry")):
        ended = concluded(cancellation(), answer).outcome
        assert ended is not None
        assert state_in(ended) is State.CANCELLED
        (kept,) = [read_order(fact.value) for fact in ended.identifiers if fact.kind == ORDER_STATE]
        assert kept.proof == proof
        assert {fact.kind for fact in ended.identifiers} & {LATE_LOOK} == looks
    waits = disputing.waiting(LATE_LOOK, HOSPCODE, "D1", NOW.isoformat(), "C1")
    later = NOW + timedelta(seconds=900)
    assert due(*cancelled("negatives").facts(), waits, at=later) == ["ST009"]
    assert due(*cancelled("answer").facts(), waits, at=later) == []


@pytest.mark.parametrize(
    ("proof", "kinds"), [("negatives", {ORDER_STATE, "cycle-order", TOLD_PAID}), ("answer", set())]
)
def test_paid_unasked_disputes_only_a_cancellation_by_silence(proof: str, kinds: set[str]) -> None:
    assert {fact.kind for fact in noted(cancelled(proof), "2").identifiers} == kinds


def test_what_is_told_as_paid_while_its_cancellation_is_in_doubt_is_looked_at_if_it_ends_by_silence() -> None:
    told = disputing.told_paid(paid_order())
    assert due(*cancelled("negatives").facts(), told) == ["ST009"]
    assert due(*cancelled("answer").facts(), told) == []
    silent, said = concluded(cancellation(), NO_ORDER).outcome, concluded(cancellation(), says("4")).outcome
    assert silent is not None
    assert said is not None
    assert TOLD_PAID not in {gone.kind for gone in silent.forgotten}
    assert TOLD_PAID in {gone.kind for gone in said.forgotten}


def test_a_look_disputes_a_cancellation_by_silence_and_nothing_found_once_more_ends_the_dispute() -> None:
    found = disputing.looked(says("2"), cancelled("negatives"), IDS, ABSENT)
    assert state_in(found) is State.DISPUTED
    assert "已取消" in found.downloads[0].content["message"]
    assert found.downloads[0].content["offer"]["transaction"] == "ST100"
    disputed = disputing.disputed(cancelled("negatives"), {}, "", "callback")
    ended = disputing.looked(NO_ORDER, disputed, IDS, ABSENT)
    assert state_in(ended) is State.CANCELLED
    assert ended.downloads == ()
    again = read_order(next(fact.value for fact in ended.identifiers if fact.kind == ORDER_STATE))
    assert disputing.ended_by_silence(again)


def test_a_hiss_own_question_has_a_cancellation_by_silence_looked_at() -> None:
    (ask,) = adapter().plan(_submission("ST009", {"orderid": "D1"}), NOW).drafts
    for proof, looks in (("negatives", [LATE_LOOK]), ("answer", [])):
        whole = adapter().complete(ask, Held(*cancelled(proof).facts()), forced=False).draft
        found = keeping.kept(says("2"), whole, IDS, adapter().settings)
        assert [fact.kind for fact in found.identifiers] == looks


def test_an_order_cancelled_by_silence_that_is_paid_after_all_is_disputed_and_can_be_cancelled(
    tmp_path: Path,
) -> None:
    with till(tmp_path) as (platform, his, caught):
        his.result(pay(his))
        platform.faults("drop_before=on:ST100,times:1", "drop_before=on:ST009,skip:1")
        path = his.drop("ST100", {"orderid": "D1", "reason": "记账失败"})
        eventually(lambda: inquiring(his), "the inquiry")
        orders = platform.built.platform.world.orders
        hidden = orders.pop("D1")
        platform.faults()
        assert his.result(path)["state"] == "accepted"
        assert state_of(his) is State.CANCELLED
        orders["D1"] = hidden
        assert post(his, caught[0].body)[0] == 200
        assert state_of(his) is State.DISPUTED
        eventually(lambda: bool(alarms(his)), "the alarm")
        (alarm,) = alarms(his)
        offer = alarm["offer"]
        assert his.send(offer["transaction"], {**offer["data"], "reason": "未记账"})["state"] == "accepted"
        assert state_of(his) is State.CANCELLED
        assert platform.effects()[-1] == ("pay:D1", -1)


# -- ended at the platform -----------------------------------------------------------------------------------
def told(folder: Path, ending: str) -> list[JsonObject]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob(f"ST009/{ending}-*.json"))]


@pytest.mark.parametrize(("status", "end"), [("4", State.CANCELLED), ("5", State.REFUNDED)])
def test_a_look_before_st100_that_finds_it_ended_ends_it_here_and_tells_the_his(
    status: str, end: State
) -> None:
    found = keeping.kept(says(status), cancellation(0), IDS, adapter().settings)
    assert (found.verdict, found.code) == (Verdict.REJECTED, status)
    assert state_in(found) is end
    assert {gone.kind for gone in found.forgotten} == {BOOKING, LATE_LOOK, TOLD_PAID}
    (alarm,) = found.downloads
    assert (alarm.name.partition("-")[0], alarm.content["alarm"]) == (end.value, end.value)


@pytest.mark.parametrize("status", ["1", "2", "3"])
def test_a_look_before_st100_that_finds_it_not_ended_changes_no_order(status: str) -> None:
    found = keeping.kept(says(status), cancellation(0), IDS, adapter().settings)
    assert (found.identifiers, found.forgotten, found.downloads) == ((), (), ())


def test_a_payment_that_the_platform_cancelled_is_asked_about_once_and_the_his_told(tmp_path: Path) -> None:
    with till(tmp_path, settings=("ack_within_s = 1",)) as (platform, his, _caught):
        world = platform.built.platform.world
        his.result(pay(his))
        world.cancel(world.orders["D1"])
        eventually(lambda: bool(told(his.config.downloads, "cancelled")), "the alarm")
        assert state_of(his) is State.CANCELLED
        assert waiting_for_receipt(his) == {}
        assert (platform.calls().count("ST009"), "ST100" in platform.calls()) == (1, False)


def test_a_hiss_own_question_that_finds_it_cancelled_ends_it_here(tmp_path: Path) -> None:
    with till(tmp_path) as (platform, his, _caught):
        world = platform.built.platform.world
        his.result(pay(his))
        world.cancel(world.orders["D1"])
        assert his.send("ST009", {"orderid": "D1"})["data"]["paystatus"] == "4"
        eventually(lambda: bool(told(his.config.downloads, "cancelled")), "the alarm")
        assert state_of(his) is State.CANCELLED


# -- a refund told as not done, and what a person accepts ---------------------------------------------------
def test_a_refund_told_as_not_done_is_looked_at_and_found_done_after_all() -> None:
    data = {"orderid": "D1", "balanceno": "J1", "balancecode": "B1", **scan(ONE, NOW)}
    attempt = claimed("ST010", data, *paid_order().facts())
    ended = concluded(attempt, says("2")).outcome
    assert ended is not None
    assert state_in(ended) is State.PAID
    (waits,) = [fact for fact in ended.identifiers if fact.kind == LATE_LOOK]
    seen = disputing.waiting(LATE_LOOK, HOSPCODE, "D1", NOW.isoformat(), "C1")
    assert due(*ended.identifiers, seen, at=NOW + timedelta(seconds=900)) == ["ST009"]
    assert waits.member == "D1"

    (look,) = adapter().plan(_submission("ST009", {"orderid": "D1"}, internal=True), NOW).drafts
    whole = adapter().complete(look, Held(*ended.identifiers), forced=False).draft
    found = keeping.kept(says("5"), whole, IDS, adapter().settings)
    (refunded,) = [read_order(fact.value) for fact in found.identifiers if fact.kind == ORDER_STATE]
    assert (refunded.state, refunded.refund_cycle) == (State.REFUNDED, "C1")
    assert [one.content["alarm"] for one in found.downloads] == ["refunded"]
    still = keeping.kept(says("2"), whole, IDS, adapter().settings)
    assert (still.identifiers, still.downloads) == ((), ())
    assert LATE_LOOK in {gone.kind for gone in still.forgotten}


@pytest.mark.parametrize("answer", [says("2"), says("3"), NO_ORDER])
def test_a_look_takes_back_nothing_that_a_person_accepted_meanwhile(answer: Outcome) -> None:
    """It was claimed while the order was disputed; what did not change is not written anew."""
    found = disputing.looked(answer, paid_order(State.DISPUTED), IDS, ABSENT)
    assert [fact.kind for fact in found.identifiers] == []
    assert len(found.downloads) == 1
