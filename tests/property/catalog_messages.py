"""Strategies: valid messages of any transaction, and single damages with the fault each must give."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from agent.catalog import Condition, FieldSpec, TransactionSpec

Message = dict[str, Any]
_LETTERS = "甲乙丙丁𠮷AZaz09-（）·"


def messages(spec: TransactionSpec) -> st.SearchStrategy[Message]:
    """Requests without a fault: every mandatory and conditional field is there, some others are."""
    return _objects(spec, spec.request).map(lambda data: _drop_unwanted(spec.request, data))


def _objects(spec: TransactionSpec, fields: tuple[FieldSpec, ...]) -> st.SearchStrategy[Message]:
    sure = {field.code: _values(spec, field) for field in fields if field.required}
    maybe = {field.code: _values(spec, field) for field in fields if not field.required}
    return st.fixed_dictionaries(sure, optional=maybe)


def _values(spec: TransactionSpec, field: FieldSpec) -> st.SearchStrategy[Any]:
    if field.kind == "list":
        return st.lists(_objects(spec, field.children), min_size=1, max_size=2)
    if field.one_of:
        return st.sampled_from(sorted(field.one_of))
    if field.table:
        return st.sampled_from(sorted(spec.table(field.table).codes))
    if field.kind == "number":
        return _numbers(field)
    return _formatted(field) if field.format else _texts(field)


def _texts(field: FieldSpec) -> st.SearchStrategy[str]:
    most = field.max_length or 12
    return st.text(_LETTERS, min_size=field.min_length or 1, max_size=min(most, field.min_length or 12))


def _formatted(field: FieldSpec) -> st.SearchStrategy[str]:
    base, _, detail = field.format.partition(":")
    if base == "date":
        return st.dates(min_value=date(1900, 1, 1)).map(lambda day: _dated(day, detail))
    if base == "region":
        return st.from_regex(r"[1-8][0-9]{5}", fullmatch=True)
    if base == "base64":
        return st.binary(min_size=1, max_size=60).map(lambda content: base64.b64encode(content).decode())
    if base == "extension":
        return st.sampled_from(detail.split(",")).map(lambda ending: f"附件.{ending.upper()}")
    most = min(field.max_length or 20, 20)
    return st.text("0123456789", min_size=field.min_length or 1, max_size=most)


def _dated(day: date, pattern: str) -> str:
    parts = {"YYYY": f"{day.year:04}", "MM": f"{day.month:02}", "DD": f"{day.day:02}"}
    for part, digits in {**parts, "HH": "23", "MI": "59", "SS": "00"}.items():
        pattern = pattern.replace(part, digits)
    return pattern


def _numbers(field: FieldSpec) -> st.SearchStrategy[Any]:
    assert field.digits is not None
    most = 10 ** (field.digits - field.decimals)
    exact = st.decimals(
        min_value=-most + 1, max_value=most - 1, places=field.decimals, allow_nan=False, allow_infinity=False
    )
    return st.one_of(exact, exact.map(lambda number: f"{number:f}"), st.integers(-most + 1, most - 1))


def _drop_unwanted(fields: tuple[FieldSpec, ...], data: Message) -> Message:
    for field in fields:
        value = data.get(field.code)
        if field.kind == "list" and isinstance(value, list):
            data[field.code] = [_drop_unwanted(field.children, row) for row in value]
        elif field.empty and all(_holds(condition, data) for condition in field.empty):
            data.pop(field.code, None)
    return data


def _holds(condition: Condition, data: Message) -> bool:
    assert condition.among is not None, "the ministry's catalog forbids fields by value only"
    return data.get(condition.field) in condition.among


@dataclass(frozen=True)
class Damage:
    """One value of a message replaced, and the rule that its field then breaks."""

    pointer: str
    field: FieldSpec
    value: Any
    rule: str


def damages(spec: TransactionSpec, data: Message) -> list[Damage]:
    """Every single damage that must give exactly one fault, whatever the rest of the message says.

    Fields that decide over others are only damaged where that changes nothing else.
    """
    deciding = _deciding(spec.request)
    return [
        Damage(pointer, field, value, rule)
        for pointer, field, present in _places(spec.request, data, "")
        if field.code not in deciding
        for value, rule in _wrong_values(spec, field, present)
    ]


def _deciding(fields: tuple[FieldSpec, ...]) -> set[str]:
    named: set[str] = set()
    for field in fields:
        for condition in (*field.when, *field.empty, *field.absent_when):
            named.update(condition.field.split("."))
        named |= _deciding(field.children)
    return named


def _places(
    fields: tuple[FieldSpec, ...], data: Message, pointer: str
) -> Iterator[tuple[str, FieldSpec, Any]]:
    for field in fields:
        if field.code not in data:
            continue
        value, place = data[field.code], f"{pointer}/{field.code}"
        yield place, field, value
        if field.kind == "list":
            last = len(value) - 1
            yield from _places(field.children, value[last], f"{place}/{last}")


def _wrong_values(spec: TransactionSpec, field: FieldSpec, present: Any) -> Iterator[tuple[Any, str]]:
    if field.required is True and not field.absent_when:
        yield from ((None, "missing"), (" ", "missing"))
    if field.kind == "list":
        yield from (("x", "array"), ([*present, {}], "empty"))
        return
    yield from ((["x"], "type"), (True, "type"))
    if field.kind == "number":
        yield from _wrong_numbers(field)
        return
    yield "甲\ufffd", "characters"
    if field.max_length is not None and not field.format.startswith("date:"):
        yield "9" * (field.max_length + 1), "length"
    if field.format.startswith("date:"):
        yield from (("二〇二四", "number"), ("9", "format"))
    elif field.format == "digits":
        yield "X" * (field.min_length or 1), "number"
    elif field.format in ("region", "base64"):
        yield "文", "format"
    elif field.table and not spec.table(field.table).open:
        yield "~", "table"


def _wrong_numbers(field: FieldSpec) -> Iterator[tuple[Any, str]]:
    assert field.digits is not None
    whole = field.digits - field.decimals
    yield from (("1,0", "number"), ("一", "number"))
    yield "9" * (whole + 1), "precision"
    yield Decimal("1." + "0" * field.decimals + "1"), "precision"


def replaced(data: Message, pointer: str, value: Any) -> Message:
    """A copy of ``data`` with another value at ``pointer``."""
    first, _, rest = pointer.removeprefix("/").partition("/")
    if not rest:
        return {**data, first: value}
    index, _, inner = rest.partition("/")
    rows = list(data[first])
    rows[int(index)] = replaced(rows[int(index)], "/" + inner, value)
    return {**data, first: rows}
