"""What is inquired about beside its lane: it holds its own scopes, and the lane goes on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.dispatch.state import StreamState
from agent.dispatch.steps import Rest
from agent.errors import MaybeSent
from agent.events import Draft
from agent.outbox.model import State
from tests.contract.outbox_world import LANE
from tests.unit.dispatch.scripted import ACCEPTED, INQUIRY, PAY, QUERY, REFUSED, Lost
from tests.unit.dispatch.test_dispatcher import Hall

NO_ANSWER = MaybeSent("no answer")


class Pair:
    """A lane and the stream beside it, driven by hand."""

    def __init__(self, bench):
        self.bench = bench
        bench.platform.beside = True
        self.lane = bench.lane
        self.state = StreamState(LANE, bench.clock, bench.settings, bench.state.doubts, beside=True)
        own, bench.state = bench.state, self.state
        self.beside = bench.worker()
        bench.state = own
        self.lane.other, self.beside.other = self.beside.wakeup, self.lane.wakeup

    def drop(self, his_id, **more):
        return self.bench.drop(his_id, beside=True, **more)

    def go(self, worker):
        """Work until it rests; how long it wants to."""
        step = Rest(0)
        for _ in range(100):
            step = worker.advance(step)
            if isinstance(step, Rest):
                return step.seconds
        raise AssertionError("it never rests")

    def inquire_until(self, message, state):
        for _ in range(200):
            if self.bench.state_of(message) == state:
                return
            self.bench.clock.advance(max(0.001, self.go(self.beside), self.state.rest_s()))
        raise AssertionError("it never came about")


@pytest.fixture
def pair(bench):
    return Pair(bench)


def test_the_lane_goes_on_while_a_message_is_inquired_about(pair):
    doubtful, next_one = pair.drop("A"), pair.drop("B")
    pair.bench.platform.then(Lost(NO_ANSWER))
    pair.go(pair.lane)
    assert (pair.bench.state_of(doubtful), pair.bench.state_of(next_one)) == (State.INQUIRING, State.ACCEPTED)
    assert pair.bench.platform.asked() == []
    assert pair.beside.wakeup.is_set()


def test_messages_of_its_own_scope_wait_for_it(pair):
    doubtful, follower = pair.drop("A", about="V"), pair.drop("B", about="V")
    pair.bench.platform.then(Lost(NO_ANSWER))
    pair.go(pair.lane)
    assert pair.bench.state_of(follower) == State.READY
    pair.inquire_until(doubtful, State.ACCEPTED)
    assert pair.lane.wakeup.is_set()
    pair.go(pair.lane)
    assert pair.bench.state_of(follower) == State.ACCEPTED


def test_without_the_flag_the_lane_waits(pair):
    doubtful, next_one = pair.bench.drop("A"), pair.bench.drop("B")
    pair.bench.platform.then(Lost(NO_ANSWER))
    pair.bench.platform.inquiry_script.extend([NO_ANSWER] * 3)
    pair.go(pair.lane)
    assert (pair.bench.state_of(doubtful), pair.bench.state_of(next_one)) == (State.INQUIRING, State.READY)
    assert pair.go(pair.beside) > 0
    assert pair.bench.platform.asked() != []
    assert pair.bench.state_of(doubtful) == State.INQUIRING


def test_several_are_inquired_about_at_once_and_each_rests_by_itself(pair):
    first, second = pair.drop("A"), pair.drop("B")
    pair.bench.platform.then(Lost(NO_ANSWER), Lost(NO_ANSWER))
    pair.go(pair.lane)
    pair.bench.platform.inquiry_script.append(_paying)
    assert pair.go(pair.beside) == pytest.approx(0.5)
    assert (pair.bench.state_of(first), pair.bench.state_of(second)) == (State.INQUIRING, State.ACCEPTED)
    pair.inquire_until(first, State.ACCEPTED)


def test_what_is_still_going_on_is_looked_at_soon_and_then_less_often(pair):
    message = pair.drop("A")
    pair.bench.platform.then(Lost(NO_ANSWER))
    pair.bench.platform.inquiry_script.extend([_paying] * 6)
    pair.go(pair.lane)
    rests = []
    while pair.bench.state_of(message) == State.INQUIRING:
        rests.append(pair.go(pair.beside))
        pair.bench.clock.advance(rests[-1])
    assert rests[:6] == [pytest.approx(wait) for wait in (0.5, 1, 2, 4, 5, 5)]


def test_what_never_arrived_goes_back_to_its_lane(pair):
    message = pair.drop("A")
    pair.bench.platform.then(NO_ANSWER)
    pair.go(pair.lane)
    pair.inquire_until(message, State.READY)
    sent = pair.bench.platform.wire_ids()
    assert pair.go(pair.beside) > 0
    assert pair.bench.platform.wire_ids() == sent, "the stream beside it sends nothing"
    pair.go(pair.lane)
    assert pair.bench.state_of(message) == State.ACCEPTED


def test_negatives_do_not_count_before_the_moment_that_the_protocol_names(pair):
    message = pair.drop("A")
    platform, clock = pair.bench.platform, pair.bench.clock
    platform.then(NO_ANSWER)
    platform.ends_as = REFUSED
    platform.counts_from = clock.now() + timedelta(minutes=10)
    pair.go(pair.lane)
    while clock.now() < platform.counts_from:
        assert pair.bench.state_of(message) == State.INQUIRING
        clock.advance(pair.go(pair.beside))
    pair.inquire_until(message, State.REJECTED)
    assert clock.now() >= platform.counts_from + timedelta(seconds=60)
    assert len(platform.wire_ids()) == 1, "it is not sent again"


def test_an_effect_that_shows_before_that_moment_counts_at_once(pair):
    message = pair.drop("A")
    platform = pair.bench.platform
    platform.then(Lost(NO_ANSWER, late=True))
    platform.ends_as = REFUSED
    platform.counts_from = pair.bench.clock.now() + timedelta(minutes=10)
    pair.go(pair.lane)
    pair.go(pair.beside)
    platform.commit_late()
    pair.inquire_until(message, State.ACCEPTED)
    assert pair.bench.clock.now() < platform.counts_from


def test_after_a_restart_what_was_in_flight_is_inquired_about_beside_its_lane(bench):
    pair = Pair(bench)
    doubtful, next_one = pair.drop("A"), pair.drop("B")
    bench.claim()
    bench.restart()
    pair = Pair(bench)
    assert bench.state_of(doubtful) == State.INQUIRING
    pair.go(pair.lane)
    assert bench.state_of(next_one) == State.ACCEPTED


def test_a_dispatcher_opens_the_stream_beside_where_the_catalog_has_such_transactions(bench):
    bench.platform.beside = True
    hall = Hall(bench)
    try:
        bench.platform.then(Lost(NO_ANSWER))
        for his_id in ("A", "B"):
            bench.world.message(his_id, Draft(PAY, LANE.lane, {"row": his_id}, beside=True))
        hall.dispatcher.wake(LANE)
        hall.wait_for(2)
        names = [worker.name for worker in hall.supervisor.workers()]
        assert names == ["lane ministry/AK-1", "lane ministry/AK-1/doubts"]
        assert INQUIRY in {code for code, _, _ in bench.platform.sent}
        assert QUERY not in {code for code, _, _ in bench.platform.sent}
    finally:
        assert hall.stop() == ()


def _paying():
    return replace(ACCEPTED, data={"undecided": True})
