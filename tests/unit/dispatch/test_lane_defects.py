"""Defects of plugins and of our own code stop no lane for long, lose nothing and double nothing."""

import pytest

from agent.dispatch.commits import Commits
from agent.dispatch.state import LaneSettings
from agent.dispatch.steps import Send
from agent.errors import AnswerRejected, CiphertextRejected, MaybeSent, NotSent
from agent.events import Outcome, Verdict
from agent.outbox.model import State
from tests.unit.dispatch.scripted import (
    ACCEPTED,
    PAY,
    Lost,
    interpreted_as,
    interpreted_by_raising,
)

NO_ANSWER = MaybeSent("no answer")


def breaking(row):
    def act(draft):
        if draft.body == {"row": row}:
            raise ZeroDivisionError

    return act


def test_a_message_that_cannot_be_encoded_is_parked_and_the_next_ones_go(bench_of):
    bench = bench_of(settings=LaneSettings(probe_after=3))
    broken, healthy = bench.drop("A"), bench.drop("B")
    bench.platform.at_encode = breaking("A")
    bench.go_until_state(healthy, State.ACCEPTED)
    assert bench.state_of(broken) == State.PARKED
    assert len(bench.platform.effects) == 1


@pytest.mark.parametrize("error", [ZeroDivisionError(), NotSent("a plugin's lie"), RecursionError()])
def test_an_answer_that_cannot_be_interpreted_is_inquired_about_whatever_is_raised(bench, error):
    message = bench.drop("A")
    bench.platform.then(interpreted_by_raising(error))
    bench.go()
    assert bench.state_of(message) == State.ACCEPTED
    assert len(bench.platform.effects) == 1


@pytest.mark.parametrize("nonsense", [None, "accepted", Outcome("nonsense")])
def test_an_answer_interpreted_as_nonsense_is_inquired_about(bench, nonsense):
    message = bench.drop("A")
    bench.platform.then(interpreted_as(nonsense))
    bench.go()
    assert bench.state_of(message) == State.ACCEPTED
    assert len(bench.platform.effects) == 1


@pytest.mark.parametrize("where", ["at_inquire", "at_conclude"])
def test_an_inquiry_that_cannot_be_made_or_read_proves_nothing_and_frees_the_lane_in_time(bench, where):
    broken, healthy = bench.drop("A"), bench.drop("B")
    bench.platform.then(Lost(NO_ANSWER))
    setattr(bench.platform, where, breaking("A"))
    held = bench.go_until_state(broken, State.UNKNOWN)
    assert held <= 300
    bench.go_until_state(healthy, State.ACCEPTED)
    assert bench.platform.wire_ids().count(bench.platform.wire_ids()[0]) == 1
    assert len(bench.platform.effects) == 2


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.RETRY, Verdict.HALT])
def test_a_stored_answer_without_an_end_is_not_taken_for_absence(bench, verdict):
    message = bench.drop("A")

    def stored_strangely():
        bench.platform.stored[bench.platform.wire_ids()[-1]] = Outcome(verdict)
        raise NO_ANSWER

    bench.platform.then(stored_strangely)
    bench.go_until_state(message, State.UNKNOWN)
    assert len(bench.platform.wire_ids()) == 1


UNSTORABLE = Outcome(Verdict.ACCEPTED, "OK", data={"amount": object()})


def test_an_outcome_that_cannot_be_stored_is_inquired_about(bench):
    message = bench.drop("A")
    bench.platform.then(interpreted_as(UNSTORABLE))
    bench.go()
    assert bench.state_of(message) == State.ACCEPTED
    assert bench.world.result(1)["settled_by"] == "inquiry"
    assert len(bench.platform.effects) == 1


