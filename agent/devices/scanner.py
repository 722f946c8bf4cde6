"""Keeps one scanner open and hands over what it reads, one code after the other.

The worker opens the device while something waits for it, opens it again with growing pauses when it
goes away, and reads the next code only after the last one is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from agent.backoff import Backoff
from agent.clock import Clock
from agent.devices.model import (
    IDLE,
    Deliver,
    DeviceCondition,
    DeviceError,
    DeviceState,
    ScanVerdict,
    new_event_id,
    state_of,
)
from agent.events import Event, EventKind
from agent.logs import get_logger

log = get_logger("agent.devices")

STABLE_S: Final = 30.0
"""How long a device must stay before a loss counts as the first one again."""
_LOOK_S: Final = 5.0


class ScannerLink(Protocol):
    """An open scanner."""

    @property
    def label(self) -> str:
        """The port or device, for people."""
        ...

    @property
    def discarded(self) -> int:
        """How many times bytes were no whole code."""
        ...

    def read(self) -> list[bytes]:
        """Whole codes, waiting a fraction of a second for them. Raises DeviceError."""
        ...

    def reply(self, data: bytes) -> None:
        """Send the scanner its beep or light. Raises DeviceError."""
        ...

    def close(self) -> None:
        """Raises nothing."""
        ...


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """``station`` is who the codes belong to. ``replies`` are sent to the scanner by verdict, as its
    manual says (a BEL, a light's command). ``always_open``: also while nothing waits."""

    name: str
    station: str
    always_open: bool = False
    replies: Mapping[ScanVerdict, bytes] = field(default_factory=dict)


class ScannerSource:
    """A supervised worker (``run``). ``want`` and ``state`` may be called from any thread."""

    def __init__(
        self,
        settings: ScannerSettings,
        open_link: Callable[[], ScannerLink],
        deliver: Deliver,
        clock: Clock,
        stopping: threading.Event,
    ) -> None:
        self.wakeup = threading.Event()
        self._settings = settings
        self._open_link = open_link
        self._deliver = deliver
        self._clock = clock
        self._stopping = stopping
        self._wanted = settings.always_open
        self._backoff = Backoff(first_s=0.25, cap_s=3.0)
        self._state = IDLE
        self._delivered = 0
        self._discarded = 0

    @property
    def name(self) -> str:
        return self._settings.name

    def state(self) -> DeviceState:
        return replace(self._state, delivered=self._delivered, discarded=self._discarded)

    def want(self, wanted: bool) -> None:
        """Something waits for this scanner, or nothing does any more."""
        self._wanted = wanted or self._settings.always_open
        self.wakeup.set()

    def run(self) -> None:
        """Until ``stopping`` is set."""
        while not self._stopping.is_set():
            if not self._wanted:
                self._state = IDLE
                self._pause(_LOOK_S)
                continue
            try:
                self._use(self._open_link())
            except DeviceError as error:
                self._note(error)
                self._pause(self._backoff.next_wait())
        self._state = IDLE

    def _use(self, link: ScannerLink) -> None:
        """Read while it is wanted. Raises DeviceError."""
        log.info("scanner opened", scanner=self.name, port=link.label)
        opened_at = self._clock.monotonic()
        before = self._discarded
        self._ready(link)
        try:
            while self._wanted and not self._stopping.is_set():
                for code in link.read():
                    self._hand_over(code, link)
                self._discarded = before + link.discarded
                if self._clock.monotonic() - opened_at >= STABLE_S:
                    self._backoff.reset()
        finally:
            link.close()

    def _hand_over(self, code: bytes, link: ScannerLink) -> None:
        now = self._clock.now()
        event = Event(new_event_id(now), self.name, EventKind.SCAN, self._settings.station, now, code)
        verdict = self._stored(event)
        if verdict is None:
            return
        self._delivered += 1
        self._backoff.reset()
        self._ready(link)
        self._reply(link, verdict)

    def _stored(self, event: Event) -> ScanVerdict | None:
        """Try until it is stored: nothing else is read meanwhile. None when the agent stops before that;
        the person has seen no answer then, and scans again."""
        backoff = Backoff(first_s=0.2, cap_s=5.0)
        while True:
            try:
                return self._deliver(event)
            except Exception:  # the border to whoever stores: shown, logged, tried again
                log.exception("scan not stored", scanner=self.name, event_id=event.id)
            sentence = "扫到的码还没有存下，正在重试；请看其他报警（磁盘、数据库）"
            self._state = replace(
                self._state, condition=DeviceCondition.WAITING, reason="not_stored", sentence=sentence
            )
            if self._clock.wait(self._stopping, backoff.next_wait()):
                log.error("scan given up at stop", scanner=self.name, event_id=event.id)
                return None

    def _reply(self, link: ScannerLink, verdict: ScanVerdict) -> None:
        reply = self._settings.replies.get(verdict)
        if not reply:
            return
        try:
            link.reply(reply)
        except DeviceError as error:
            log.warning("scanner took no reply", scanner=self.name, reason=error.code)

    def _ready(self, link: ScannerLink) -> None:
        self._state = DeviceState(DeviceCondition.READY, "ready", "正常", link.label)

    def _note(self, error: DeviceError) -> None:
        state = state_of(error, self._state.label)
        if state.reason != self._state.reason:
            log.warning("scanner not usable", scanner=self.name, reason=error.code, **error.details)
        self._state = state

    def _pause(self, seconds: float) -> None:
        self._clock.wait(self.wakeup, seconds)
        self.wakeup.clear()
