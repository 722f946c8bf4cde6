"""Format rules of a request, from the catalog's data: what a platform checks before any business."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from agent.catalog.model import CodeTable, FieldSpec

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_SECOND_CHECK = ("ectoken", "idtype", "idno", "username")
"""May be empty together: then only the code is checked (anomalies S12)."""

Tables = Callable[[str], CodeTable]


def first_problem(fields: Sequence[FieldSpec], data: dict[str, Any], table: Tables) -> str:
    """What is wrong first, in Chinese; "" when nothing is."""
    return next(_problems(fields, data, table), "")


def _problems(fields: Sequence[FieldSpec], data: dict[str, Any], table: Tables) -> Iterator[str]:
    unknown = sorted(set(data) - {spec.code for spec in fields})
    if unknown:
        yield f"不应有元素 {unknown[0]}"
    for spec in fields:
        value = data.get(spec.code, "")
        if not value:
            if spec.required is True and not _may_be_empty(spec):
                yield f"{spec.code} 不能为空"
        elif spec.kind in ("list", "object"):
            yield from _inner_problems(spec, value, table)
        else:
            yield from _value_problems(spec, value, table)


def _may_be_empty(spec: FieldSpec) -> bool:
    return bool(spec.absent_when) and spec.code in (*_SECOND_CHECK, "busicycleno")


def _inner_problems(spec: FieldSpec, value: Any, table: Tables) -> Iterator[str]:
    rows = value if spec.kind == "list" else [value]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield f"{spec.code} 的结构不正确"
        return
    for row in rows:
        yield from _problems(spec.children, row, table)


def _value_problems(spec: FieldSpec, value: Any, table: Tables) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{spec.code} 应为文本"
        return
    if spec.max_length is not None and len(value) > spec.max_length:
        yield f"{spec.code} 超过长度"
    if spec.kind == "number" and (not _NUMBER.fullmatch(value) or not _fits(spec, value)):
        yield f"{spec.code} 应为数字"
    if spec.table and not table(spec.table).open and value not in table(spec.table):
        yield f"{spec.code} 不在代码表 {spec.table} 内"
    if spec.format == "digits" and not value.isdecimal():
        yield f"{spec.code} 应为数字"
    if spec.format.startswith("date:") and not _is_moment(value):
        yield f"{spec.code} 应为 yyyy-mm-dd hh24:mi:ss"


def _fits(spec: FieldSpec, value: str) -> bool:
    whole, _, fraction = value.lstrip("-").partition(".")
    digits = spec.digits or 64
    return len(whole.lstrip("0")) <= digits - spec.decimals and len(fraction) <= spec.decimals


def _is_moment(value: str) -> bool:
    try:
        datetime.strptime(value, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 a text is judged, no moment
    except ValueError:
        return False
    return True
