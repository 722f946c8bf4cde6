"""Settling a doubt: ask about every attempt, oldest first, and act on what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.dispatch.exchange import Exchange, InternalDefect
from agent.dispatch.judgement import (
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
from agent.errors import AgentError, AnswerRejected, ConfigurationError
from agent.events import Conclusion, Draft, Finding, Outcome, Verdict
from agent.faults import crash_point
from agent.outbox.base import Transaction
from agent.outbox.model import Head, Settled


@dataclass(frozen=True, slots=True)
class Asked:
    """One round: what was found, or ``trouble`` when the endpoint did not answer properly.
    ``possible`` is false where the document has no inquiry for this transaction."""

    findings: Findings
    possible: bool = True
    trouble: AgentError | None = None


def ask_about(head: Head, exchange: Exchange, fresh_ids: Callable[[Draft], Mapping[str, str]]) -> Asked:
    """Ask about all doubts of a message; stops at the first stored answer that settles it."""
    conclusions: list[tuple[int, Conclusion]] = []
    for attempt in head.doubts:
        question = exchange.adapter.inquire(head.draft, attempt.ids)
        if question is None:
            return Asked(Findings(()), possible=False)
        ids = fresh_ids(question)
        crash_point("inquiry.before_send")
        result = exchange.ask(question, ids)
        crash_point("inquiry.after_answer")
        if isinstance(result, InternalDefect):
            conclusions.append((attempt.number, Conclusion(Finding.UNDECIDED)))
            continue
        if isinstance(result, AgentError):
            return Asked(Findings(()), trouble=result)
        trouble = _no_answer(result)
        if trouble is not None:
            return Asked(Findings(()), trouble=trouble)
        conclusion = exchange.adapter.conclude(head.draft, attempt.ids, result)
        conclusions.append((attempt.number, conclusion))
        if Findings((conclusions[-1],)).settled() is not None:
            break
    return Asked(Findings(tuple(conclusions)))


def _no_answer(outcome: Outcome) -> AgentError | None:
    """An inquiry that was itself put off, doubted or refused for configuration."""
    match outcome.verdict:
        case Verdict.HALT:
            return ConfigurationError(
                f"平台拒绝查询：{outcome.code} {outcome.message}", hint="检查密钥与配置"
            )
        case Verdict.RETRY | Verdict.UNKNOWN:
            return AnswerRejected(f"查询未得到结果：{outcome.code}", hint="稍后自动再次查询")
        case _:
            return None


def settle_asked(
    tx: Transaction,
    head: Head,
    asked: Asked,
    rules: InquiryRules,
    waited_s: float,
    resendable: bool,
    now: datetime,
) -> tuple[Settled | None, float | None]:
    """Act on a round of inquiries: what was settled, and how long to wait before the next round."""
    if not asked.possible:
        return tx.leave_unknown(head.message, "the document has no inquiry for it", now), None
    verdict = judge_inquiry(asked.findings, head, rules, now)
    step = (
        after_negative(tx.note_negative(head.message, now), asked.findings, rules, resendable)
        if isinstance(verdict, CountNegative)
        else verdict
    )
    match step:
        case Settle(outcome, attempt):
            return tx.settle(head.message, outcome, now, attempt=attempt), None
        case Resend():
            tx.clear_doubt(head.message)
            return None, None
        case GiveUp(why):
            return tx.leave_unknown(head.message, why, now), None
        case AskAgain(wait_s) if waited_s + wait_s > rules.hold_s:
            why = "not settled while the endpoint answered"
            return tx.leave_unknown(head.message, why, now), None
        case AskAgain(wait_s):
            return None, wait_s
