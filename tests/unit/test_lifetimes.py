"""agent.lifetimes: the shorter of wall and monotonic time."""

from datetime import timedelta

from agent.clock import ManualClock
from agent.lifetimes import Lifetimes


def setup():
    clock = ManualClock()
    return clock, Lifetimes(clock), clock.now() + timedelta(seconds=60)


def test_nothing_expires_without_an_end():
    clock, lifetimes, _ = setup()
    too_late = lifetimes.expired(1, None)
    clock.advance(10**9)
    assert not too_late()


def test_it_expires_when_its_seconds_have_passed():
    clock, lifetimes, end = setup()
    lifetimes.note(1, end)
    too_late = lifetimes.expired(1, end)
    clock.advance(59)
    assert not too_late()
    clock.advance(1)
    assert too_late()


def test_a_wall_clock_set_back_makes_an_expired_code_no_younger():
    clock, lifetimes, end = setup()
    lifetimes.note(1, end)
    clock.advance(61)
    clock.set_wall(end - timedelta(hours=1))
    assert lifetimes.expired(1, end)()


def test_a_wall_clock_set_forward_expires_it_at_once():
    clock, lifetimes, end = setup()
    lifetimes.note(1, end)
    clock.set_wall(end + timedelta(hours=1))
    assert lifetimes.expired(1, end)()


def test_after_a_restart_wall_time_counts():
    clock, _, end = setup()
    clock.advance(30)
    too_late = Lifetimes(clock).expired(1, end)
    assert not too_late()
    clock.advance(30)
    assert too_late()


def test_an_end_outlives_the_first_of_several_messages_however_the_wall_clock_moves():
    clock, lifetimes, end = setup()
    lifetimes.note(1, end)
    clock.advance(61)
    clock.set_wall(end - timedelta(hours=1))
    lifetimes.note(1, end)
    assert lifetimes.expired(1, end)()


def test_ends_long_past_take_no_room():
    clock, lifetimes, end = setup()
    for submission in range(100):
        lifetimes.note(submission, end)
    clock.advance(2 * 86_400)
    lifetimes.note(100, clock.now() + timedelta(seconds=60))
    assert len(lifetimes) == 1
