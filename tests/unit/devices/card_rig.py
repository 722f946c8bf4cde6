"""The real PC/SC stack, a card source at work on it, and what it delivered."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from agent.clock import Clock, SystemClock
from agent.devices.cards.model import CardBackend, Conclusion, from_payload
from agent.devices.cards.pcsc import PcscBackend
from agent.devices.cards.source import CardSettings, CardSource, Want
from agent.devices.model import DeviceState, ScanVerdict
from agent.events import Event
from agent.rehearsal.card_service import CardService, CardsUnavailable

READER = "Virtual PCD 00 00"


def card_service() -> CardService:
    """pcscd with the virtual reader of vsmartcard-vpcd, running: to be stopped by the caller. There is one on
    a machine: tests of several workers take turns. CI has it all: there a card test that cannot run is a
    failure."""
    service = CardService()
    try:
        service.start(wait=True)
    except CardsUnavailable as error:
        if os.environ.get("CI"):
            pytest.fail(f"card tests must run in CI: {error}")
        pytest.skip(str(error))
    return service


class CardStation:
    def __init__(
        self,
        want: Want = Want.READ,
        *,
        backend: CardBackend | None = None,
        deliver: Callable[[Event], ScanVerdict] | None = None,
        reader: str = READER,
        clock: Clock | None = None,
    ) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self.conclusions: queue.Queue[Conclusion] = queue.Queue()
        self.states: queue.Queue[DeviceState] = queue.Queue()
        self.stopping = threading.Event()
        self.source = CardSource(
            CardSettings("reader", "till-1", always=want),
            backend or PcscBackend(reader),
            deliver or self._take,
            self.conclusions.put,
            clock or SystemClock(),
            self.stopping,
            self.states.put,
        )
        self._thread = threading.Thread(target=self.source.run, daemon=True)
        self._thread.start()

    def _take(self, event: Event) -> ScanVerdict:
        self.events.put(event)
        return ScanVerdict.TAKEN

    def next(self) -> dict[str, Any]:
        return from_payload(self.events.get(timeout=20).payload)

    def until(self, *reasons: str) -> DeviceState:
        """The next of its states that has one of these reasons."""
        while (state := self.states.get(timeout=20)).reason not in reasons:
            pass
        return state

    def forget(self) -> None:
        """What was said of former cards."""
        for said in (self.states, self.conclusions):
            while not said.empty():
                said.get()

    def stop(self) -> None:
        self.stopping.set()
        self.source.wakeup.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
