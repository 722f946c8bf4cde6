"""What the workers of one stream share: back-off, halt, doubts, and which messages are in hand."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from agent.backoff import Backoff
from agent.clock import Clock
from agent.dispatch.doubts import Doubts
from agent.dispatch.judgement import Halt, InquiryRules, Suspicion
from agent.errors import AgentError
from agent.outbox.model import LaneKey


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """How one system's lanes behave; times in seconds."""

    strict: bool = False
    parallel: int = 1
    probe_after: int = 8
    backoff_cap_s: float = 60.0
    probe_halted_every_s: float = 300.0
    negatives: int = 2
    negative_quiet_s: float = 60.0
    answer_timeout_s: float = 30.0
    resend_unguarded: frozenset[str] = frozenset()

    def inquiry_rules(self, hold_s: float) -> InquiryRules:
        needed = self.answer_timeout_s + self.negatives * self.negative_quiet_s
        return InquiryRules(self.negatives, self.negative_quiet_s, self.answer_timeout_s, max(hold_s, needed))


@dataclass(slots=True)
class StreamState:
    """One lane's serial stream, or the queries beside it. Safe to share among its workers."""

    key: LaneKey
    clock: Clock
    settings: LaneSettings
    doubts: Doubts = field(default_factory=Doubts)
    """Of a lane; shared by its stream and the one beside it."""
    beside: bool = False
    """The stream that inquires beside the lane (``Draft.beside``) and sends nothing of the lane's own."""
    halt: Halt | None = field(default=None, init=False)
    halted_on: int = field(default=0, init=False)
    """The message whose refusal stopped the stream; 0 when it was none's."""
    trouble: str = field(default="", init=False)
    """The code of the last failure to reach the endpoint; "" when the last exchange went well."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _suspicion: Suspicion = field(default_factory=Suspicion, init=False)
    _backoff: Backoff = field(init=False)
    _resume_at: float = field(default=0.0, init=False)
    _in_hand: set[int] = field(default_factory=set, init=False)
    _unheard: Counter[int] = field(default_factory=Counter, init=False)

    def __post_init__(self) -> None:
        self._backoff = Backoff(cap_s=self.settings.backoff_cap_s)

    # -- when to go on --------------------------------------------------------------------------
    def rest_s(self) -> float:
        """Seconds until the next exchange may start; 0 when it may now."""
        with self._lock:
            return max(0.0, self._resume_at - self.clock.monotonic())

    def pause(self, seconds: float) -> None:
        with self._lock:
            self._pause(seconds)

    def failed(self, code: str) -> None:
        """Note a failure to reach the endpoint or to be served, and back off."""
        with self._lock:
            self.trouble = code
            self._pause(self._backoff.next_wait())

    def went_well(self) -> None:
        """A trustworthy answer came."""
        with self._lock:
            self.trouble = ""
            self._suspicion.clear()
            self._backoff.reset()

    def distrusted(self) -> bool:
        """Note an answer that must not be believed; true when it was one too many in a row."""
        with self._lock:
            return self._suspicion.note()

    def stop(self, error: AgentError, message: int = 0) -> None:
        """Stop the stream until a person, or a good probe, lets it go on."""
        with self._lock:
            self.halted_on = message
            self.halt = Halt(error.code, error.message, error.hint, self.clock.now())
            self._pause(self.settings.probe_halted_every_s)

    def resume(self) -> None:
        with self._lock:
            self.halt = None
            self.halted_on = 0
            self._suspicion.clear()
            self._backoff.reset()
            self._resume_at = 0.0

    def _pause(self, seconds: float) -> None:
        self._resume_at = max(self._resume_at, self.clock.monotonic() + seconds)

    # -- messages -------------------------------------------------------------------------------
    def hold(self, message: int) -> None:
        """A worker takes a message in hand; within the commit that chooses it."""
        with self._lock:
            self._in_hand.add(message)

    def release(self, message: int) -> None:
        with self._lock:
            self._in_hand.discard(message)

    def in_hand(self, but: int | None = None) -> frozenset[int]:
        """The messages that workers have in hand, without one."""
        with self._lock:
            return frozenset(self._in_hand - {but})

    def suspect(self, message: int) -> None:
        """It was refused for what may be its own fault: the endpoint is probed before it is sent again."""
        with self._lock:
            self._unheard[message] = self.settings.probe_after

    def unheard(self, message: int) -> int:
        """How often in a row a harmless message left and no answer to it came; enough for a probe where
        another one is suspected."""
        with self._lock:
            return self._unheard[message]

    def note_unheard(self, message: int) -> None:
        with self._lock:
            self._unheard[message] += 1

    def note_heard(self, message: int) -> None:
        with self._lock:
            self._unheard.pop(message, None)

    def forget(self, message: int) -> None:
        """It has ended."""
        self.note_heard(message)
        self.doubts.end(message)