def test_a_stored_answer_that_cannot_be_stored_here_is_left_to_a_person(bench):
    message, healthy = bench.drop("A"), bench.drop("B")

    def remembered_strangely():
        bench.platform.stored[bench.platform.wire_ids()[-1]] = UNSTORABLE
        raise NO_ANSWER

    bench.platform.then(remembered_strangely)
    bench.go_until_state(healthy, State.ACCEPTED)
    assert bench.state_of(message) == State.UNKNOWN
    assert len(bench.platform.wire_ids()) == 2


def test_an_outcome_is_stored_even_when_the_next_message_cannot_be_chosen(bench):
    first, second = bench.drop("A"), bench.drop("B")
    bench.platform.at_stamp = breaking("B")
    bench.go()
    assert bench.state_of(first) == State.ACCEPTED
    assert bench.state_of(second) == State.READY
    assert bench.state.halt.code == "internal_defect"
    bench.platform.at_stamp = None
    bench.state.resume()
    bench.go()
    assert bench.state_of(second) == State.ACCEPTED
    assert len(bench.platform.effects) == 2


def test_a_damaged_row_stops_its_lane_and_not_the_outcome_before_it(bench):
    first, second = bench.drop("A"), bench.drop("B")
    connection = bench.world.outbox._writer.connection
    connection.execute("UPDATE draft SET content_sealed = x'00' WHERE message = ?", (second,))
    bench.go()
    with pytest.raises(CiphertextRejected):
        bench.go()
    assert bench.state_of(first) == State.ACCEPTED
    assert bench.state_of(second) == State.READY


def test_a_probe_that_cannot_be_made_parks_nothing(bench_of):
    bench = bench_of(settings=LaneSettings(probe_after=2))
    message = bench.drop("A")
    bench.platform.then(NotSent("1"), NotSent("2"), NotSent("3"))

    def fail():
        raise ZeroDivisionError

    bench.platform.at_probe = fail
    for _ in range(10):
        bench.wait_and_go()
    assert bench.state_of(message) == State.READY
    bench.platform.at_probe = None
    bench.platform.script.clear()
    bench.wait_and_go()
    assert bench.state_of(message) == State.ACCEPTED


def test_a_listener_that_fails_loses_no_message(bench):
    messages = [bench.drop(name) for name in "ABC"]

    def fail(_settled):
        raise ZeroDivisionError

    bench.lane = bench.worker()
    bench.lane._commits.settled = fail
    bench.go()
    assert {bench.state_of(message) for message in messages} == {State.ACCEPTED}


def test_a_worker_that_fails_with_a_message_on_the_wire_comes_back_to_inquire_about_it(bench, monkeypatch):
    message, other = bench.drop("A"), bench.drop("B")

    def fail(self, act, otherwise=None):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(Commits, "finish", fail)
        with pytest.raises(ZeroDivisionError):
            bench.lane.run()
    assert bench.state_of(message) == State.IN_FLIGHT
    bench.step = bench.lane.begin()
    assert not isinstance(bench.step, Send)
    bench.go_until_state(other, State.ACCEPTED)
    assert bench.state_of(message) == State.ACCEPTED
    assert len(bench.platform.effects) == 2
    assert len(bench.platform.wire_ids(PAY)) == 2


def test_a_message_of_a_transaction_that_the_catalog_no_longer_has_is_left_to_a_person(bench):
    message, healthy = bench.drop("A", "GONE"), bench.drop("B")
    bench.platform.then(NO_ANSWER)
    bench.go_until_state(message, State.UNKNOWN)
    bench.go_until_state(healthy, State.ACCEPTED)
    assert len(bench.platform.wire_ids("GONE")) == 1


def test_distrust_of_queries_counts_too_and_loses_none(bench):
    message = bench.drop("A", "QUERY", harmless=True, blocks=False)
    bench.platform.then(*[interpreted_by_raising(AnswerRejected("bad"))] * 3)
    bench.wait_and_go(3)
    assert bench.state.halt is not None
    bench.wait_and_go()
    assert bench.state_of(message) == State.ACCEPTED
    assert ACCEPTED.code == bench.world.result(1)["code"]
