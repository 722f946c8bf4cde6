"""The table "Failure kinds" of the architecture, a test or more for each row: a real lane, a real outbox."""

from datetime import timedelta

import pytest

from agent.dispatch.state import LaneSettings
from agent.dispatch.steps import Rest, Send
from agent.errors import (
    AnswerRejected,
    ConfigurationError,
    KeyMissing,
    MaybeSent,
    NotSent,
    SignatureRejected,
)
from agent.events import Need
from agent.outbox.model import State
from tests.contract.outbox_world import LANE
from tests.unit.dispatch.scripted import (
    ACCEPTED,
    NO_RIGHTS,
    PAY,
    PROBE,
    QUERY,
    RAW,
    REFUSED,
    THERE,
    TOO_LARGE,
    TOO_OFTEN,
    UNCLEAR,
    Lost,
    interpreted_by_raising,
)

REFUSED_CONNECTION = NotSent("refused")
NO_ANSWER = MaybeSent("no answer")


# -- refused connection, DNS, TLS, no route ----------------------------------------------------------
def test_a_refused_connection_withdraws_the_attempt_and_keeps_the_place(bench):
    first, second = bench.drop("A"), bench.drop("B")
    bench.platform.refuse_connection = REFUSED_CONNECTION
    bench.go()
    assert bench.attempts(first) == ["withdrawn"]
    assert (bench.state_of(first), bench.state_of(second)) == (State.READY, State.READY)
    bench.platform.refuse_connection = None
    bench.wait_and_go()
    assert [body["row"] for _, _, body in bench.platform.sent] == ["A", "B"]
    assert bench.attempts(first) == ["withdrawn", "answered"]


def test_refused_connections_are_waited_out_ever_longer_up_to_the_cap(bench):
    bench.drop("A")
    bench.platform.refuse_connection = REFUSED_CONNECTION
    rests = [bench.wait_and_go().seconds for _ in range(7)]
    for nth, rest in enumerate(rests):
        assert 0.25 * 2**nth <= rest <= 0.5 * 2**nth
    capped = [bench.wait_and_go().seconds for _ in range(20)]
    assert all(25.0 <= rest <= 60.0 for rest in capped[3:])


def test_a_send_that_says_no_byte_left_is_as_good_as_a_refused_connection(bench):
    message = bench.drop("A")
    bench.platform.then(NotSent("closed before the first byte"))
    bench.go()
    assert bench.attempts(message) == ["withdrawn"]
    bench.wait_and_go()
    assert bench.state_of(message) == State.ACCEPTED


# -- bytes may have been sent ------------------------------------------------------------------------
@pytest.mark.parametrize("lost", [Lost(NO_ANSWER), UNCLEAR], ids=["lost answer", "unclear answer"])
def test_what_may_have_arrived_is_inquired_about_and_never_just_sent_again(bench, lost):
    bench.drop("A")
    bench.platform.then(lost)
    bench.go()
    assert len(bench.platform.wire_ids()) == 1
    assert bench.platform.asked() == bench.platform.wire_ids()


def test_a_stored_answer_becomes_the_outcome(bench):
    message = bench.drop("A")
    bench.platform.then(Lost(NO_ANSWER))
    bench.go()
    assert bench.state_of(message) == State.ACCEPTED
    assert bench.attempts(message) == ["answered"]
    result = bench.world.result(1)
    assert (result["state"], result["settled_by"]) == ("accepted", "inquiry")
    assert result["wire_id"] == bench.platform.wire_ids()[0]


# -- answers not to be trusted -----------------------------------------------------------------------
@pytest.mark.parametrize("error", [AnswerRejected("other rows"), SignatureRejected("does not verify")])
def test_a_distrusted_answer_closes_the_connection_and_is_inquired_about(bench, error):
    message = bench.drop("A")
    bench.platform.then(interpreted_by_raising(error))
    bench.go()
    assert bench.platform.dropped == 1
    assert bench.state_of(message) == State.ACCEPTED
    assert len(bench.platform.effects) == 1


def test_a_distrusted_answer_to_an_inquiry_closes_the_connection_too(bench):
    bench.drop("A")
    bench.platform.then(MaybeSent("lost"))
    bench.platform.inquiry_script.append(interpreted_by_raising(SignatureRejected("bad")))
    bench.go()
    assert bench.platform.dropped == 1


def test_three_distrusted_answers_in_a_row_stop_the_lane_with_an_alarm(bench):
    message = bench.drop("A")
    bad = interpreted_by_raising(SignatureRejected("bad"))
    bench.platform.then(bad)
    bench.platform.inquiry_script.extend([bad, bad])
    bench.go()
    bench.wait_and_go()
    assert bench.state.halt is not None
    assert bench.state.halt.code == "answer_rejected"
    assert bench.state.halt.hint
    assert bench.state_of(message) == State.INQUIRING


