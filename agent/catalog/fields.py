"""Turns the tables of a catalog file into field specifications.

The document's type and length stay as printed; ``[types]`` of the index says what each type means
here, and ``size`` stands in where a length cannot be read as ``20``, ``16,2`` or ``-``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from agent.catalog.formats import known_format
from agent.catalog.model import FAULT_RULES, KINDS, SENSITIVE_KINDS, Condition, FieldSpec, Kind, Required
from agent.catalog.reading import Table

_PLAIN = re.compile(r"\d+", re.ASCII)
_SCALED = re.compile(r"\(?(\d+),(\d+)\)?", re.ASCII)
_NO_LIMIT = ("", "-")


def read_fields(tables: list[Table], types: Mapping[str, Kind]) -> tuple[FieldSpec, ...]:
    """The fields of one level, in order. Raises CatalogError for doubles and unknown keys."""
    fields = tuple(_read_field(table, types) for table in tables)
    seen: set[str] = set()
    for spec, table in zip(fields, tables, strict=True):
        for code in (spec.code, *spec.aliases):
            if code in seen:
                raise table.fail(f"字段 {code} 重复")
            seen.add(code)
    return fields


def _read_field(table: Table, types: Mapping[str, Kind]) -> FieldSpec:
    code = table.text("code")
    printed_type = table.text("type")
    printed_length = table.text("length")
    required = _required(table)
    form = _format(table)
    kind = _kind(table, printed_type, types)
    if form and kind == "number":
        kind = "text"  # dates and serials that the document calls numbers are strings of digits
    max_length, digits, decimals = _limits(table, kind, printed_length)
    absent_as, absent_when = _absent_as(table)
    spec = FieldSpec(
        code=code,
        name=table.text("name"),
        type=printed_type,
        length=printed_length,
        required=required,
        kind=kind,
        max_length=max_length,
        min_length=table.whole("min_length"),
        digits=digits,
        decimals=decimals,
        max_items=table.whole("max_items"),
        table=table.text("table", ""),
        one_of=table.texts("one_of"),
        format=form,
        max_bytes=table.whole("max_bytes"),
        note=table.text("note", ""),
        sensitive=table.choice("sensitive", SENSITIVE_KINDS, ""),
        when=read_conditions(table, "when"),
        empty=read_conditions(table, "empty"),
        absent_as=absent_as,
        absent_when=absent_when,
        codes=_fault_codes(table),
        aliases=table.texts("aliases"),
        children=read_fields(table.tables("children"), types),
    )
    table.finish()
    _check(table, spec)
    return spec


def _kind(table: Table, printed: str, types: Mapping[str, Kind]) -> Kind:
    if table.has("kind"):
        return cast(Kind, table.choice("kind", KINDS))
    base = re.split(r"[<(（]", printed, maxsplit=1)[0].strip()
    if printed in types or base in types:
        return types.get(printed, types.get(base, "text"))
    raise table.fail(f"index.toml 的 [types] 里没有类型 {printed!r}")


def _limits(table: Table, kind: Kind, printed: str) -> tuple[int | None, int | None, int]:
    """(characters, digits, decimals) from ``size``, or else from the printed length."""
    size = table.text("size", printed)
    if size in _NO_LIMIT or kind in ("list", "object"):
        return None, None, 0
    if _PLAIN.fullmatch(size):
        return (int(size), None, 0) if kind == "text" else (None, int(size), 0)
    scaled = _SCALED.fullmatch(size)
    if scaled is None or kind != "number":
        raise table.fail(f"长度 {size!r} 无法识别，请用 size 说明")
    digits, decimals = int(scaled[1]), int(scaled[2])
    if decimals >= digits:
        raise table.fail(f"长度 {size!r} 的小数位数不小于总位数")
    return None, digits, decimals


def _required(table: Table) -> Required:
    value = table.any("required")
    if value == "conditional":
        return "conditional"
    if not isinstance(value, bool):
        raise table.fail('required 只能是 true、false 或 "conditional"')
    if table.has("when"):
        raise table.fail('有 when 的字段 required 应为 "conditional"')
    return value


def _format(table: Table) -> str:
    name = table.text("format", "")
    if name and not known_format(name):
        raise table.fail(f"不认识的 format {name!r}")
    return name


def read_conditions(table: Table, key: str) -> tuple[Condition, ...]:
    return tuple(_condition(item) for item in table.tables(key))


def _absent_as(table: Table) -> tuple[str, tuple[Condition, ...]]:
    stand_in = table.table("absent_as")
    if stand_in is None:
        return "", ()
    return stand_in.text("value"), (_condition(stand_in),)


def _condition(table: Table) -> Condition:
    tests = [key for key in ("in", "not_in", "present") if table.has(key)]
    if len(tests) != 1:
        raise table.fail("条件应恰有 in、not_in、present 之一")
    condition = Condition(
        field=table.text("field"),
        among=frozenset(table.texts("in")) if tests == ["in"] else None,
        excluding=frozenset(table.texts("not_in")) if tests == ["not_in"] else None,
        present=table.flag("present") if tests == ["present"] else None,
    )
    table.finish()
    return condition


def _fault_codes(table: Table) -> Mapping[str, str]:
    codes = table.mapping("codes")
    unknown = sorted(set(codes) - set(FAULT_RULES))
    if unknown:
        raise table.fail(f"codes 里不认识的键 {'、'.join(unknown)}")
    return codes


def _check(table: Table, spec: FieldSpec) -> None:
    if spec.code != spec.code.strip() or not spec.code:
        raise table.fail("code 为空或带空格")
    if spec.children and spec.kind not in ("list", "object"):
        raise table.fail("只有列表和对象可以有 children")
    if spec.format and spec.kind == "list":
        raise table.fail("列表不能有 format")
