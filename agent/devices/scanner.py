"""Keeps one scanner open and hands over what it reads, one code after the other.

The worker opens the device while something waits for it, opens it again with growing pauses when it
goes away, and reads the next code only after the last one is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from agent import pulse
from agent.backoff import Backoff
from agent.clock import Clock
from agent.devices.handover import Handover
from agent.devices.model import (
    IDLE,
    Deliver,
    DeviceCondition,
    DeviceError,
    DeviceState,
    ScanVerdict,
    ignore_state,
    new_event_id,
    not_stored,
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
    """A supervised worker (``run``). ``want`` and ``state`` may be called from any thread; ``changed``
    is told every change of the state."""

    def __init__(
        self,
        settings: ScannerSettings,
        open_link: Callable[[], ScannerLink],
        deliver: Deliver,
        clock: Clock,
        stopping: threading.Event,
        changed: Callable[[DeviceState], None] = ignore_state,
    ) -> None:
        self.wakeup = threading.Event()
        self._changed = changed
        self._settings = settings
        self._open_link = open_link
        self._deliver = deliver
        self._clock = clock
        self._stopping = stopping
        self._wanted = settings.always_open
        self._backoff = Backoff(first_s=0.25, cap_s=3.0)
        self._state = IDLE
        self._handover = Handover(settings.name, clock, stopping, self._show_failing)
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
            pulse.promise(pulse.FOREIGN_STEP_S)
            if not self._wanted:
                self._set(IDLE)
                self._pause(_LOOK_S)
                continue
            try:
                self._use(self._open_link())
            except DeviceError as error:
                self._note(error)
                self._pause(self._backoff.next_wait())
        self._set(IDLE)

    def _use(self, link: ScannerLink) -> None:
        """Read while it is wanted. Raises DeviceError."""
        log.info("scanner opened", scanner=self.name, port=link.label)
        opened_at = self._clock.monotonic()
        before = self._discarded
        self._ready(link)
        try:
            while self._wanted and not self._stopping.is_set():
                pulse.beat()
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
        verdict = self._handover.until_stored(lambda: self._deliver(event), event.id)
        if verdict is None:
            return
        self._delivered += 1
        self._backoff.reset()
        self._ready(link)
        self._reply(link, verdict)

    def _show_failing(self) -> None:
        self._set(not_stored(self._state))

    def _reply(self, link: ScannerLink, verdict: ScanVerdict) -> None:
        reply = self._settings.replies.get(verdict)
        if not reply:
            return
        try:
            link.reply(reply)
        except DeviceError as error:
            log.warning("scanner took no reply", scanner=self.name, reason=error.code)

    def _ready(self, link: ScannerLink) -> None:
        self._set(DeviceState(DeviceCondition.READY, "ready", "正常", link.label))

    def _note(self, error: DeviceError) -> None:
        state = state_of(error, self._state.label)
        if state.reason != self._state.reason:
            fields = {**error.details, "scanner": self.name, "reason": error.code}
            log.warning("scanner not usable", **fields)
        self._set(state)

    def _set(self, state: DeviceState) -> None:
        before, self._state = self._state, state
        if (before.reason, before.label) != (state.reason, state.label):
            self._changed(self.state())

    def _pause(self, seconds: float) -> None:
        self._clock.wait(self.wakeup, seconds)
        self.wakeup.clear()
