"""What an exchange means for its message: pure decisions, no effect (architecture, *Failure kinds*).

The lane turns a decision into one transaction of the outbox; nothing here knows about either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from agent.errors import AgentError, Fault
from agent.events import Conclusion, Draft, Finding, Outcome, Verdict
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
    """The system says it did not process it; ``halt`` when it says that configuration is wrong,
    ``own_fault`` when it may be this message alone that is refused."""

    code: str
    message: str
    halt: bool = False
    own_fault: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """It may have arrived. ``distrusted``: an answer came that must not be believed.
    ``already_there``: the answer said that the thing is there, after an earlier doubt."""

    why: str
    distrusted: bool = False
    already_there: bool = False


@dataclass(frozen=True, slots=True)
class Expired:
    """Its time ran out before the first byte."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The agent is stopping; nothing was sent."""


Decision = Settle | Withdraw | NotProcessed | Doubt | Expired | Interrupted


def sent_again(draft: Draft) -> bool:
    """Whether a doubt about a message leads to sending it once more, without any inquiry."""
    return draft.harmless or draft.repeatable


def judge_answer(outcome: Outcome, head: Head) -> Decision:
    """What a trustworthy answer to the message itself means.

    A refusal as "already there" after an attempt of unknown fate says only that the question is
    still open: the stored answer of that attempt decides.
    """
    if outcome.verdict is Verdict.RETRY:
        return NotProcessed(outcome.code, outcome.message, own_fault=outcome.own_fault)
    if outcome.verdict is Verdict.HALT:
        return NotProcessed(outcome.code, outcome.message, halt=True)
    if outcome.verdict is Verdict.UNKNOWN:
        return Doubt(f"answered {outcome.code or 'unclearly'}")
    if outcome.already_there and head.doubts:
        return Doubt(f"answered {outcome.code} after an attempt of unknown fate", already_there=True)
    return Settle(outcome)


@dataclass(frozen=True, slots=True)
class Resend:
    """No attempt ever arrived: send again, with a new wire id."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No inquiry settles it: a person has to. ``why`` is Chinese, for that person."""

    why: str


NO_INQUIRY: Final = "接口文档没有可以查询这笔业务结果的交易，请向平台核实后判定"
NOT_FOUND: Final = "多次查询平台都没有这笔业务的记录，但平台不防止重复办理，不能自动重发，请向平台核实后判定"
THERE_BUT_NOT_FOUND: Final = "平台称这笔业务已经存在，但查询不到本机发送的记录，请向平台核实后判定"
HELD_TOO_LONG: Final = "平台有应答，但在规定时间内一直查询不到这笔业务的确定结果，请向平台核实后判定"
NOT_STORABLE: Final = "平台的应答已收到，但程序内部错误使结果无法保存，请向平台核实后判定，并将日志交给开发商"


ORPHANED: Final = Fault(
    "",
    "repeated",
    "前一次发送没有收到应答，重新发送后才有结果：平台可能留有一笔无人使用的登记，如需清理请向平台核实",
)


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
    last byte of the last attempt (the platform may still be working on it: a "no" before then
    proves nothing); ``hold_s`` bounds how long an answering endpoint is asked."""

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

    def partly(self) -> Settle | None:
        """What to do about the rows that did not arrive, once they are known not to come."""
        for attempt, conclusion in self.conclusions:
            if conclusion.finding is Finding.PARTLY and conclusion.outcome:
                return Settle(conclusion.outcome, attempt)
        return None

    def ended(self) -> Settle | None:
        """How the message ends when it is known that no attempt took effect."""
        for attempt, conclusion in reversed(self.conclusions):
            if conclusion.finding is Finding.ABSENT and conclusion.outcome:
                return Settle(conclusion.outcome, attempt)
        return None

    def counts_in_s(self, now: datetime) -> float:
        """Seconds until negatives may count at all."""
        times = [one.counts_from for _, one in self.conclusions if one.counts_from is not None]
        return max(0.0, (max(times) - now).total_seconds()) if times else 0.0

    def undecided(self) -> bool:
        """Whether an attempt is neither absent, partly there nor settled by a stored answer."""
        return any(
            conclusion.finding not in (Finding.ABSENT, Finding.PARTLY) and not _says_how_it_ended(conclusion)
            for _, conclusion in self.conclusions
        )

    def _first(self, *, already_there: bool) -> Settle | None:
        for attempt, conclusion in self.conclusions:
            outcome = conclusion.outcome
            if outcome and _says_how_it_ended(conclusion) and outcome.already_there is already_there:
                return Settle(outcome, attempt)
        return None


def _says_how_it_ended(conclusion: Conclusion) -> bool:
    outcome = conclusion.outcome
    return conclusion.finding is Finding.FOUND and outcome is not None and outcome.verdict in _FINAL


_FINAL: Final = frozenset({Verdict.ACCEPTED, Verdict.PARTIAL, Verdict.REJECTED})


def judge_inquiry(findings: Findings, rules: InquiryRules, wait_s: float) -> Verdicts:
    """What a round of answered inquiries means; a negative counts only after another ``wait_s``."""
    settled = findings.settled()
    if settled is not None:
        return settled
    if findings.undecided():
        return AskAgain(min(rules.quiet_s, 5.0))
    return AskAgain(wait_s) if wait_s > 0 else CountNegative()


def after_negative(
    count: int, findings: Findings, rules: InquiryRules, *, resendable: bool, already_there: bool = False
) -> Settle | Resend | GiveUp | AskAgain:
    """What follows when ``count`` negatives in a row have been counted.

    ``already_there``: the system refused the last attempt so. Sending once more would be refused
    once more, and whose work is there nobody here knows.
    """
    if count < rules.negatives:
        return AskAgain(rules.quiet_s)
    settled = findings.refused() or findings.partly() or findings.ended()
    if settled is not None:
        return settled
    if already_there:
        return GiveUp(THERE_BUT_NOT_FOUND)
    if not resendable:
        return GiveUp(NOT_FOUND)
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
