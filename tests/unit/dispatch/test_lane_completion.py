"""Completion at the claim: what earlier messages left behind is filled in, checked, awaited."""

from dataclasses import replace

import pytest

from agent.dispatch.state import LaneSettings
from agent.errors import Fault, MaybeSent, StoreError
from agent.events import Awaited, Completion, Identifier
from agent.outbox.model import State
from tests.unit.dispatch.scripted import ACCEPTED, INQUIRY, PAY, PROBE, THERE, Lost

NUMBER = Identifier("settlement", ("A",), "S-1")
WRONG = Fault("/data/x", "history", "与此前业务不符")
MISSING = Fault("/data/x", "history_missing", "本机没有此前的记录，未核对")
NO_ANSWER = MaybeSent("no answer")


def bodies(bench, code=PAY):
    return [body for sent, _, body in bench.platform.sent if sent == code]


def with_number(draft, history, _forced):
    """Fills in what the message of row A was given."""
    number = history.value("settlement", ("A",))
    if number is None or draft.body == {"row": "A"}:
        return Completion(draft)
    return Completion(replace(draft, body={**draft.body, "aaz515": number}))


def waiting_for_a(draft, history, forced):
    if draft.body != {"row": "A"} and history.value("settlement", ("A",)) is None:
        return Completion(draft, awaits=(Awaited("settlement", ("A",), "结算流水号"),))
    return with_number(draft, history, forced)


def strict(draft, _history, forced):
    """Row B contradicts history."""
    wrong = (WRONG,) if draft.body == {"row": "B"} else ()
    return Completion(draft, warnings=wrong) if forced else Completion(draft, refused=wrong)


# -- filled in ----------------------------------------------------------------------------------------
def test_what_an_answer_gave_is_in_the_very_next_message(bench):
    bench.platform.at_complete = with_number
    bench.drop("A")
    bench.drop("B")
    bench.platform.then(replace(ACCEPTED, identifiers=(NUMBER,)))
    bench.go()
    assert bodies(bench) == [{"row": "A"}, {"row": "B", "aaz515": "S-1"}]


def test_an_inquiry_and_its_conclusion_are_about_what_was_really_sent(bench):
    asked, concluded = [], []
    bench.platform.at_complete = with_number
    bench.platform.at_inquire = lambda draft: asked.append(draft.body)
    bench.platform.at_conclude = lambda draft: concluded.append(draft.body)
    bench.drop("A")
    lost = bench.drop("B")
    bench.platform.then(replace(ACCEPTED, identifiers=(NUMBER,)), Lost(NO_ANSWER))
    bench.go_until_state(lost, State.INQUIRING)
    bench.restart()
    bench.go_until_state(lost, State.ACCEPTED)
    assert asked == concluded == [{"row": "B", "aaz515": "S-1"}]


def test_a_message_sent_again_is_completed_anew(bench):
    """What the first attempt carried is not what counts: the facts of its second claim do."""
    filled = iter(["1", "2"])
    bench.platform.at_complete = lambda draft, *_: Completion(replace(draft, body={"n": next(filled)}))
    message = bench.drop("A")
    bench.platform.then(MaybeSent("never arrived"))
    bench.go_until_state(message, State.ACCEPTED)
    assert bodies(bench) == [{"n": "1"}, {"n": "2"}]


def test_a_protocol_that_fails_at_it_stops_its_lane_and_loses_no_answer(bench):
    def broken(draft, history, forced):
        if draft.body == {"row": "B"}:
            raise RuntimeError("defect")
        return Completion(draft)

    bench.platform.at_complete = broken
    first, second = bench.drop("A"), bench.drop("B")
    bench.go()
    assert bench.state_of(first) == State.ACCEPTED
    assert bench.state_of(second) == State.READY
    assert bench.state.halt is not None
    assert bench.world.tries(second) == 0


# -- checked -------------------------------------------------------------------------------------------
def test_what_history_refuses_is_never_sent_and_the_lane_goes_on(bench):
    bench.platform.at_complete = strict
    refused = bench.drop("B")
    other = bench.drop("C")
    bench.go()
    assert bodies(bench) == [{"row": "C"}]
    assert bench.state_of(refused) == State.INVALID
    assert bench.state_of(other) == State.ACCEPTED
    ended = bench.settled[0]
    assert (ended.message, ended.state) == (refused, State.INVALID)
    assert bench.world.result(1)["errors"] == [WRONG.as_json()]


def test_a_forced_submission_passes_with_a_warning(bench):
    bench.platform.at_complete = strict
    forced = bench.drop("B", forced=True)
    bench.go()
    assert bench.state_of(forced) == State.ACCEPTED
    assert bench.world.result(1)["warnings"] == [WRONG.as_json()]


def test_a_force_is_remembered_over_a_restart(bench):
    bench.platform.at_complete = strict
    forced = bench.drop("B", forced=True)
    bench.restart()
    bench.go()
    assert bench.state_of(forced) == State.ACCEPTED


def test_history_that_is_missing_warns_and_passes(bench):
    bench.platform.at_complete = lambda draft, *_: Completion(draft, warnings=(MISSING,))
    message = bench.drop("A")
    bench.platform.then(MaybeSent("never arrived"))
    bench.go_until_state(message, State.ACCEPTED)
    assert bench.world.result(1)["warnings"] == [MISSING.as_json()], "once, though it was sent twice"


