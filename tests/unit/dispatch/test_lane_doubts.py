"""Doubts: what inquiries prove, when they count (architecture, "A negative inquiry")."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.dispatch.state import LaneSettings
from agent.errors import MaybeSent, NotSent
from agent.outbox.model import State
from tests.contract.outbox_world import LANE
from tests.unit.dispatch.scripted import (
    ACCEPTED,
    INQUIRY,
    PAY,
    PROBE,
    RAW,
    REFUSED,
    THERE,
    TOO_OFTEN,
    UNCLEAR,
    Lost,
)

NO_ANSWER = MaybeSent("no answer")
NEVER_ARRIVED = NO_ANSWER
LATE = Lost(NO_ANSWER, late=True)


def times_of(bench, code):
    """Monotonic times of sending transactions of a kind, from the start of the recording."""
    times = []
    original = bench.platform.send

    def recording(request):
        before = len(bench.platform.sent)
        try:
            return original(request)
        finally:
            if bench.platform.sent[before][0] == code:
                times.append(bench.clock.monotonic())

    bench.platform.send = recording
    return times


def test_what_never_arrived_is_sent_again_with_a_new_wire_id_after_two_quiet_negatives(bench):
    message = bench.drop("A")
    bench.platform.then(NEVER_ARRIVED)
    asked, sent = times_of(bench, INQUIRY), []
    bench.platform.at_encode = lambda d: sent.append(bench.clock.monotonic()) if d.transaction == PAY else 0
    bench.go_until_state(message, State.ACCEPTED)
    doubted = sent[0]
    assert [time - doubted for time in asked] == [0, 30, 90]
    assert sent[1] - doubted == 90
    first, second = bench.platform.wire_ids()
    assert first != second
    assert bench.attempts(message) == ["absent", "answered"]


def test_negatives_within_the_answer_time_out_count_for_nothing(bench):
    message = bench.drop("A")
    bench.platform.then(NEVER_ARRIVED)
    bench.go()
    for _ in range(5):
        bench.clock.advance(5)
        bench.state.resume()
        bench.go()
    assert bench.state_of(message) == State.INQUIRING
    assert len(bench.platform.wire_ids()) == 1


def test_a_wall_clock_set_forward_makes_no_negative_count(bench):
    message = bench.drop("A")
    bench.platform.then(LATE)
    bench.go()
    bench.clock.set_wall(bench.clock.now() + timedelta(hours=5))
    bench.state.resume()
    bench.go()
    bench.state.resume()
    bench.go()
    assert len(bench.platform.wire_ids()) == 1
    bench.platform.commit_late()
    bench.go_until_state(message, State.ACCEPTED)
    assert len(bench.platform.effects) == 1


def test_a_wall_clock_set_back_holds_no_lane_and_leaves_nothing_unknown(bench):
    message = bench.drop("A")
    bench.platform.then(NEVER_ARRIVED)
    bench.go()
    bench.clock.set_wall(bench.clock.now() - timedelta(days=400))
    assert bench.go_until_state(message, State.ACCEPTED) <= 100


def test_a_second_lost_answer_asks_about_the_first_attempt_again(bench):
    message = bench.drop("A")
    bench.platform.then(NEVER_ARRIVED, Lost(NO_ANSWER))
    bench.go_until_state(message, State.ACCEPTED)
    first, second = bench.platform.wire_ids()
    assert bench.platform.asked() == [first] * 3 + [first, second]
    assert bench.attempts(message) == ["absent", "answered"]


def test_already_there_after_a_late_commit_finds_the_stored_answer_of_the_first_attempt(bench):
    message = bench.drop("A")

    def committed_by_now():
        bench.platform.commit_late()
        return THERE

    bench.platform.then(LATE, committed_by_now)
    bench.go_until_state(message, State.ACCEPTED)
    first, _ = bench.platform.wire_ids()
    result = bench.world.result(1)
    assert (result["state"], result["wire_id"], result["settled_by"]) == ("accepted", first, "inquiry")
    assert len(bench.platform.effects) == 1
    assert bench.attempts(message) == ["answered", "unknown"]


def test_already_there_is_refused_in_the_end_when_that_is_all_that_is_stored(bench):
    message = bench.drop("A")
    bench.platform.then(NEVER_ARRIVED, THERE)
    bench.go_until_state(message, State.REJECTED)
    assert bench.world.result(1)["code"] == "E2"
    assert bench.platform.effects == []


def test_already_there_of_which_nothing_is_found_is_left_to_a_person_and_not_sent_for_ever(bench):
    message = bench.drop("A")

    def there_and_forgotten():
        bench.clock.meanwhile = bench.platform.stored.clear
        return THERE

    bench.platform.then(NEVER_ARRIVED, there_and_forgotten)
    bench.go_until_state(message, State.UNKNOWN)
    assert len(bench.platform.wire_ids()) == 2
    assert "已经存在" in bench.world.result(1)["waiting"]["reason"]


def test_a_refusal_that_was_stored_is_the_outcome(bench):
    message = bench.drop("A")

    def refused_and_lost():
        bench.platform.stored[bench.platform.wire_ids()[-1]] = REFUSED
        raise NO_ANSWER

    bench.platform.then(refused_and_lost)
    bench.go()
    assert bench.state_of(message) == State.REJECTED


def test_without_a_rule_against_repetition_nothing_is_sent_again(bench):
    message = bench.drop("A", RAW)
    bench.platform.then(NEVER_ARRIVED)
    bench.go_until_state(message, State.UNKNOWN)
    assert len(bench.platform.wire_ids(RAW)) == 1
    assert bench.world.result(1)["waiting"]["reason"]


def test_a_setting_lets_it_be_sent_again(bench_of):
    bench = bench_of(settings=LaneSettings(resend_unguarded=frozenset({RAW})))
    message = bench.drop("A", RAW)
    bench.platform.then(NEVER_ARRIVED)
    bench.go_until_state(message, State.ACCEPTED)
    assert len(bench.platform.wire_ids(RAW)) == 2


def test_without_an_inquiry_it_is_left_to_a_person_at_once_and_the_lane_goes_on(bench):
    message, other = bench.drop("A"), bench.drop("B")
    bench.platform.inquirable = False
    bench.platform.then(NO_ANSWER)
    bench.go()
    assert bench.state_of(message) == State.UNKNOWN
    assert bench.state_of(other) == State.ACCEPTED


def test_a_doubt_holds_its_lane_while_it_may_still_be_settled(bench):
    bench.drop("A")
    other = bench.drop("B")
    bench.platform.then(NEVER_ARRIVED)
    bench.go()
    bench.wait_and_go()
    assert bench.state_of(other) == State.READY


# -- how long a lane is held -------------------------------------------------------------------------
def undecided():
    return replace(ACCEPTED, data={"undecided": True})


def test_a_doubt_that_inquiries_never_decide_holds_its_lane_no_longer_than_the_catalog_says(bench):
    message, other = bench.drop("A"), bench.drop("B")
    bench.platform.then(NO_ANSWER)
    bench.platform.inquiry_script.extend([undecided()] * 200)
    held = bench.go_until_state(message, State.UNKNOWN)
    assert 290 <= held <= 300
    bench.go_until_state(other, State.ACCEPTED)


def test_time_in_which_the_endpoint_is_down_does_not_count_as_holding(bench):
    message = bench.drop("A")
    bench.platform.then(Lost(NO_ANSWER))
    bench.platform.inquiry_script.append(undecided())
    bench.go()
    bench.platform.refuse_connection = NotSent("down")
    started = bench.clock.monotonic()
    while bench.clock.monotonic() - started < 2000:
        bench.wait_and_go()
    bench.platform.refuse_connection = None
    bench.platform.inquiry_script.append(undecided())
    bench.go_until_state(message, State.ACCEPTED)
    assert len(bench.platform.effects) == 1


def test_an_endpoint_that_is_down_holds_the_doubt_for_as_long_as_it_is(bench):
    message = bench.drop("A")
    bench.platform.then(Lost(NO_ANSWER))
    bench.platform.inquiry_script.extend([NO_ANSWER] * 50)
    assert bench.go_until_state(message, State.ACCEPTED) > 1000
    assert len(bench.platform.effects) == 1


def test_inquiries_put_off_for_too_long_by_a_well_endpoint_free_the_lane(bench):
    message, other = bench.drop("A"), bench.drop("B")
    bench.platform.then(NO_ANSWER)
    bench.platform.inquiry_script.extend([UNCLEAR] * 60)
    held = bench.go_until_state(message, State.UNKNOWN)
    assert 300 <= held <= 400
    bench.go_until_state(other, State.ACCEPTED)
    assert PROBE in {code for code, _, _ in bench.platform.sent}


def test_inquiries_put_off_by_an_endpoint_that_is_not_well_are_asked_on(bench):
    message = bench.drop("A")
    bench.platform.then(Lost(NO_ANSWER))
    bench.platform.inquiry_script.extend([UNCLEAR] * 30)
    bench.platform.probe_script.extend([UNCLEAR] * 60)
    bench.go_until_state(message, State.ACCEPTED)
    assert not bench.platform.inquiry_script, "it was not asked on until the endpoint was well"
    assert len(bench.platform.effects) == 1


def test_answers_lost_again_and_again_hold_the_lane_for_a_bounded_time_only(bench):
    message = bench.drop("A")
    bench.platform.then(*[NEVER_ARRIVED] * 50)
    assert bench.go_until_state(message, State.UNKNOWN) <= 300


# -- across restarts ---------------------------------------------------------------------------------
def test_a_restart_with_a_message_in_flight_inquires_and_sends_nothing(bench):
    message = bench.drop("A")
    step = bench.claim()
    bench.platform.then(Lost(NO_ANSWER))
    bench.lane.exchange.deliver(step.head, step.draft, step.attempt.ids, step.expired)
    bench.restart()
    bench.go()
    assert bench.state_of(message) == State.ACCEPTED
    assert len(bench.platform.wire_ids()) == 1
    assert len(bench.platform.effects) == 1


def test_a_restart_between_two_negatives_waits_a_whole_quiet_time_again(bench):
    message = bench.drop("A")
    bench.platform.then(NEVER_ARRIVED)
    bench.go()
    bench.wait_and_go()
    bench.restart()
    restarted = bench.clock.monotonic()
    bench.go_until_state(message, State.ACCEPTED)
    assert bench.clock.monotonic() - restarted == 60


def test_a_query_in_doubt_is_simply_asked_again(bench):
    message = bench.drop("A", "QUERY", harmless=True, blocks=False)
    bench.platform.then(NO_ANSWER)
    bench.go()
    assert bench.state_of(message) == State.READY
    bench.wait_and_go()
    assert bench.state_of(message) == State.ACCEPTED
    assert bench.platform.asked() == []


def test_a_lane_put_off_during_an_inquiry_rests_before_it_asks_again(bench):
    bench.drop("A")
    bench.platform.then(NO_ANSWER)
    bench.platform.inquiry_script.append(TOO_OFTEN)
    assert bench.go().seconds > 0
    assert bench.world.outbox.counts() == {(LANE.lane, "inquiring"): 1}


@pytest.mark.parametrize("answers", [[NEVER_ARRIVED], [LATE, THERE], [Lost(NO_ANSWER), ACCEPTED]])
def test_whatever_was_lost_the_platform_shows_one_effect(bench, answers):
    message = bench.drop("A")
    bench.platform.then(*answers)
    bench.clock.meanwhile = bench.platform.commit_late
    bench.go_until_state(message, State.ACCEPTED)
    assert len(bench.platform.effects) == 1
