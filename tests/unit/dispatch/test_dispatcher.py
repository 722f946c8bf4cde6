"""agent.dispatch.dispatcher: lanes are made when they first have work, woken, resumed, shown."""

import threading
from dataclasses import replace

import pytest

from agent.clock import SystemClock
from agent.demo.processes import eventually
from agent.dispatch.dispatcher import Dispatcher
from agent.dispatch.exchange import Exchange
from agent.dispatch.state import LaneSettings
from agent.errors import NotSent, SerialsExhausted
from agent.events import Draft, Outcome
from agent.supervisor import Supervisor
from tests.contract.outbox_world import LANE, QUERIES, SYSTEM
from tests.unit.dispatch.scripted import ACCEPTED, NO_RIGHTS, PAY, PROBE, QUERY

PATIENCE_S = 10


class Hall:
    """A dispatcher with its real threads over a bench's outbox."""

    def __init__(self, bench, settings=None):
        self.bench = bench
        self.stopping = threading.Event()
        self.supervisor = Supervisor(SystemClock(), self.stopping)
        self.changed = threading.Condition()
        self.settled = []
        self.dispatcher = Dispatcher(
            system=SYSTEM,
            settings=settings or LaneSettings(parallel=2),
            outbox=bench.world.outbox,
            exchange=Exchange(bench.platform, bench.platform, SystemClock(), self.stopping),
            numbers=bench.numbers,
            lifetimes=bench.lifetimes,
            clock=SystemClock(),
            stopping=self.stopping,
            supervisor=self.supervisor,
            settled=self.note,
        )

    def note(self, settled):
        with self.changed:
            self.settled.append(settled)
            self.changed.notify_all()
        self.dispatcher.wake_all()

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.settled) >= count, PATIENCE_S), self.settled

    def stop(self):
        self.stopping.set()
        self.dispatcher.interrupt()
        return self.supervisor.join(PATIENCE_S)


@pytest.fixture
def hall(bench):
    built = Hall(bench)
    yield built
    assert built.stop() == ()


def test_a_lane_is_made_when_it_first_has_work_with_the_workers_it_is_due(hall):
    assert hall.supervisor.workers() == ()
    hall.bench.drop("A")
    hall.dispatcher.wake(LANE)
    hall.dispatcher.wake(LANE)
    hall.dispatcher.wake(QUERIES)
    hall.wait_for(1)
    names = [worker.name for worker in hall.supervisor.workers()]
    assert names == ["lane ministry/AK-1", "lane ministry/AK-1/query-0", "lane ministry/AK-1/query-1"]


def test_at_start_every_lane_of_the_system_with_work_is_made_and_no_others(hall):
    hall.bench.drop("A")
    hall.bench.drop("Q", QUERY, harmless=True, parallel=True, blocks=False)
    hall.bench.world.take(hall.bench.world.new("X", Draft(PAY, "elsewhere", {}), system="jiangxi"))
    hall.dispatcher.wake_all()
    hall.wait_for(2)
    assert {status.key for status in hall.dispatcher.status()} == {LANE, QUERIES}
    assert len(hall.bench.platform.sent) == 2


def test_a_follow_up_in_a_lane_that_never_had_work_is_sent(hall):
    follow_up = Draft(QUERY, LANE.lane, {"row": "next page"}, parallel=True, harmless=True)
    hall.bench.platform.then(replace(ACCEPTED, follow_ups=(follow_up,)))
    hall.bench.drop("A")
    hall.dispatcher.wake(LANE)
    hall.wait_for(2)
    assert [body["row"] for _, _, body in hall.bench.platform.sent] == ["A", "next page"]


def test_work_that_nobody_announced_to_an_idle_lane_is_found_when_it_is_woken(hall):
    hall.bench.drop("A")
    hall.dispatcher.wake(LANE)
    hall.wait_for(1)
    hall.bench.drop("B")
    hall.dispatcher.wake_all()
    hall.wait_for(2)
    assert [body["row"] for _, _, body in hall.bench.platform.sent] == ["A", "B"]


def test_a_halted_lane_shows_why_and_goes_on_when_a_person_mended_it(hall):
    hall.bench.platform.then(NO_RIGHTS)
    hall.bench.drop("A")
    hall.dispatcher.wake(LANE)
    eventually(lambda: hall.dispatcher.status()[0].halt is not None, "the halt")
    (status,) = hall.dispatcher.status()
    assert "P2" in status.halt.message
    assert status.rest_s > 0
    hall.dispatcher.resume()
    hall.wait_for(1)
    assert hall.dispatcher.status()[0].halt is None


def test_asking_beside_the_lanes_gives_the_answer_or_the_reason_and_never_raises(hall):
    probe = Draft(PROBE, LANE.lane, {}, harmless=True)
    assert isinstance(hall.dispatcher.ask(probe), Outcome)
    hall.bench.platform.refuse_connection = NotSent("refused")
    assert isinstance(hall.dispatcher.ask(probe), NotSent)
    hall.bench.platform.series_digits = 0
    hall.bench.numbers._counters.clear()
    assert isinstance(hall.dispatcher.ask(probe), SerialsExhausted)


def test_after_a_stop_no_worker_lives(bench):
    hall = Hall(bench)
    for key in (LANE, QUERIES):
        hall.dispatcher.wake(key)
    assert hall.stop() == ()
    assert {worker.state for worker in hall.supervisor.workers()} == {"ended"}
    hall.dispatcher.wake(LANE)
