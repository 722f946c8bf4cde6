"""Lifetimes of submissions: by monotonic time within a run, by wall time across restarts.

A QR code lives 60 seconds. The shorter of both clocks wins, so that setting the wall clock back
makes no expired code young again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final

from agent.clock import Clock

KEPT_S: Final = 86_400.0


class Lifetimes:
    """Monotonic ends of the submissions of this run, noted when they are accepted.

    An end stays known for ``KEPT_S`` after it: a submission may have messages left, and a wall clock
    set back meanwhile must not make those young.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: OrderedDict[int, float] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return len(self._ends)

    def note(self, submission: int, valid_until: datetime | None) -> None:
        if valid_until is not None:
            self._end(submission, valid_until)

    def expired(self, submission: int, valid_until: datetime | None) -> Callable[[], bool]:
        """A test for "too late", to be made again immediately before the first byte leaves."""
        if valid_until is None:
            return _never
        end = self._end(submission, valid_until)
        return lambda: self._clock.now() >= valid_until or self._clock.monotonic() >= end

    def _end(self, submission: int, valid_until: datetime) -> float:
        """The end first noted, by monotonic time."""
        now = self._clock.monotonic()
        left = (valid_until - self._clock.now()).total_seconds()
        with self._lock:
            while self._ends and next(iter(self._ends.values())) < now - KEPT_S:
                self._ends.popitem(last=False)
            return self._ends.setdefault(submission, now + left)


def _never() -> bool:
    return False
