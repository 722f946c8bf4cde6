"""What an exchange means for its message: pure decisions, no effect (architecture, *Failure kinds*).

The lane turns a decision into one transaction of the outbox; nothing here knows about either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.errors import AgentError
from agent.events import Conclusion, Finding, Outcome, Verdict
from agent.outbox.model import Head


@dataclass(frozen=True, slots=True)
class Settle:
    """The outcome is known and final. ``attempt`` is the one that it belongs to; 0 is the latest."""

    outcome: Outcome
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Withdraw:
    """No byte left; ``halt`` when configuration, not the network, is the reason."""

    error: AgentError
    halt: bool = False


@dataclass(frozen=True, slots=True)
class NotProcessed:
    """The system says it did not process it; ``halt`` when it says that configuration is wrong."""

    code: str
    message: str
    halt: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """It may have arrived. ``distrusted``: an answer came that must not be believed."""

    why: str
    distrusted: bool = False


@dataclass(frozen=True, slots=True)
class Expired:
    """Its time ran out before the first byte."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The agent is stopping; nothing was sent."""


Decision = Settle | Withdraw | NotProcessed | Doubt | Expired | Interrupted


def judge_answer(outcome: Outcome, head: Head) -> Decision:
    """What a trustworthy answer to the message itself means.

    A refusal as "already there" after an attempt of unknown fate says only that the question is
    still open: the stored answer of that attempt decides.
    """
    if outcome.verdict is Verdict.RETRY:
        return NotProcessed(outcome.code, outcome.message)
    if outcome.verdict is Verdict.HALT:
        return NotProcessed(outcome.code, outcome.message, halt=True)
    if outcome.verdict is Verdict.UNKNOWN:
        return Doubt(f"answered {outcome.code or 'unclearly'}")
    if outcome.already_there and head.doubts:
        return Doubt(f"answered {outcome.code} after an attempt of unknown fate")
    return Settle(outcome)


@dataclass(frozen=True, slots=True)
class Resend:
    """No attempt ever arrived: send again, with a new wire id."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No inquiry settles it: a person has to."""

    why: str


@dataclass(frozen=True, slots=True)
class CountNegative:
    """All attempts are absent, and enough time has passed for that to count."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Not settled yet; ask again after ``wait_s``."""

    wait_s: float


Verdicts = Settle | CountNegative | AskAgain


@dataclass(frozen=True, slots=True)
class InquiryRules:
    """``negatives`` in a row, ``quiet_s`` apart, the first not before ``answer_timeout_s`` after the
    last byte of the last attempt; ``hold_s`` bounds how long an answering endpoint is asked."""

    negatives: int = 2
    quiet_s: float = 60.0
    answer_timeout_s: float = 30.0
    hold_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Findings:
    """What one round of inquiries found: ``(attempt, conclusion)``, oldest first."""

    conclusions: tuple[tuple[int, Conclusion], ...]

    def settled(self) -> Settle | None:
        """The first stored answer that says more than "already there"."""
        return self._first(already_there=False)

    def refused(self) -> Settle | None:
        """A stored "already there" of a later attempt: it counts once all others are absent."""
        return self._first(already_there=True)

    def undecided(self) -> bool:
        return any(conclusion.finding is Finding.UNDECIDED for _, conclusion in self.conclusions)

    def _first(self, *, already_there: bool) -> Settle | None:
        for attempt, conclusion in self.conclusions:
            outcome = conclusion.outcome
            if conclusion.finding is Finding.FOUND and outcome and outcome.already_there is already_there:
                return Settle(outcome, attempt)
        return None


def judge_inquiry(findings: Findings, head: Head, rules: InquiryRules, now: datetime) -> Verdicts:
    """What a round of answered inquiries means now."""
    settled = findings.settled()
    if settled is not None:
        return settled
    if findings.undecided():
        return AskAgain(min(rules.quiet_s, 5.0))
    wait = seconds_until_negative_counts(head, rules, now)
    return AskAgain(wait) if wait > 0 else CountNegative()


def seconds_until_negative_counts(head: Head, rules: InquiryRules, now: datetime) -> float:
    """The platform may still be working on the last attempt: a "no" before then proves nothing.

    The doubt was recorded after the last byte left, so the answer time-out is counted from there.
    A wall clock that was set back makes the wait longer by at most one such span.
    """
    ready = (head.doubt_since or now) + timedelta(seconds=rules.answer_timeout_s)
    if head.last_negative_at is not None:
        ready = max(ready, head.last_negative_at + timedelta(seconds=rules.quiet_s))
    wait = (ready - now).total_seconds()
    return min(wait, max(rules.quiet_s, rules.answer_timeout_s))


def after_negative(
    count: int, findings: Findings, rules: InquiryRules, resendable: bool
) -> Settle | Resend | GiveUp | AskAgain:
    """What follows when ``count`` negatives in a row have been counted."""
    if count < rules.negatives:
        return AskAgain(rules.quiet_s)
    refused = findings.refused()
    if refused is not None:
        return refused
    if not resendable:
        return GiveUp("inquiries found nothing, and the system has no rule against a repetition")
    return Resend()


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a lane stands still, for the status and for the person who mends it."""

    code: str
    message: str
    hint: str
    since: datetime


@dataclass(slots=True)
class Suspicion:
    """Answers in a row that must not be trusted: three stop the lane."""

    limit: int = 3
    count: int = field(default=0, init=False)

    def note(self) -> bool:
        """Count one; true when the lane has to stop."""
        self.count += 1
        return self.count >= self.limit

    def clear(self) -> None:
        self.count = 0
