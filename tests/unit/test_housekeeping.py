"""agent.housekeeping: what expires though no lane comes to it, and deadlines that are told once."""

import threading
from datetime import timedelta

import pytest

from agent import housekeeping as module
from agent.clock import ManualClock
from agent.crypto.at_rest import generate
from agent.errors import StoreFull
from agent.events import Deadline
from agent.housekeeping import Housekeeping
from agent.outbox.model import State
from agent.outbox.store import SqliteOutbox
from tests.contract.outbox_world import World, accepted, draft, rejected, visit


@pytest.fixture
def world(tmp_path):
    clock, key = ManualClock(), generate(1)

    def opened():
        return SqliteOutbox(tmp_path / "outbox.db", key, clock=clock, answer_within_s=20)

    built = World(opened(), clock, opened)
    yield built
    built.outbox.close()


@pytest.fixture
def ended():
    return []


@pytest.fixture
def keeper(world, ended):
    return Housekeeping(world.outbox, world.clock, threading.Event(), ended.append)


def told(ended):
    return [(settled.message, settled.state) for settled in ended]


@pytest.fixture
def warnings(monkeypatch):
    noted = []

    class Log:
        def warning(self, _event, **fields):
            noted.append(fields)

    monkeypatch.setattr(module, "log", Log())
    return noted


def soon(world, seconds=60):
    return world.clock.now() + timedelta(seconds=seconds)


def test_what_waits_behind_a_failure_expires_in_its_time_and_is_told(world, keeper, ended):
    world.message("A", draft(visit("1")))
    waiting = world.message("B", draft(visit("1")), valid_until=soon(world))
    world.deliver(rejected())
    assert world.state(waiting) == State.BLOCKED
    world.clock.advance(59)
    keeper.expire_lapsed()
    assert world.state(waiting) == State.BLOCKED
    world.clock.advance(1)
    keeper.expire_lapsed()
    assert world.state(waiting) == State.EXPIRED
    assert told(ended) == [(waiting, State.EXPIRED)]


def test_what_is_on_the_wire_is_left_to_its_lane(world, keeper, ended):
    flying = world.message("A", draft(visit("1")), valid_until=soon(world))
    world.send()
    world.clock.advance(120)
    keeper.expire_lapsed()
    assert world.state(flying) == State.IN_FLIGHT
    assert told(ended) == []


def test_more_than_one_round_takes_expires_all_the_same(world, keeper, ended):
    for number in range(130):
        world.message(f"A{number}", draft(visit(str(number))), valid_until=soon(world))
    world.clock.advance(61)
    for _ in range(2):
        keeper.expire_lapsed()
    assert len(told(ended)) == 130


def wanted(*after_s):
    return draft(visit("1"), deadlines=tuple(Deadline(seconds, f"{seconds} s") for seconds in after_s))


def test_a_near_deadline_is_warned_of_once(world, keeper, warnings):
    message = world.message("A", wanted(1800))
    keeper.warn_of_deadlines()
    assert warnings == []
    world.clock.advance(1201)
    for _ in range(3):
        keeper.warn_of_deadlines()
    assert [fields["message"] for fields in warnings] == [message]


def test_each_of_several_deadlines_is_warned_of_when_it_comes_near(world, keeper, warnings):
    world.message("A", wanted(1800, 5 * 86400))
    for moment in (1700, 3 * 86400, 2 * 86400):
        world.clock.advance(moment)
        keeper.warn_of_deadlines()
    assert [fields["deadline"] for fields in warnings] == ["1800 s", "432000 s"]


def test_a_warning_names_nobody(world, keeper, warnings):
    deadlines = (Deadline(60, "1 分钟内上传"),)
    world.message("HIS-personal", draft(visit("1"), body={"aac003": "测试甲"}, deadlines=deadlines))
    world.clock.advance(50)
    keeper.warn_of_deadlines()
    (fields,) = warnings
    assert "HIS-personal" not in repr(fields)
    assert "测试甲" not in repr(fields)


def test_what_was_delivered_in_time_is_not_warned_of(world, keeper, warnings):
    world.message("A", wanted(60))
    world.deliver(accepted())
    world.clock.advance(3600)
    keeper.warn_of_deadlines()
    assert warnings == []


class Stopping(ManualClock):
    """Stops the loop after some rounds; waiting takes no time."""

    def __init__(self, rounds, stopping):
        super().__init__()
        self.rounds = rounds
        self._stopping = stopping

    def wait(self, event, timeout):
        self.rounds -= 1
        self.advance(timeout)
        if not self.rounds:
            self._stopping.set()
        return event.is_set()


def test_a_full_disk_ends_no_housekeeping(world, monkeypatch):
    message = world.message("A", draft(visit("1")), valid_until=soon(world, 0))
    stopping = threading.Event()
    clock = Stopping(4, stopping)
    clock.set_wall(soon(world, 3600))
    failures = iter([True, True, False])
    original = world.outbox.lapsed

    def lapsed(now, limit):
        if next(failures, False):
            raise StoreFull("no room")
        return original(now, limit)

    monkeypatch.setattr(world.outbox, "lapsed", lapsed)
    done = []
    Housekeeping(world.outbox, clock, stopping, done.append).run()
    assert world.state(message) == State.EXPIRED
    assert len(done) == 1
