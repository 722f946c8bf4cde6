"""Time, injected. Nothing else in the agent asks the operating system what time it is.

All three platforms keep Beijing time and none of their documents names a zone, so the agent's
wall clock is UTC+8 wherever the workstation thinks it is.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Protocol

BEIJING = timezone(timedelta(hours=8), "CST")


class Clock(Protocol):
    """Wall time for records and wire formats, monotonic seconds for lifetimes within a run."""

    def now(self) -> datetime:
        """The aware wall time in UTC+8."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back while this process lives."""
        ...

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        """Block until ``event`` is set (true) or ``timeout`` seconds have passed (false)."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(BEIJING)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        return event.wait(timeout)


class ManualClock:
    """A clock that a test winds: waiting returns at once when the time to wait has been wound by."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, 9, 0, 0, tzinfo=BEIJING)
        self._monotonic = 1000.0
        self._changed = threading.Condition()

    def now(self) -> datetime:
        with self._changed:
            return self._now

    def monotonic(self) -> float:
        with self._changed:
            return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, for wall and monotonic time alike."""
        with self._changed:
            self._now += timedelta(seconds=seconds)
            self._monotonic += seconds
            self._changed.notify_all()

    def set_wall(self, moment: datetime) -> None:
        """Set the wall clock, as an administrator does: monotonic time goes on unmoved."""
        with self._changed:
            self._now = moment
            self._changed.notify_all()

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        with self._changed:
            until = None if timeout is None else self._monotonic + timeout
            while not event.is_set():
                if until is not None and self._monotonic >= until:
                    return False
                self._changed.wait(0.005)
            return True
