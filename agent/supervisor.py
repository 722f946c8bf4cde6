"""Every long-lived thread runs under this: a failed one is restarted with back-off and shown.

No failure of one worker touches another. One that fails again and again is restarted ever more slowly,
up to once a minute, and never given up: the status names it, the log has the reason.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from agent import pulse
from agent.backoff import Backoff
from agent.clock import Clock
from agent.logs import get_logger
from agent.pulse import Pulse

log = get_logger("agent.supervisor")

STABLE_S = 30.0
MEANWHILE_S = 1.0


@dataclass(slots=True)
class Worker:
    """A supervised thread as the status shows it: ``running``, ``restarting`` or ``ended``."""

    name: str
    work: Callable[[], None] = field(repr=False)
    wakeup: threading.Event | None = field(repr=False)
    pulse: Pulse = field(repr=False)
    state: str = "running"
    failures: int = 0
    last_failure: str = ""
    failed_at: datetime | None = None
    thread: threading.Thread | None = field(default=None, repr=False)


class Supervisor:
    """Starts workers, restarts those that fail, waits for all at the end."""

    def __init__(self, clock: Clock, stopping: threading.Event) -> None:
        self._clock = clock
        self._stopping = stopping
        self._workers: list[Worker] = []
        self._lock = threading.Lock()

    def run(self, name: str, work: Callable[[], None], wakeup: threading.Event | None = None) -> None:
        """Run ``work`` in a thread of its own until it returns; ``wakeup`` is set when stopping."""
        worker = Worker(name, work, wakeup, Pulse(self._clock))
        worker.thread = threading.Thread(target=self._keep_alive, args=(worker,), name=name, daemon=True)
        with self._lock:
            self._workers.append(worker)
        worker.thread.start()

    def workers(self) -> tuple[Worker, ...]:
        with self._lock:
            return tuple(self._workers)

    def lifeless(self) -> tuple[str, ...]:
        """The names of workers whose thread is gone though its work has not ended, or that were not
        heard of in the time that they promised (``agent.pulse``)."""
        return tuple(worker.name for worker in self.workers() if _lifeless(worker))

    def join(self, timeout_s: float, meanwhile: Callable[[], None] | None = None) -> tuple[str, ...]:
        """Wait for all workers; returns the names of those that did not end in time. ``meanwhile`` is
        called at first and about once a second while there is something to wait for."""
        deadline = self._clock.monotonic() + timeout_s
        for worker in self.workers():
            if worker.wakeup is not None:
                worker.wakeup.set()
        for worker in self.workers():
            if worker.thread is not None and worker.thread is not threading.current_thread():
                _wait_for(worker.thread, deadline - self._clock.monotonic(), meanwhile)
        return tuple(w.name for w in self.workers() if w.thread is not None and w.thread.is_alive())

    def _keep_alive(self, worker: Worker) -> None:
        worker.pulse.attach()
        backoff = Backoff(first_s=0.5, cap_s=60.0)
        while not self._stopping.is_set():
            started = self._clock.monotonic()
            pulse.promise(pulse.FOREIGN_STEP_S)  # also for a worker that has made no promise of its own yet
            try:
                worker.work()
            except Exception as error:  # noqa: BLE001 - the border of every thread: shown, logged, restarted
                self._note_failure(worker, error)
            else:
                worker.state = "ended"
                return
            if self._clock.monotonic() - started > STABLE_S:
                backoff.reset()
            pause = backoff.next_wait()
            pulse.idle(pause)
            self._clock.wait(self._stopping, pause)
            worker.state = "running"
        worker.state = "ended"

    def _note_failure(self, worker: Worker, error: Exception) -> None:
        worker.state = "restarting"
        worker.failures += 1
        worker.last_failure = type(error).__name__
        worker.failed_at = self._clock.now()
        log.exception("worker failed", worker=worker.name)


def _lifeless(worker: Worker) -> bool:
    if worker.state == "ended":
        return False
    gone = worker.thread is not None and not worker.thread.is_alive()
    return gone or worker.pulse.overdue_s() > 0


def _wait_for(thread: threading.Thread, left_s: float, meanwhile: Callable[[], None] | None) -> None:
    while thread.is_alive() and left_s > 0:
        if meanwhile is not None:
            meanwhile()
        slice_s = min(left_s, MEANWHILE_S)
        thread.join(slice_s)
        left_s -= slice_s
