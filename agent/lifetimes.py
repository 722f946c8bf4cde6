"""Lifetimes of submissions: by monotonic time within a run, by wall time across restarts.

A QR code lives 60 seconds. The shorter of both clocks wins, so that setting the wall clock back
makes no expired code young again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from agent.clock import Clock


class Lifetimes:
    """Monotonic ends of the submissions of this run, noted when they are accepted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: dict[int, float] = {}
        self._lock = threading.Lock()

    def note(self, submission: int, valid_until: datetime | None) -> None:
        if valid_until is None:
            return
        end = self._clock.monotonic() + (valid_until - self._clock.now()).total_seconds()
        with self._lock:
            self._ends[submission] = end

    def forget(self, submission: int) -> None:
        with self._lock:
            self._ends.pop(submission, None)

    def expired(self, submission: int, valid_until: datetime | None) -> Callable[[], bool]:
        """A test for "too late", to be made again immediately before the first byte leaves."""
        if valid_until is None:
            return _never
        if submission not in self._ends:
            self.note(submission, valid_until)
        with self._lock:
            end = self._ends[submission]
        return lambda: self._clock.now() >= valid_until or self._clock.monotonic() >= end


def _never() -> bool:
    return False