def test_a_trustworthy_answer_between_ends_the_row_of_distrusted_ones(bench):
    bad = interpreted_by_raising(AnswerRejected("bad"))
    for his_id in "ABCD":
        bench.drop(his_id)
    bench.platform.then(bad, bad, bad, bad)
    bench.go()
    assert bench.state.halt is None


def test_an_inquiry_put_off_or_unclear_is_no_reason_to_distrust(bench):
    message = bench.drop("A")
    bench.platform.then(Lost(NO_ANSWER))
    bench.platform.inquiry_script.extend([TOO_OFTEN, UNCLEAR, TOO_OFTEN, UNCLEAR])
    bench.go_until_state(message, State.ACCEPTED)
    assert bench.state.halt is None


# -- not processed -----------------------------------------------------------------------------------
def test_too_often_is_tried_again_at_its_place_after_a_rest(bench):
    first = bench.drop("A")
    bench.drop("B")
    bench.platform.then(TOO_OFTEN)
    rest = bench.go()
    assert 0 < rest.seconds <= 0.5
    assert bench.state.trouble == "E3"
    assert bench.attempts(first) == ["answered"]
    bench.wait_and_go()
    assert [body["row"] for _, _, body in bench.platform.sent] == ["A", "A", "B"]
    assert len(set(bench.platform.wire_ids())) == 3
    assert bench.state.trouble == ""


def test_a_message_that_is_refused_for_its_size_is_parked_and_holds_up_nobody(bench):
    """A gateway that lets no large body through must not stop a hospital."""
    large, small = bench.drop("A"), bench.drop("B")
    bench.platform.then(TOO_LARGE, TOO_LARGE)
    bench.go()
    assert bench.state_of(large) == State.PARKED
    assert bench.attempts(large) == ["answered", "answered"]
    assert bench.state_of(small) == State.ACCEPTED
    assert bench.state.halt is None


def test_a_message_that_is_refused_for_its_size_waits_while_the_endpoint_is_not_well(bench):
    large = bench.drop("A")
    bench.platform.then(TOO_LARGE)
    bench.platform.probe_script.append(NO_RIGHTS)
    bench.go()
    assert bench.state_of(large) == State.READY
    bench.wait_and_go()
    assert bench.state_of(large) == State.ACCEPTED


# -- configuration -----------------------------------------------------------------------------------
def test_a_lane_that_is_told_of_wrong_rights_stops_and_consumes_nothing(bench):
    first, second = bench.drop("A"), bench.drop("B")
    bench.platform.then(NO_RIGHTS)
    rest = bench.go()
    assert rest.seconds == bench.settings.probe_halted_every_s
    assert bench.state.halt is not None
    assert "P2" in bench.state.halt.message
    assert (bench.state_of(first), bench.state_of(second)) == (State.READY, State.READY)


def test_a_halted_lane_goes_on_at_once_when_a_person_says_so(bench):
    message = bench.drop("A")
    bench.platform.then(NO_RIGHTS)
    bench.go()
    bench.state.resume()
    bench.go()
    assert bench.state.halt is None
    assert bench.state_of(message) == State.ACCEPTED


def test_a_halted_lane_goes_on_after_a_good_probe_and_not_after_a_bad_one(bench):
    message = bench.drop("A")
    bench.platform.then(NO_RIGHTS)
    bench.platform.probe_script.append(NO_RIGHTS)
    bench.go()
    bench.wait_and_go()
    assert bench.state.halt is not None
    assert bench.state_of(message) == State.READY
    bench.wait_and_go()
    assert bench.state.halt is None
    assert bench.state_of(message) == State.ACCEPTED


def test_a_message_that_alone_stops_its_lane_is_parked_after_a_good_probe(bench):
    first, second = bench.drop("A"), bench.drop("B")
    bench.platform.then(NO_RIGHTS, NO_RIGHTS)
    bench.go()
    assert bench.state.halt is not None
    bench.wait_and_go()
    assert bench.state_of(first) == State.PARKED
    assert bench.state_of(second) == State.ACCEPTED
    assert bench.state.halt is None


@pytest.mark.parametrize("where", ["encode", "prepare", "send"])
def test_a_missing_key_or_an_impossible_address_stops_the_lane_before_a_byte_left(bench, where):
    message = bench.drop("A")
    error = KeyMissing("no key") if where == "encode" else ConfigurationError("no such address")

    def fail(*_):
        raise error

    if where == "send":
        bench.platform.then(error)
    else:
        setattr(bench.platform, f"at_{where}", fail)
    bench.go()
    assert bench.attempts(message) == ["withdrawn"]
    assert bench.state.halt.code == error.code
    bench.platform.at_encode = bench.platform.at_prepare = None
    bench.state.resume()
    bench.go()
    assert bench.state_of(message) == State.ACCEPTED


