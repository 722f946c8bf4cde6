"""How long a doubt has lasted and has been asked about, in monotonic seconds of this run.

A wall clock that a time server sets forward would let two negatives count within one second, while
the platform is still working; one set back would hold a lane for as long. So quiet times are measured
by monotonic time only, and a restart begins the present one anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from agent.dispatch.judgement import InquiryRules
from agent.outbox.model import Head

_FIRST_POLL_S: Final = 0.5
_LONGEST_POLL_S: Final = 5.0


@dataclass(slots=True)
class Watch:
    """One message in doubt. ``since``: the last byte of attempt ``tries`` had left by then.
    ``heard_s``: how long the endpoint has been answering inquiries about the message."""

    tries: int
    since: float
    already_there: bool = False
    heard_s: float = 0.0
    negative_at: float | None = None
    next_at: float = 0.0
    """Beside its lane: when it is asked about again."""
    rounds: int = 0
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

    def poll_s(self) -> float:
        """Seconds until the next look at something that is still going on: soon at first."""
        self.rounds += 1
        return min(_FIRST_POLL_S * 2.0 ** (self.rounds - 1), _LONGEST_POLL_S)

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

    def waiting(self, now: float) -> frozenset[int]:
        """The messages that are not to be asked about yet."""
        return frozenset(message for message, watch in list(self._watches.items()) if watch.next_at > now)

    def next_at(self, now: float) -> float | None:
        """When the next of those is to be asked about."""
        return min(
            (at for watch in list(self._watches.values()) if (at := watch.next_at) > now), default=None
        )

    def end(self, message: int) -> None:
        self._watches.pop(message, None)
