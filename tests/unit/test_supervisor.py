"""agent.supervisor: failed workers come back, none touches another, all end when told."""

import threading

import pytest

from agent import pulse
from agent.clock import ManualClock, SystemClock
from agent.supervisor import STABLE_S, Supervisor

PATIENCE_S = 10


class RecordingClock(ManualClock):
    """Waiting takes no time and is remembered; ``stop_after`` waits end everything."""

    def __init__(self, stopping, stop_after):
        super().__init__()
        self.waits = []
        self._stopping = stopping
        self._stop_after = stop_after

    def wait(self, event, timeout):
        self.waits.append(timeout)
        self.advance(timeout)
        if len(self.waits) >= self._stop_after:
            self._stopping.set()
        return event.is_set()


@pytest.fixture
def stopping():
    return threading.Event()


def fail():
    raise ZeroDivisionError("with something personal in it")


def test_a_failed_worker_is_restarted_ever_more_slowly_up_to_once_a_minute(stopping):
    clock = RecordingClock(stopping, stop_after=20)
    supervisor = Supervisor(clock, stopping)
    supervisor.run("broken", fail)
    assert supervisor.join(PATIENCE_S) == ()
    for nth, wait in enumerate(clock.waits):
        assert 0.5 * min(60, 0.5 * 2**nth) <= wait <= min(60, 0.5 * 2**nth)
    (worker,) = supervisor.workers()
    assert (worker.failures, worker.last_failure, worker.state) == (20, "ZeroDivisionError", "ended")
    assert worker.failed_at is not None


def test_a_worker_that_ran_well_for_a_while_is_restarted_soon_again(stopping):
    clock = RecordingClock(stopping, stop_after=10)

    def fail_after_a_while():
        clock.advance(STABLE_S + 1)
        raise ZeroDivisionError

    supervisor = Supervisor(clock, stopping)
    supervisor.run("steady", fail_after_a_while)
    assert supervisor.join(PATIENCE_S) == ()
    assert all(wait <= 0.5 for wait in clock.waits)


def test_a_worker_that_fails_and_recovers_is_shown_running_again(stopping):
    attempts, recovered, leave = [], threading.Event(), threading.Event()

    def recover_at_second_try():
        attempts.append(1)
        if len(attempts) == 1:
            raise ZeroDivisionError
        recovered.set()
        leave.wait(PATIENCE_S)

    supervisor = Supervisor(SystemClock(), stopping)
    supervisor.run("moody", recover_at_second_try)
    assert recovered.wait(PATIENCE_S)
    (worker,) = supervisor.workers()
    assert (worker.state, worker.failures) == ("running", 1)
    leave.set()
    assert supervisor.join(PATIENCE_S) == ()
    assert worker.state == "ended"


def test_no_failure_touches_another_worker(stopping):
    healthy = threading.Event()
    supervisor = Supervisor(SystemClock(), stopping)
    supervisor.run("broken", fail)
    supervisor.run("healthy", healthy.set)
    assert healthy.wait(PATIENCE_S)
    stopping.set()
    assert supervisor.join(PATIENCE_S) == ()


def test_a_worker_that_waits_is_woken_to_end(stopping):
    wakeup = threading.Event()
    supervisor = Supervisor(SystemClock(), stopping)
    supervisor.run("waiting", wakeup.wait, wakeup)
    stopping.set()
    assert supervisor.join(PATIENCE_S) == ()


def test_those_that_do_not_end_in_time_are_named(stopping):
    leave = threading.Event()
    supervisor = Supervisor(SystemClock(), stopping)
    supervisor.run("stubborn", lambda: leave.wait(PATIENCE_S))
    supervisor.run("prompt", lambda: None)
    stopping.set()
    assert supervisor.join(0.05) == ("stubborn",)
    leave.set()
    assert supervisor.join(PATIENCE_S) == ()


def test_a_worker_may_start_and_await_others_without_waiting_for_itself(stopping):
    left = []
    supervisor = Supervisor(SystemClock(), stopping)

    def start_another_and_join():
        supervisor.run("child", lambda: None)
        left.append(supervisor.join(PATIENCE_S))

    supervisor.run("parent", start_another_and_join)
    assert supervisor.join(PATIENCE_S) == ()
    assert left == [("parent",)]


def test_nothing_starts_after_a_stop(stopping):
    ran = []
    supervisor = Supervisor(SystemClock(), stopping)
    stopping.set()
    supervisor.run("late", lambda: ran.append(1))
    assert supervisor.join(PATIENCE_S) == ()
    assert ran == []


def test_the_status_names_the_kind_of_a_failure_and_never_its_text(stopping):
    supervisor = Supervisor(RecordingClock(stopping, stop_after=1), stopping)
    supervisor.run("broken", fail)
    assert supervisor.join(PATIENCE_S) == ()
    assert "ZeroDivisionError" in repr(supervisor.workers())
    assert "personal" not in repr(supervisor.workers())


# -- signs of life ------------------------------------------------------------------------------------
@pytest.fixture
def held():
    """A worker that promises 30 s and is then held; ``release`` lets it go."""
    clock, stopping = ManualClock(), threading.Event()
    supervisor = Supervisor(clock, stopping)
    promised, release = threading.Event(), threading.Event()

    def work():
        pulse.promise(30)
        promised.set()
        release.wait(PATIENCE_S)

    supervisor.run("held", work)
    assert promised.wait(PATIENCE_S)
    yield clock, supervisor, release
    release.set()
    supervisor.join(PATIENCE_S)


def test_a_worker_that_breaks_its_promise_is_named(held):
    clock, supervisor, _ = held
    clock.advance(30)
    assert supervisor.lifeless() == ()
    clock.advance(1)
    assert supervisor.lifeless() == ("held",)


def test_a_worker_that_has_ended_owes_no_sign_of_life(held):
    clock, supervisor, release = held
    clock.advance(31)
    release.set()
    assert supervisor.join(PATIENCE_S) == ()
    assert supervisor.lifeless() == ()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_whose_thread_is_gone_without_an_end_is_named(stopping):
    def vanish():
        raise SystemExit  # no Exception: it passes the border that restarts workers

    supervisor = Supervisor(ManualClock(), stopping)
    supervisor.run("gone", vanish)
    supervisor.join(PATIENCE_S)
    assert supervisor.lifeless() == ("gone",)


def test_a_worker_that_rests_after_a_failure_keeps_its_promise(stopping):
    clock = RecordingClock(stopping, stop_after=1)
    overdue = []
    clock.wait = lambda event, timeout: (
        clock.advance(timeout),
        overdue.append(supervisor.lifeless()),
        stopping.set(),
    )
    supervisor = Supervisor(clock, stopping)

    def promise_and_fail():
        pulse.promise(0.01)
        raise ZeroDivisionError

    supervisor.run("resting", promise_and_fail)
    assert supervisor.join(PATIENCE_S) == ()
    assert overdue == [()]


def test_who_waits_for_workers_is_called_while_they_last(held):
    _, supervisor, release = held
    calls = []

    def meanwhile():
        calls.append(1)
        release.set()

    assert supervisor.join(PATIENCE_S, meanwhile) == ()
    assert calls == [1]
