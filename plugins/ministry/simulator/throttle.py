"""RE1173: at most so many requests per second, access key and transaction. Off by default."""

from __future__ import annotations

import threading
from collections import deque

from agent.clock import Clock


class Throttle:
    """A sliding window of one second; ``per_second`` 0 admits everything. Safe for several threads."""

    def __init__(self, clock: Clock, per_second: int = 0) -> None:
        self._clock = clock
        self._per_second = per_second
        self._admitted: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def admits(self, access_key: str, transaction: str) -> bool:
        if not self._per_second:
            return True
        now = self._clock.monotonic()
        with self._lock:
            window = self._admitted.setdefault((access_key, transaction), deque())
            while window and window[0] <= now - 1.0:
                window.popleft()
            if len(window) >= self._per_second:
                return False
            window.append(now)
            return True
