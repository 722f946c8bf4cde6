"""A decision about a message on the wire becomes a change of the outbox."""

from __future__ import annotations

from datetime import datetime

from agent.dispatch.judgement import (
    THERE_BUT_NOT_FOUND,
    Decision,
    Doubt,
    Expired,
    Interrupted,
    NotProcessed,
    Settle,
    Withdraw,
    sent_again,
)
from agent.dispatch.steps import Send
from agent.errors import StoreDamaged, StoreError, StoreFull, StoreLocked
from agent.outbox.base import Transaction
from agent.outbox.model import SealedOutcome, Settled

PARKED = "多次发送都没有成功，而平台连接正常；请检查这笔业务的内容，处理后重新发送或取消"


def record_decision(
    tx: Transaction,
    step: Send,
    decision: Decision,
    now: datetime,
    *,
    last_try: bool,
    sealed: SealedOutcome | None,
) -> tuple[Settled, ...]:
    """What ended by it. ``last_try``: it failed again and again while the endpoint is well."""
    message, attempt = step.head.message, step.attempt.number
    match decision:
        case Settle(outcome):
            return (tx.settle(message, outcome, now, sealed=sealed),)
        case NotProcessed(code, text, halted, own_fault):
            tx.retry(message, attempt, code, text)
            return (tx.park(message, PARKED, now),) if last_try and (halted or own_fault) else ()
        case Doubt(already_there=True) if step.draft.repeatable:
            return (tx.leave_unknown(message, THERE_BUT_NOT_FOUND, now),)
        case Doubt(why):
            tx.doubt(message, attempt, why, now)
            return (tx.park(message, PARKED, now),) if last_try and sent_again(step.draft) else ()
        case Withdraw(halt=halted):
            tx.withdraw(message, attempt)
            return (tx.park(message, PARKED, now),) if last_try and not halted else ()
        case Interrupted():
            tx.withdraw(message, attempt)
            return ()
        case Expired():
            tx.withdraw(message, attempt)
            return (tx.expire(message, now),)


def may_pass(error: StoreError) -> bool:
    """Whether waiting may help: the disk or a lock is in the way, not a step that is not allowed."""
    if isinstance(error, StoreFull | StoreLocked | StoreDamaged):
        return True
    reason = str(error.details.get("sqlite", "SQLITE_CONSTRAINT"))
    return not reason.startswith("SQLITE_CONSTRAINT")
