"""What the workers of one stream share: back-off, halt, and which messages are in hand."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from agent.backoff import Backoff
from agent.clock import Clock
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
    """One lane's serial stream, or the queries beside it. Guarded by ``lock``."""

    key: LaneKey
    clock: Clock
    settings: LaneSettings
    lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    suspicion: Suspicion = field(default_factory=Suspicion, init=False)
    halt: Halt | None = field(default=None, init=False)
    trouble: str = field(default="", init=False)
    """The code of the last failure to reach the endpoint; "" when the last exchange went well."""
    in_hand: set[int] = field(default_factory=set, init=False)
    _backoff: Backoff = field(init=False)
    _resume_at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._backoff = Backoff(cap_s=self.settings.backoff_cap_s)

    def rest_s(self) -> float:
        """Seconds until the next exchange may start; 0 when it may now."""
        with self.lock:
            return max(0.0, self._resume_at - self.clock.monotonic())

    def pause(self, seconds: float) -> None:
        with self.lock:
            self._resume_at = max(self._resume_at, self.clock.monotonic() + seconds)

    def failed(self, code: str) -> None:
        """Note a failure to reach the endpoint or to be served, and back off."""
        with self.lock:
            self.trouble = code
            self._resume_at = self.clock.monotonic() + self._backoff.next_wait()

    def went_well(self) -> None:
        with self.lock:
            self.trouble = ""
            self.suspicion.clear()
            self._backoff.reset()

    def stop(self, error: AgentError) -> None:
        """Stop the stream until a person, or a good probe, lets it go on."""
        with self.lock:
            self.halt = Halt(error.code, error.message, error.hint, self.clock.now())

    def resume(self) -> None:
        with self.lock:
            self.halt = None
            self.suspicion.clear()
            self._backoff.reset()
            self._resume_at = 0.0