# -- awaited -------------------------------------------------------------------------------------------
def test_one_that_waits_for_a_fact_lets_the_lane_go_on_and_goes_when_it_is_there(bench):
    bench.platform.at_complete = waiting_for_a
    held = bench.drop("B")
    bench.go()
    assert bench.state_of(held) == State.HELD
    bench.drop("A")
    bench.platform.then(replace(ACCEPTED, identifiers=(NUMBER,)))
    bench.go()
    assert bodies(bench) == [{"row": "A"}, {"row": "B", "aaz515": "S-1"}]
    assert bench.state_of(held) == State.ACCEPTED


def test_what_an_inquiry_found_releases_too(bench):
    bench.platform.at_complete = waiting_for_a
    held = bench.drop("B")
    bench.drop("A")
    bench.platform.then(Lost(NO_ANSWER))
    bench.platform.inquiry_script.append(
        replace(ACCEPTED, data={"found": replace(ACCEPTED, identifiers=(NUMBER,))})
    )
    bench.go_until_state(held, State.ACCEPTED)
    assert bodies(bench)[-1] == {"row": "B", "aaz515": "S-1"}


def test_a_protocol_that_waits_for_what_is_there_stops_its_lane(bench):
    bench.platform.at_complete = lambda draft, *_: Completion(
        draft, awaits=(Awaited("settlement", ("A",), "结算流水号"),) if draft.body == {"row": "B"} else ()
    )
    bench.drop("A")
    waiting = bench.drop("B")
    bench.platform.then(replace(ACCEPTED, identifiers=(NUMBER,)))
    bench.go()
    assert bench.state_of(waiting) == State.READY
    assert bench.state.halt is not None


# -- repeatable ----------------------------------------------------------------------------------------
def repeatable(bench, name="A"):
    bench.platform.inquirable = False
    return bench.drop(name, repeatable=True)


def test_a_doubt_about_what_may_be_repeated_is_sent_again_with_a_new_wire_id(bench):
    message = repeatable(bench)
    bench.platform.then(Lost(NO_ANSWER))
    bench.go_until_state(message, State.ACCEPTED)
    wire_ids = [wire_id for code, wire_id, _ in bench.platform.sent if code == PAY]
    assert len(set(wire_ids)) == len(wire_ids) == 2
    assert INQUIRY not in {code for code, _, _ in bench.platform.sent}
    assert bench.attempts(message) == ["unknown", "answered"]


def test_a_repetition_backs_off_and_keeps_its_place(bench):
    message, follower = repeatable(bench), bench.drop("B", about="A")
    bench.platform.then(NO_ANSWER)
    bench.go()
    assert bench.state.rest_s() > 0
    assert bench.state_of(message) == State.READY
    bench.go_until_state(follower, State.ACCEPTED)
    assert [body["row"] for body in bodies(bench)] == ["A", "A", "B"]


def test_one_that_is_never_answered_by_a_well_endpoint_is_parked(bench_of):
    bench = bench_of(settings=LaneSettings(probe_after=3))
    message = repeatable(bench)
    healthy = bench.drop("B")
    bench.platform.then(*[NO_ANSWER] * 4)
    bench.go_until_state(healthy, State.ACCEPTED)
    assert bench.state_of(message) == State.PARKED
    assert PROBE in {code for code, _, _ in bench.platform.sent}


def test_already_there_after_a_repetition_is_left_to_a_person(bench):
    """The first one may have been taken: neither a refusal nor a success may be told."""
    message = repeatable(bench)
    other = bench.drop("B")
    bench.platform.then(Lost(NO_ANSWER), THERE)
    bench.go_until_state(other, State.ACCEPTED)
    assert bench.state_of(message) == State.UNKNOWN


def test_already_there_at_the_first_try_is_a_refusal(bench):
    message = repeatable(bench)
    bench.platform.then(THERE)
    bench.go_until_state(message, State.REJECTED)
    assert len(bench.platform.wire_ids()) == 1


def test_one_on_the_wire_when_the_process_ended_is_sent_again(bench):
    message = repeatable(bench)
    bench.claim()
    bench.restart()
    bench.go()
    assert bench.state_of(message) == State.ACCEPTED


def test_without_leave_to_repeat_it_is_left_to_a_person(bench):
    bench.platform.inquirable = False
    message = bench.drop("A")
    bench.platform.then(Lost(NO_ANSWER))
    bench.go_until_state(message, State.UNKNOWN)
    assert len(bench.platform.wire_ids()) == 1


def test_the_outbox_may_refuse_the_claim_without_losing_the_answer(bench, monkeypatch):
    """A disk that is full when a completed draft is stored: the former outcome is kept alone."""
    bench.platform.at_complete = with_number
    first, second = bench.drop("A"), bench.drop("B")
    bench.platform.then(replace(ACCEPTED, identifiers=(NUMBER,)))
    from agent.outbox import claiming

    original = claiming.begin

    def full(work, number, ids, now, draft):
        if draft is not None:
            raise StoreError("full")
        return original(work, number, ids, now, draft)

    monkeypatch.setattr(claiming, "begin", full)
    bench.go()
    assert bench.state_of(first) == State.ACCEPTED
    monkeypatch.undo()
    bench.go_until_state(second, State.ACCEPTED)


@pytest.mark.parametrize("repeats", [1, 3])
def test_facts_of_an_outcome_are_stored_once_however_often_its_answer_was_lost(bench, repeats):
    bench.drop("A")
    bench.platform.then(*[MaybeSent("never arrived")] * repeats, replace(ACCEPTED, identifiers=(NUMBER,)))
    bench.go_until(lambda: bool(bench.settled))
    assert [fact.value for fact in bench.world.outbox.facts("S-1")] == ["S-1"]
