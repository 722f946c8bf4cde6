"""Signs of life: a worker says within what time it will be heard of again, and whoever watches sees
when it was not.

A thread that waits for an answer, writes to a slow disk or has nothing to do looks the same from
outside; only it knows how long that may last. So each loop makes a promise before every step and
renews it within long ones. Outside a watched thread all calls do nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from agent.clock import Clock

STEP_S: Final = 60.0
"""The longest that a step may last beside what it waits for: busy disks and databases included."""

FOREIGN_STEP_S: Final = 900.0
"""The same for steps on folders that may be a server's: its time-outs are not ours."""

_here = threading.local()


class Pulse:
    """The promise of one thread. ``overdue_s`` may be asked by any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._within_s: float | None = None
        self._due: float | None = None

    def attach(self) -> None:
        """The calling thread speaks for this pulse from now on."""
        _here.pulse = self

    def promise(self, within_s: float | None) -> None:
        self._within_s = within_s
        self.renew()

    def renew(self) -> None:
        self._due = None if self._within_s is None else self._clock.monotonic() + self._within_s

    def overdue_s(self) -> float:
        """Seconds since the promised sign of life; 0 while the promise holds or none was made."""
        due = self._due
        return 0.0 if due is None else max(0.0, self._clock.monotonic() - due)


def promise(within_s: float) -> None:
    """The calling worker will be heard of within ``within_s``, from now and from each :func:`beat`."""
    _mine(lambda pulse: pulse.promise(within_s))


def beat() -> None:
    """The calling worker gets on; its last promise counts from now."""
    _mine(Pulse.renew)


def idle(wait_s: float | None) -> None:
    """The calling worker waits, ``wait_s`` at most or until it is woken (None)."""
    _mine(lambda pulse: pulse.promise(None if wait_s is None else wait_s + STEP_S))


def _mine(act: Callable[[Pulse], None]) -> None:
    pulse: Pulse | None = getattr(_here, "pulse", None)
    if pulse is not None:
        act(pulse)
