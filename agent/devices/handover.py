"""Hands something over until it is stored: nothing else is read meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from agent import pulse
from agent.backoff import Backoff
from agent.clock import Clock
from agent.logs import get_logger

log = get_logger("agent.devices")

T = TypeVar("T")


class Handover:
    """For one source; ``failing`` is called at each failure, to show it."""

    def __init__(
        self, source: str, clock: Clock, stopping: threading.Event, failing: Callable[[], None]
    ) -> None:
        self._source = source
        self._clock = clock
        self._stopping = stopping
        self._failing = failing

    def until_stored(self, act: Callable[[], T], event_id: str) -> T | None:
        """What ``act`` returns, tried until it does. None when the agent stops before that: the person
        has seen no answer then, and scans again."""
        backoff = Backoff(first_s=0.2, cap_s=5.0)
        while True:
            pulse.beat()
            try:
                return act()
            except Exception:  # the border to whoever stores: shown, logged, tried again
                log.exception("event not stored", source=self._source, event_id=event_id)
            self._failing()
            if self._clock.wait(self._stopping, backoff.next_wait()):
                log.error("event given up at stop", source=self._source, event_id=event_id)
                return None
