"""By when the platform wants a transaction, counted from the business time (architecture, *Time*)."""

from __future__ import annotations

from datetime import datetime, timedelta

from agent.catalog.model import Deadline as Rule
from agent.catalog.model import TransactionSpec
from agent.clock import BEIJING
from agent.events import Deadline, JsonObject
from agent.protocol.rules import is_day
from agent.protocol.values import text_of


def deadlines_of(
    spec: TransactionSpec, occurred_at: datetime, data: JsonObject | None = None
) -> tuple[Deadline, ...]:
    """All deadlines of a transaction, earliest first; ``data`` has the days that some of them name."""
    return tuple(sorted((_deadline(rule, occurred_at, data or {}) for rule in spec.deadlines), key=_after_s))


def _deadline(rule: Rule, occurred_at: datetime, data: JsonObject) -> Deadline:
    if rule.minutes is not None:
        return Deadline(rule.minutes * 60, f"业务发生后 {rule.minutes} 分钟内上传")
    if rule.days is not None:
        return Deadline(rule.days * 86_400, f"业务发生后 {rule.days} 日内上传")
    day = text_of(data.get(rule.of)) if rule.of else ""
    if is_day(day):
        midnight = datetime.strptime(day, "%Y%m%d").replace(tzinfo=BEIJING) + timedelta(days=1)
        return Deadline(int((midnight - occurred_at).total_seconds()), "业务日期当日 24 时前上传")
    return Deadline(until_midnight_s(occurred_at), "业务发生当日 24 时前上传")


def until_midnight_s(moment: datetime) -> int:
    """Seconds from a moment to the end of its day in UTC+8."""
    local = moment.astimezone(BEIJING)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return int((midnight - local).total_seconds())


def _after_s(deadline: Deadline) -> int:
    return deadline.after_s
