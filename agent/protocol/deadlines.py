"""When the platform wants a transaction, counted from the business time (architecture, *Time*)."""

from __future__ import annotations

from datetime import datetime, timedelta

from agent.catalog.model import Deadline, TransactionSpec
from agent.clock import BEIJING


def deadline_s(spec: TransactionSpec, occurred_at: datetime) -> int | None:
    """Seconds from ``occurred_at`` to the earliest of the transaction's deadlines; None without one."""
    return min((_seconds(deadline, occurred_at) for deadline in spec.deadlines), default=None)


def _seconds(deadline: Deadline, occurred_at: datetime) -> int:
    if deadline.minutes is not None:
        return deadline.minutes * 60
    if deadline.days is not None:
        return deadline.days * 86_400
    moment = occurred_at.astimezone(BEIJING)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return int((midnight - moment).total_seconds())
