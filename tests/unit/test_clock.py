"""agent.clock: one zone, and a clock that tests wind."""

import threading
from datetime import datetime, timedelta

from agent.clock import BEIJING, ManualClock, SystemClock


def test_the_system_clock_is_beijing_time_wherever_the_machine_is(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    assert SystemClock().now().utcoffset() == timedelta(hours=8)


def test_setting_the_wall_clock_leaves_monotonic_time_alone():
    clock = ManualClock()
    before = clock.monotonic()
    clock.set_wall(datetime(2020, 1, 1, tzinfo=BEIJING))
    assert clock.now().year == 2020
    assert clock.monotonic() == before


def test_a_waiter_returns_false_once_its_time_has_been_wound_by():
    clock = ManualClock()
    results = []
    waiter = threading.Thread(target=lambda: results.append(clock.wait(threading.Event(), 60)))
    waiter.start()
    clock.advance(61)
    waiter.join(5)
    assert results == [False]


def test_a_waiter_returns_true_when_the_event_is_set_without_any_winding():
    clock = ManualClock()
    event = threading.Event()
    event.set()
    assert clock.wait(event, None) is True
