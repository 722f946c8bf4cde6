"""Compiles a scalar field into one check of its value: the fault rule it breaks, or None.

A check sees values that are there; presence is judged elsewhere. Of several faults of one value
the first is told, the others mostly follow from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from agent.catalog.formats import base64_bytes, format_check
from agent.catalog.model import CodeTable, FieldSpec
from agent.catalog.values import Unreadable, fits, read_number, read_text, write_number

_MOST_NAMED = 12


class Breach(NamedTuple):
    """A broken rule and what the person who mends it must know; never the value itself."""

    rule: str
    detail: str


Check = Callable[[Any], Breach | None]
_TextCheck = Callable[[str], Breach | None]


def compile_scalar(spec: FieldSpec, table: CodeTable | None) -> Check:
    """The check for a field of kind ``text`` or ``number``; ``table`` is its code table, if any."""
    if spec.kind == "number":
        return _number_check(spec, _allowed_checks(spec, table))
    return _text_check(spec, [*_length_checks(spec), *_format_checks(spec), *_allowed_checks(spec, table)])


def _text_check(spec: FieldSpec, checks: list[_TextCheck]) -> Check:
    is_name = spec.sensitive == "name"
    separators = spec.format == "tracecode"

    def check(value: Any) -> Breach | None:
        try:
            text = read_text(value, separators=separators)
        except Unreadable as unreadable:
            return _unreadable(unreadable.rule)
        if is_name and "?" in text:
            return _unreadable("characters")
        for each in checks:
            breach = each(text)
            if breach is not None:
                return breach
        return None

    return check


def _number_check(spec: FieldSpec, checks: list[_TextCheck]) -> Check:
    digits, decimals = spec.digits, spec.decimals
    limit = f"整数最多 {digits - decimals} 位，小数最多 {decimals} 位" if digits else ""

    def check(value: Any) -> Breach | None:
        try:
            number = read_number(value)
        except Unreadable as unreadable:
            return _unreadable(unreadable.rule)
        if digits and not fits(number, digits, decimals):
            return Breach("precision", f"长度不能超出限制（{limit}）")
        for each in checks:
            breach = each(write_number(number, decimals))
            if breach is not None:
                return breach
        return None

    return check


def _unreadable(rule: str) -> Breach:
    details = {
        "characters": "含有无法识别的字符（编码错误，或被表格软件改成了科学计数法）",
        "number": "必须是数字",
        "type": "应为文字或数字",
    }
    return Breach(rule, details[rule])


def _length_checks(spec: FieldSpec) -> list[_TextCheck]:
    most, least = spec.max_length, spec.min_length
    checks: list[_TextCheck] = []
    if most is not None and not spec.format.startswith("date:"):
        checks.append(lambda text: _too_long(text, most) if len(text) > most else None)
    if least is not None:
        checks.append(lambda text: _too_short(text, least) if len(text) < least else None)
    return checks


def _too_long(text: str, most: int) -> Breach:
    return Breach("length", f"长度不能超出限制（最多 {most} 个字符，现有 {len(text)} 个）")


def _too_short(text: str, least: int) -> Breach:
    return Breach("length", f"长度不足（至少 {least} 个字符，现有 {len(text)} 个）")


def _format_checks(spec: FieldSpec) -> list[_TextCheck]:
    if not spec.format:
        return []
    broken_rule = format_check(spec.format)
    shape = spec.format.partition(":")[2]
    breaches = {
        "number": Breach("number", "必须是数字"),
        "format": Breach("format", f"格式错误（应为 {shape}）" if shape else "格式错误"),
    }

    def check(text: str) -> Breach | None:
        rule = broken_rule(text)
        return None if rule is None else breaches[rule]

    checks: list[_TextCheck] = [check]
    most = spec.max_bytes
    if most is not None:
        too_big = Breach("size", f"大小超过限制（最多 {most // 1024} KB）")
        checks.append(lambda text: too_big if base64_bytes(text) > most else None)
    return checks


def _allowed_checks(spec: FieldSpec, table: CodeTable | None) -> list[_TextCheck]:
    checks: list[_TextCheck] = []
    if table is not None and not table.open:
        codes = table.codes
        outside = Breach("table", f"必须在指定的码值范围内（{_named(tuple(codes), table.name)}）")
        checks.append(lambda text: None if text in codes else outside)
    if spec.one_of:
        allowed = frozenset(spec.one_of)
        wrong = Breach("value", f"此交易只接受 {_named(spec.one_of, '')}")
        checks.append(lambda text: None if text in allowed else wrong)
    return checks


def _named(codes: tuple[str, ...], table: str) -> str:
    listed = "、".join(codes[:_MOST_NAMED]) + ("…" if len(codes) > _MOST_NAMED else "")
    return f"代码表 {table}：{listed}" if table else listed
