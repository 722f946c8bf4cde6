"""How long to wait after trouble: exponential, with jitter, capped. Pure but for the jitter."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

_GRAIN = 1000


def _jitter() -> float:
    """A factor between 0.5 and 1, so that workstations do not return in step after an outage."""
    return 0.5 + secrets.randbelow(_GRAIN) / (2 * _GRAIN)


@dataclass(slots=True)
class Backoff:
    """Seconds to wait after the n-th failure in a row: ``first``, then doubled up to ``cap``."""

    first_s: float = 0.5
    cap_s: float = 60.0
    failures: int = field(default=0, init=False)

    def next_wait(self) -> float:
        wait = min(self.cap_s, self.first_s * 2.0 ** min(self.failures, 16))
        self.failures += 1
        return wait * _jitter()

    def reset(self) -> None:
        self.failures = 0
