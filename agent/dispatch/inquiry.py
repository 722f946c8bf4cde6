"""Settling a doubt: ask about every attempt, oldest first, and act on what was found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agent.dispatch.asking import Asker
from agent.dispatch.doubts import Watch
from agent.dispatch.exchange import defect
from agent.dispatch.judgement import (
    HELD_TOO_LONG,
    NO_INQUIRY,
    AskAgain,
    CountNegative,
    Findings,
    GiveUp,
    InquiryRules,
    Resend,
    Settle,
    after_negative,
    judge_inquiry,
)
from agent.errors import AgentError, ConfigurationError, InternalDefect
from agent.events import Conclusion, Draft, Finding, Outcome, Verdict
from agent.faults import crash_point
from agent.hookspecs import ProtocolAdapter
from agent.outbox.base import Transaction
from agent.outbox.model import Attempt, Head, Settled

_UNDECIDED = Conclusion(Finding.UNDECIDED)
_NOTHING = Findings(())


@dataclass(frozen=True, slots=True)
class PutOff:
    """An inquiry was answered, but not processed, or not clearly: ask again later."""

    code: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One round: what was found, or ``trouble`` when the endpoint did not answer properly.
    ``possible`` is false where the document has no inquiry for this transaction."""

    findings: Findings
    possible: bool = True
    trouble: AgentError | PutOff | None = None


def ask_about(head: Head, asker: Asker) -> Asked:
    """Ask about all doubts of a message; stops at the first stored answer that settles it."""
    conclusions: list[tuple[int, Conclusion]] = []
    for attempt in head.doubts:
        found = _ask_about(head, attempt, asker)
        if found is None:
            return Asked(_NOTHING, possible=False)
        if not isinstance(found, Conclusion):
            return Asked(_NOTHING, trouble=found)
        conclusions.append((attempt.number, found))
        if Findings((conclusions[-1],)).settled() is not None:
            break
    return Asked(Findings(tuple(conclusions)))


def _ask_about(head: Head, attempt: Attempt, asker: Asker) -> Conclusion | AgentError | PutOff | None:
    """A plugin that fails decides nothing; None where there is no inquiry."""
    adapter, draft = asker.exchange.adapter, attempt.draft or head.draft
    try:
        question = adapter.inquire(draft, attempt.ids)
    except Exception:  # noqa: BLE001 - logged; the time that a lane is held for is bounded
        defect("inquire", head.transaction)
        return _UNDECIDED
    if question is None:
        return None
    answer = _put(question, asker)
    if isinstance(answer, InternalDefect):
        return _UNDECIDED
    return _concluded(adapter, draft, attempt, answer) if isinstance(answer, Outcome) else answer


def _put(question: Draft, asker: Asker) -> Outcome | AgentError | PutOff:
    crash_point("inquiry.before_send")
    answer = asker.ask(question)
    crash_point("inquiry.after_answer")
    return answer if isinstance(answer, AgentError) else (_no_answer(answer) or answer)


def _no_answer(answer: Outcome) -> AgentError | PutOff | None:
    """An inquiry that was itself put off, doubted or refused for configuration."""
    if answer.verdict is Verdict.HALT:
        return ConfigurationError(
            f"平台拒绝查询：{answer.code} {answer.message}",
            hint="请按提示修正密钥或配置，修正后自动继续，也可执行 his-agent outbox retry 编号",
        )
    if answer.verdict in {Verdict.RETRY, Verdict.UNKNOWN}:
        return PutOff(answer.code)
    return None


def _concluded(adapter: ProtocolAdapter, draft: Draft, attempt: Attempt, answer: Outcome) -> Conclusion:
    try:
        return adapter.conclude(draft, attempt.ids, answer)
    except Exception:  # noqa: BLE001 - as above
        defect("conclude", draft.transaction)
        return _UNDECIDED


def advised(why: str, advice: str) -> str:
    """A reason, and what the catalog says to whoever has to decide."""
    return f"{why}。{advice}" if advice else why


def settle_asked(
    tx: Transaction,
    head: Head,
    asked: Asked,
    rules: InquiryRules,
    watch: Watch,
    *,
    resendable: bool,
    now: datetime,
    monotonic: float,
    advice: str = "",
) -> tuple[Settled | None, float | None]:
    """Act on a round of inquiries: what was settled, and how long to wait before the next round.
    ``advice`` tells a person how to settle what this does not."""
    if not asked.possible:
        return tx.leave_unknown(head.message, advised(NO_INQUIRY, advice), now), None
    step: Settle | Resend | GiveUp | AskAgain
    beside = head.draft.beside
    due_s = asked.findings.counts_in_s(now)
    if due_s > 0 and asked.findings.settled() is None and not asked.findings.undecided():
        watch.heard_s = 0.0  # the time that the system has is not time in which it hides the truth
        return None, min(due_s, watch.poll_s() if beside else due_s)
    verdict = judge_inquiry(asked.findings, rules, watch.wait_s(head, rules, monotonic))
    if beside and isinstance(verdict, AskAgain) and asked.findings.undecided():
        verdict = AskAgain(min(verdict.wait_s, watch.poll_s()))
    if isinstance(verdict, CountNegative):
        watch.negative_at = monotonic
        count = tx.note_negative(head.message, now)
        there = watch.already_there
        step = after_negative(count, asked.findings, rules, resendable=resendable, already_there=there)
    else:
        step = verdict
    match step:
        case Settle(outcome, attempt):
            return tx.settle(head.message, outcome, now, attempt=attempt), None
        case Resend():
            tx.clear_doubt(head.message)
            return None, None
        case GiveUp(why):
            return tx.leave_unknown(head.message, advised(why, advice), now), None
        case AskAgain(wait_s) if watch.heard_s + wait_s > rules.hold_s:
            return tx.leave_unknown(head.message, advised(HELD_TOO_LONG, advice), now), None
        case AskAgain(wait_s):
            return None, wait_s
