"""Keeps a card reader watched and hands over each card that is inserted, once.

A card that was given is not given again before it was taken out: the card that one patient forgot
must not become the next patient's. For an authentication the card stays powered and held until the
platform's answer has been compared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from agent import pulse
from agent.backoff import Backoff
from agent.clock import Clock
from agent.devices.cards.model import (
    CardBackend,
    CardData,
    CardError,
    CardRemoved,
    CardSession,
    Challenge,
    Conclusion,
    Finding,
    Proofs,
    payload,
)
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

_LOOK_S: Final = 5.0
_KEEP_S: Final = 2.0
_AFTER_CARD_S: Final = 0.5


class Want(StrEnum):
    NOTHING = "nothing"
    READ = "read"
    AUTHENTICATE = "authenticate"
    """Read, and make a challenge for the platform."""


@dataclass(frozen=True, slots=True)
class CardSettings:
    """``always``: what is wanted while nothing waits. ``hold_s``: how long a card waits for the platform."""

    name: str
    station: str
    always: Want = Want.NOTHING
    hold_s: float = 60.0


class CardSource:
    """A supervised worker (``run``). ``want``, ``settle``, ``release`` and ``state`` may be called from
    any thread; ``changed`` is told every change of the state and every card that could not be read."""

    def __init__(
        self,
        settings: CardSettings,
        backend: CardBackend,
        deliver: Deliver,
        conclude: Callable[[Conclusion], None],
        clock: Clock,
        stopping: threading.Event,
        changed: Callable[[DeviceState], None] = ignore_state,
    ) -> None:
        self.wakeup = threading.Event()
        self._changed = changed
        self._settings = settings
        self._backend = backend
        self._deliver = deliver
        self._conclude = conclude
        self._clock = clock
        self._stopping = stopping
        self._handover = Handover(settings.name, clock, stopping, self._show_failing)
        self._want = settings.always
        self._asked = False
        self._backoff = Backoff(first_s=0.5, cap_s=5.0)
        self._state = IDLE
        self._delivered = 0
        self._last = ""
        self._holding = ""
        self._answer: tuple[Proofs | None] | None = None

    @property
    def name(self) -> str:
        return self._settings.name

    def state(self) -> DeviceState:
        return replace(self._state, delivered=self._delivered)

    def want(self, want: Want) -> None:
        """What waits for a card now; ``NOTHING`` falls back to what is always wanted."""
        self._want = self._settings.always if want is Want.NOTHING else want
        self._asked = want is not Want.NOTHING
        self.wakeup.set()

    def settle(self, event_id: str, proofs: Proofs) -> None:
        """The platform's answer to the challenge of this event. Without effect when the card is gone."""
        self._settle(event_id, proofs)

    def release(self, event_id: str) -> None:
        """The platform will not answer: let the card of this event go."""
        self._settle(event_id, None)

    def run(self) -> None:
        """Until ``stopping`` is set."""
        while not self._stopping.is_set():
            pulse.promise(pulse.FOREIGN_STEP_S)
            if self._want is Want.NOTHING:
                if self._state is not IDLE:
                    self._set(IDLE)
                self._pause(_LOOK_S)
                continue
            try:
                self._look()
            except CardError as error:
                self._note(error)
                self._pause(_AFTER_CARD_S)
            except DeviceError as error:
                self._note(error)
                self._backend.renew()
                self._pause(self._backoff.next_wait())
        self._backend.close()
        self._set(IDLE)

    # -- one look, one card -------------------------------------------------------------------------
    def _look(self) -> None:
        session = self._backend.next_card()
        self._backoff.reset()
        if session is None:
            self._rest()
            return
        try:
            self._use(session)
        finally:
            session.close()

    def _use(self, session: CardSession) -> None:
        card = session.read()
        if session.uncertain and card.card_id == self._last:
            self._show_again()
            return
        challenge = session.challenge(card) if self._want is Want.AUTHENTICATE else None
        now = self._clock.now()
        content = payload(card, challenge)
        event = Event(new_event_id(now), self.name, EventKind.CARD, self._settings.station, now, content)
        self._holding, self._answer = event.id, None
        verdict = self._handover.until_stored(lambda: self._deliver(event), event.id)
        if verdict is None:
            return
        self._last, self._asked = card.card_id, False
        self._delivered += 1
        if challenge is not None and verdict is ScanVerdict.TAKEN:
            self._show(DeviceCondition.READY, "card_held", "正在联网认证，请不要拔卡")
            conclusion = self._held(session, event.id, card, challenge)
            self._handover.until_stored(lambda: self._conclude(conclusion), event.id)
        self._show(DeviceCondition.READY, "card_read", "卡已处理完，可以拔出")

    def _held(self, session: CardSession, event_id: str, card: CardData, challenge: Challenge) -> Conclusion:
        """Keep the card until the platform has answered."""
        deadline = self._clock.monotonic() + self._settings.hold_s
        try:
            while self._answer is None:
                if self._stopping.is_set() or self._clock.monotonic() >= deadline:
                    return Conclusion(event_id, Finding.LATE)
                pulse.beat()
                session.keep()
                self._pause(_KEEP_S)
            (proofs,) = self._answer
            if proofs is None:
                return Conclusion(event_id, Finding.RELEASED)
            finding, card = session.conclude(card, challenge, proofs)
        except CardRemoved:
            return Conclusion(event_id, Finding.REMOVED)
        except DeviceError as error:
            self._note(error)
            return Conclusion(event_id, Finding.REFUSED)
        return Conclusion(event_id, finding, card if finding is Finding.GENUINE else None)

    def _settle(self, event_id: str, proofs: Proofs | None) -> None:
        if event_id == self._holding:
            self._answer = (proofs,)
            self.wakeup.set()

    # -- state --------------------------------------------------------------------------------------
    def _rest(self) -> None:
        """Nothing new: what was said of the last card stays until there is another, or until something
        else waits for a card and that one still lies there."""
        if self._asked and self._backend.given:
            self._show_again()
        elif self._state.condition is not DeviceCondition.READY and not self._of_a_card():
            self._show(DeviceCondition.READY, "ready", "正常，等待插卡")

    def _show_again(self) -> None:
        if self._state.reason != "card_again":
            self._show(DeviceCondition.READY, "card_again", "读卡器里还是刚才那张卡：请拔出后重新插入")

    def _of_a_card(self) -> bool:
        return self._state.reason.startswith("card") and self._state.reason != "card_service"

    def _show(self, condition: DeviceCondition, reason: str, sentence: str) -> None:
        self._set(DeviceState(condition, reason, sentence, self._backend.label))

    def _show_failing(self) -> None:
        self._set(not_stored(self._state))

    def _note(self, error: DeviceError) -> None:
        if isinstance(error, CardError) or error.code != self._state.reason:
            fields = {**error.details, "reader": self.name, "reason": error.code}
            log.warning("card not read", **fields)
            self._set(state_of(error, self._backend.label))

    def _set(self, state: DeviceState) -> None:
        self._state = state
        self._changed(self.state())

    def _pause(self, seconds: float) -> None:
        self._clock.wait(self.wakeup, seconds)
        self.wakeup.clear()