def test_an_inquiry_that_is_told_of_wrong_rights_stops_the_lane_and_keeps_the_doubt(bench):
    message = bench.drop("A")
    bench.platform.then(Lost(NO_ANSWER))
    bench.platform.inquiry_script.append(NO_RIGHTS)
    bench.go()
    assert bench.state.halt is not None
    assert bench.state_of(message) == State.INQUIRING
    bench.state.resume()
    bench.go()
    assert bench.state_of(message) == State.ACCEPTED
    assert len(bench.platform.effects) == 1


# -- refused again and again -------------------------------------------------------------------------
@pytest.fixture
def poison(bench_of):
    """A message that never gets through, with another one behind it."""
    bench = bench_of(settings=LaneSettings(probe_after=3))
    bench.poison, bench.healthy = bench.drop("A"), bench.drop("B")

    def refuse(draft):
        if draft.body == {"row": "A"}:
            raise NotSent("refused")

    bench.platform.at_encode = refuse
    return bench


def test_a_head_refused_again_and_again_is_parked_after_a_good_probe_and_one_more_try(poison):
    poison.go_until_state(poison.poison, State.PARKED)
    assert poison.attempts(poison.poison) == ["withdrawn"] * 4
    assert [code for code, _, _ in poison.platform.sent].count(PROBE) == 1
    poison.go_until_state(poison.healthy, State.ACCEPTED)


def test_a_parked_message_says_why_in_the_users_language(poison):
    poison.go_until_state(poison.poison, State.PARKED)
    reason = poison.world.result(1)["waiting"]["reason"]
    assert "发送" in reason


def test_nothing_is_parked_while_the_endpoint_is_down(poison):
    poison.platform.at_encode = None
    poison.platform.refuse_connection = REFUSED_CONNECTION
    for _ in range(30):
        poison.wait_and_go()
    assert poison.state_of(poison.poison) == State.READY
    poison.platform.refuse_connection = None
    poison.wait_and_go()
    assert poison.state_of(poison.healthy) == State.ACCEPTED


def test_one_refusal_long_after_a_good_probe_parks_nothing(bench_of):
    bench = bench_of(settings=LaneSettings(probe_after=2))
    message = bench.drop("A")
    bench.platform.then(NotSent("1"), NotSent("2"), MaybeSent("never arrived"), NotSent("3"))
    bench.go_until_state(message, State.ACCEPTED)
    assert bench.attempts(message)[-2:] == ["withdrawn", "answered"]


def test_a_query_that_is_never_answered_is_parked_so_that_its_stream_goes_on(bench_of):
    bench = bench_of(settings=LaneSettings(probe_after=3))
    message = bench.drop("A", QUERY, harmless=True, blocks=False)
    healthy = bench.drop("B")
    bench.platform.then(*[MaybeSent("no answer")] * 4)
    bench.go_until_state(healthy, State.ACCEPTED)
    assert bench.state_of(message) == State.PARKED
    assert bench.world.tries(message) == 4


def test_a_query_put_off_again_and_again_is_never_parked(bench_of):
    bench = bench_of(settings=LaneSettings(probe_after=3))
    message = bench.drop("A", QUERY, harmless=True, blocks=False)
    bench.platform.then(*[TOO_OFTEN] * 12)
    bench.go_until_state(message, State.ACCEPTED)
    assert PROBE not in {code for code, _, _ in bench.platform.sent}


# -- refusals ----------------------------------------------------------------------------------------
def test_a_business_refusal_is_final_and_blocks_its_followers(bench):
    refused = bench.drop("A", about="visit 1")
    follower = bench.drop("B", about="visit 1")
    other = bench.drop("C", about="visit 2")
    bench.platform.then(REFUSED)
    bench.go()
    assert bench.state_of(refused) == State.REJECTED
    assert bench.state_of(follower) == State.BLOCKED
    assert bench.state_of(other) == State.ACCEPTED
    assert [(s.message, s.blocked) for s in bench.settled] == [(refused, 1), (other, 0)]


def test_already_there_on_the_first_try_is_a_refusal_like_any_other(bench):
    message = bench.drop("A")
    bench.platform.then(THERE)
    bench.go()
    assert bench.state_of(message) == State.REJECTED
    assert bench.platform.asked() == []


# -- expiry and stop ---------------------------------------------------------------------------------
def test_what_expires_while_it_waits_is_not_sent(bench):
    message = bench.drop("A", valid_until=bench.clock.now() + timedelta(seconds=60))
    bench.clock.advance(60)
    bench.go()
    assert bench.state_of(message) == State.EXPIRED
    assert bench.attempts(message) == []


