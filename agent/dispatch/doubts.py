"""How long a doubt has lasted and has been asked about, in monotonic seconds of this run.

A wall clock that a time server sets forward would let two negatives count within one second, while
the platform is still working; one set back would hold a lane for as long. So quiet times are measured
by monotonic time only, and a restart begins the present one anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.dispatch.judgement import InquiryRules
from agent.outbox.model import Head


@dataclass(slots=True)
class Watch:
    """One message in doubt. ``since``: the last byte of attempt ``tries`` had left by then.
    ``heard_s``: how long the endpoint has been answering inquiries about the message."""

    tries: int
    since: float
    already_there: bool = False
    heard_s: float = 0.0
    negative_at: float | None = None
    _heard_at: float | None = field(default=None, init=False)

    def wait_s(self, head: Head, rules: InquiryRules, now: float) -> float:
        """Seconds until a negative inquiry counts."""
        ready = self.since + rules.answer_timeout_s
        if head.negatives:
            last = self.since if self.negative_at is None else self.negative_at
            ready = max(ready, last + rules.quiet_s)
        return max(0.0, ready - now)

    def heard(self, now: float) -> None:
        """The endpoint answered: the time since it did so before counts as asking."""
        if self._heard_at is not None:
            self.heard_s += now - self._heard_at
        self._heard_at = now

    def unheard(self) -> None:
        """It did not: the time until it does counts for nothing."""
        self._heard_at = None


@dataclass(slots=True)
class Doubts:
    """The watches of one stream, by message."""

    _watches: dict[int, Watch] = field(default_factory=dict, init=False)

    def begin(self, message: int, tries: int, now: float, *, already_there: bool = False) -> Watch:
        """A new attempt is in doubt: quiet times begin anew, the time held so far stays."""
        former = self._watches.get(message)
        watch = Watch(tries, now, already_there, former.heard_s if former else 0.0)
        self._watches[message] = watch
        return watch

    def of(self, head: Head, now: float) -> Watch:
        """The watch of a message; one that a former run left in doubt begins now."""
        watch = self._watches.get(head.message)
        return watch if watch and watch.tries == head.tries else self.begin(head.message, head.tries, now)

    def end(self, message: int) -> None:
        self._watches.pop(message, None)
