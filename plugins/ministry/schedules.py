"""What the agent downloads by itself, by the roles and times of the settings.

One schedule per download and role (DLMODE); where a province has one role, or a download no role, its
name is the transaction's. How often the document says so (每30分), the settings say the rest; what is
never due by itself can be asked for by a person. At each start GYD008 asks what is unconfirmed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from agent.catalog import Catalog, TransactionSpec
from agent.clock import BEIJING
from agent.errors import ConfigurationError, Fault, SubmissionInvalid
from agent.events import JsonObject, Schedule, Submission
from plugins.ministry.downloads import ATTACHMENT, BY_PERSON, UNCONFIRMED
from plugins.ministry.referred import MODES

SYSTEM: Final = "ministry"
REPEAT: Final = "GYR005"
_CALLERS: Final[Mapping[str, str]] = {"insured": "参保省", "treating": "就医省"}
_EVERY: Final = re.compile(r"每(\d+)分")
_JITTER_PART: Final = 10
"""Up to a tenth of its period a run is late, so that not all provinces call at the same second."""


@dataclass(frozen=True, slots=True)
class Run:
    """A schedule and the data of its calls, but for what depends on the day."""

    schedule: Schedule
    data: JsonObject = field(repr=False)


def runs(catalog: Catalog, roles: tuple[str, ...], every_min: Mapping[str, int]) -> Iterator[Run]:
    """All that may be run; nothing without a role."""
    if not roles:
        return
    for spec in downloads_of(catalog, roles):
        about = f"查询并确认已下载未反馈的{spec.name.removesuffix('下载')}"
        recover = Schedule(f"{UNCONFIRMED}-{spec.code}", UNCONFIRMED, about, at_start=True)
        yield Run(recover, {"hisbusitype": spec.code})
    for spec in downloads_of(catalog, roles):
        yield from _of_roles(spec, roles, every_min)
    for code in (BY_PERSON, ATTACHMENT):
        yield Run(Schedule(code, code, catalog.transaction(code).name), {})


def downloads_of(catalog: Catalog, roles: tuple[str, ...]) -> Iterator[TransactionSpec]:
    """The downloads that a province in these roles may call."""
    for spec in catalog:
        if spec.kind == "download" and any(_CALLERS[role] in spec.caller for role in roles):
            yield spec


def demand_runnable(catalog: Catalog, roles: tuple[str, ...], every_min: Mapping[str, int]) -> None:
    """Raises ConfigurationError for a time given to what is no download of these roles."""
    if not (roles and every_min):
        return
    strange = sorted(every_min.keys() - {spec.code for spec in downloads_of(catalog, roles)})
    if strange:
        raise ConfigurationError(
            f"部级平台配置项 download_every 有误：{strange[0]} 不是以该身份可以下载的交易",
            hint="请核对交易编号和 download_roles，修改后重新启动",
            details={"system": SYSTEM, "setting": "download_every"},
        )


def _of_roles(spec: TransactionSpec, roles: tuple[str, ...], every_min: Mapping[str, int]) -> Iterator[Run]:
    every_s = every_min.get(spec.code, _documented_min(spec)) * 60
    fitting = [role for role in roles if _CALLERS[role] in spec.caller]
    moded = any(each.code == "dlmode" for each in spec.request)
    for role in fitting if moded else fitting[:1]:
        name = f"{spec.code}-{role}" if moded and len(fitting) > 1 else spec.code
        schedule = Schedule(name, spec.code, spec.name, every_s, every_s // _JITTER_PART)
        yield Run(schedule, {"dlmode": MODES[role]} if moded else {})


def _documented_min(spec: TransactionSpec) -> int:
    found = _EVERY.search(spec.frequency)
    return int(found[1]) if found else 0


def submission_of(catalog: Catalog, run: Run, given: JsonObject, now: datetime) -> Submission:
    """One run; ``given`` fields go before its own. Months and quarters are the last ones over."""
    spec = catalog.transaction(run.schedule.transaction)
    today = now.astimezone(BEIJING)
    days = {each.code: _DAYS[each.code](today) for each in spec.request if each.code in _DAYS}
    return _internal(spec.code, {**days, **run.data, **given}, now)


def repetition(
    catalog: Catalog, transaction: str, wire_id: str, since: datetime | None, until: datetime | None
) -> Submission:
    """GYR005 in one of its three forms. Raises SubmissionInvalid for two at once."""
    if wire_id and (since or until):
        text = "历史交易流水号与下载时间段只能填一种"
        raise SubmissionInvalid([Fault("/refidhis", "one_form", text, field="refidhis")])
    spec = catalog.transaction(REPEAT)
    data = {"txno": transaction, "refidhis": wire_id, "aae030": _moment(since), "aae031": _moment(until)}
    return _internal(spec.code, data, until or since)


def _internal(transaction: str, data: JsonObject, now: datetime | None) -> Submission:
    return Submission(SYSTEM, transaction, "", data, occurred_at=now, internal=True)


def _moment(moment: datetime | None) -> str:
    return f"{moment.astimezone(BEIJING):%Y%m%d%H%M%S}" if moment else ""


def _last_month(today: datetime) -> str:
    return f"{today.replace(day=1) - timedelta(days=1):%Y%m}"


def _quarter(today: datetime) -> tuple[int, int]:
    """Year and number of the last quarter that is over."""
    number = (today.month - 1) // 3
    return (today.year, number) if number else (today.year - 1, 4)


_DAYS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "aae002": _last_month,
    "aae001": lambda today: str(_quarter(today)[0]),
    "jdnum": lambda today: str(_quarter(today)[1]),
}