def test_what_expires_while_the_connection_opens_is_not_sent(bench):
    message = bench.drop("A", valid_until=bench.clock.now() + timedelta(seconds=60))
    bench.platform.at_prepare = lambda: bench.clock.advance(61)
    bench.go()
    assert bench.state_of(message) == State.EXPIRED
    assert bench.attempts(message) == ["withdrawn"]
    assert bench.platform.sent == []


def test_a_wall_clock_set_back_while_the_connection_opens_makes_no_code_young(bench):
    ends = bench.clock.now() + timedelta(seconds=60)
    message = bench.drop("A", valid_until=ends)

    def long_and_back():
        bench.clock.advance(61)
        bench.clock.set_wall(ends - timedelta(hours=1))

    bench.platform.at_prepare = long_and_back
    bench.go()
    assert bench.state_of(message) == State.EXPIRED


def test_a_stop_between_claim_and_first_byte_withdraws_the_attempt(bench):
    message = bench.drop("A")
    step = bench.claim()
    bench.stopping.set()
    assert bench.lane.advance(step) == Rest(0)
    assert bench.attempts(message) == ["withdrawn"]
    assert bench.state_of(message) == State.READY
    assert bench.platform.sent == []


def test_a_lane_that_is_stopped_takes_nothing_new_and_gives_back_what_it_holds(bench):
    first, second = bench.drop("A"), bench.drop("B")

    def stop_while_answering():
        bench.stopping.set()
        return ACCEPTED

    bench.platform.then(stop_while_answering)
    bench.lane.run()
    assert bench.state_of(first) == State.ACCEPTED
    assert bench.state_of(second) == State.READY
    assert bench.attempts(second) == []


def test_a_stop_just_after_a_claim_withdraws_it_without_a_byte(bench):
    message = bench.drop("A")
    bench.platform.at_stamp = lambda _draft: bench.stopping.set()
    bench.lane.run()
    assert bench.attempts(message) == ["withdrawn"]
    assert bench.platform.sent == []


def test_what_needs_a_value_that_never_came_is_refused_here_and_never_sent(bench):
    message = bench.drop("A", body={"row": {"$slot": "settlement"}}, needs=(Need("settlement"),))
    bench.go()
    assert bench.state_of(message) == State.REJECTED
    assert bench.platform.sent == []


# -- numbers -----------------------------------------------------------------------------------------
def test_used_up_numbers_stop_the_lane_consume_nothing_and_lose_no_answer(bench_of):
    bench = bench_of()
    bench.platform.series_digits = 1
    for number in range(10):
        bench.drop(f"A{number}")
    bench.go()
    assert bench.state.halt.code == "serials_exhausted"
    assert bench.state.halt.hint
    states = [bench.state_of(message) for message in range(1, 11)]
    assert states == [State.ACCEPTED] * 9 + [State.READY]
    bench.wait_and_go(3)
    assert bench.state.halt is not None
    bench.platform.series_digits = 8
    bench.wait_and_go()
    assert bench.state_of(10) == State.ACCEPTED


def test_numbers_used_up_in_the_middle_of_a_doubt_stop_the_lane_and_keep_the_doubt(bench):
    bench.platform.series_digits = 1
    messages = [bench.drop(f"A{number}") for number in range(9)]
    bench.platform.then(*[ACCEPTED] * 8, Lost(NO_ANSWER))
    bench.go()
    assert bench.state.halt.code == "serials_exhausted"
    assert bench.state_of(messages[8]) == State.INQUIRING
    bench.platform.series_digits = 8
    bench.state.resume()
    bench.go()
    assert bench.state_of(messages[8]) == State.ACCEPTED


def test_every_attempt_is_on_disk_before_its_first_byte_leaves(bench):
    message = bench.drop("A")
    seen = []
    bench.platform.at_prepare = lambda: seen.append((bench.state_of(message), bench.attempts(message)))
    bench.go()
    assert seen == [(State.IN_FLIGHT, ["started"])]


def test_an_answer_and_the_next_claim_are_one_commit(bench):
    bench.drop("A")
    bench.drop("B")
    step = bench.claim()
    following = bench.lane.advance(step)
    assert isinstance(following, Send)
    assert bench.state_of(following.head.message) == State.IN_FLIGHT
    assert following.head.message == 2
    assert bench.world.outbox.counts() == {(LANE.lane, "accepted"): 1, (LANE.lane, "in_flight"): 1}


def test_an_unguarded_transaction_is_sent_once_whatever_the_answer(bench):
    message = bench.drop("A", RAW)
    bench.go()
    assert bench.state_of(message) == State.ACCEPTED
    assert bench.platform.wire_ids(PAY) == []
