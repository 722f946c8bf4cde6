"""agent.pulse: what a worker promised, and when it has not kept it."""

import threading

import pytest

from agent import pulse
from agent.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def mine(clock):
    """A pulse that this test's thread speaks for, until the test ends."""
    attached = pulse.Pulse(clock)
    attached.attach()
    yield attached
    del pulse._here.pulse


def test_a_worker_that_never_promised_is_never_overdue(clock, mine):
    clock.advance(1_000_000)
    assert mine.overdue_s() == 0


def test_a_promise_holds_to_its_last_second_and_not_longer(clock, mine):
    pulse.promise(30)
    clock.advance(30)
    assert mine.overdue_s() == 0
    clock.advance(1)
    assert mine.overdue_s() == 1


def test_a_beat_renews_the_promise_that_was_made(clock, mine):
    pulse.promise(30)
    clock.advance(29)
    pulse.beat()
    clock.advance(30)
    assert mine.overdue_s() == 0
    clock.advance(5)
    assert mine.overdue_s() == 5


def test_one_that_waits_may_be_silent_while_it_waits_and_a_step_longer(clock, mine):
    pulse.idle(100)
    clock.advance(100 + pulse.STEP_S)
    assert mine.overdue_s() == 0
    clock.advance(1)
    assert mine.overdue_s() == 1


def test_one_that_waits_to_be_woken_may_be_silent_for_ever(clock, mine):
    pulse.promise(1)
    pulse.idle(None)
    clock.advance(1_000_000)
    assert mine.overdue_s() == 0


def test_a_thread_without_a_pulse_promises_nothing_for_another(clock, mine):
    pulse.promise(10)
    clock.advance(9)
    other = threading.Thread(target=pulse.beat)
    other.start()
    other.join()
    clock.advance(2)
    assert mine.overdue_s() == 1
