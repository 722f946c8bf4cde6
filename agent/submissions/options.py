"""The optional keys of a submission (his-contract, "A submission"), from JSON values or CSV text."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from agent.clock import BEIJING
from agent.errors import Fault
from agent.submissions.awaiting import Unfit as _Unfit
from agent.submissions.awaiting import read_wait
from agent.submissions.names import ID_RULE, is_id

OPTION_NAMES = {
    "transaction": "交易编号",
    "id": "提交编号",
    "occurred_at": "业务发生时间",
    "valid_until": "有效期至",
    "scanned_at": "扫码时间",
    "seq": "顺序号",
    "after": "前置提交",
    "replaces": "被替换的提交",
    "now": "立即查询",
    "force": "不因历史核对而拒绝",
    "await": "等待扫码或读卡",
}

OPTIONS = tuple(key for key in OPTION_NAMES if key not in ("transaction", "id"))

_WITH_TIME = re.compile(r"\d{4}-?\d{2}-?\d{2}[T ]\d{2}.*", re.ASCII | re.DOTALL)
_DIGITS = re.compile(r"\d{1,18}", re.ASCII)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "是": True, "否": False}
_CLOCK_ERROR = timedelta(days=1)
"""How far a HIS's clock may be ahead before its business time is known to be wrong."""


def read_option(key: str, value: object, received_at: datetime) -> tuple[Any, Fault | None]:
    """The value of option ``key``, or what is wrong with it. ``key`` is one of :data:`OPTIONS`."""
    try:
        return _READERS[key](value, received_at), None
    except _Unfit as unfit:
        return None, Fault(f"/{key}", unfit.rule, unfit.message, field=key, name=OPTION_NAMES[key])


def _moment(key: str) -> Callable[[object, datetime], datetime]:
    def read(value: object, _received_at: datetime) -> datetime:
        unfit = _Unfit("option_time", f"{key} 应为 ISO 8601 的日期和时间，如 2026-01-01T09:30:00")
        if not isinstance(value, str) or not _WITH_TIME.fullmatch(value.strip()):
            raise unfit
        try:
            moment = datetime.fromisoformat(value.strip())
            return moment.replace(tzinfo=BEIJING) if moment.tzinfo is None else moment.astimezone(BEIJING)
        except (ValueError, OverflowError):
            raise unfit from None

    return read


_business_time = _moment("occurred_at")
_scan_time = _moment("scanned_at")


def _occurred_at(value: object, received_at: datetime) -> datetime:
    moment = _business_time(value, received_at)
    if moment > received_at + _CLOCK_ERROR:
        raise _Unfit("occurred_in_future", "occurred_at 比收到文件的时间晚一天以上，请核对时间")
    return moment


def _scanned_at(value: object, received_at: datetime) -> datetime:
    """A clock of the HIS that is ahead makes a code no younger than its file."""
    return min(_scan_time(value, received_at), received_at)


def _seq(value: object, _received_at: datetime) -> int:
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _DIGITS.fullmatch(text):
        raise _Unfit("option_integer", "seq 应为不超过 18 位的非负整数")
    return int(text)


def _reference(key: str) -> Callable[[object, datetime], str]:
    def read(value: object, _received_at: datetime) -> str:
        if not isinstance(value, str) or not is_id(value.strip()):
            raise _Unfit("option_id", f"{key} 应为另一提交的 id：{ID_RULE.strip()}")
        return value.strip()

    return read


def _flag(key: str) -> Callable[[object, datetime], bool]:
    def read(value: object, _received_at: datetime) -> bool:
        if isinstance(value, bool):
            return value
        flag = _BOOLEANS.get(value.strip().lower()) if isinstance(value, str) else None
        if flag is None:
            raise _Unfit("option_boolean", f"{key} 应为 true 或 false")
        return flag

    return read


_READERS: dict[str, Callable[[object, datetime], Any]] = {
    "occurred_at": _occurred_at,
    "valid_until": _moment("valid_until"),
    "scanned_at": _scanned_at,
    "seq": _seq,
    "after": _reference("after"),
    "replaces": _reference("replaces"),
    "now": _flag("now"),
    "force": _flag("force"),
    "await": read_wait,
}
