"""A rehearsed platform's own check of fields: presence, length, number, format, code table.

Written apart from the agent's validation on purpose: both read the same catalog data, and where one
of them is wrong a rehearsal shows it. The first fault in the document's order refuses an object.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from agent.catalog.model import CodeTable, Condition, FieldSpec
from agent.events import JsonObject

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DIGITS = re.compile(r"[0-9]+")
_PROVINCES: Final = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-6]|71|8[12]")
_GS: Final = "\x1d"
_FAULTS: Final[Mapping[str, str]] = {
    "missing": "不能为空",
    "unwanted": "应为空",
    "type": "类型不正确",
    "length": "长度不能超出限制",
    "number": "必须是数字",
    "precision": "小数位数不能超出限制",
    "format": "格式错误",
    "table": "必须在指定的码值范围内",
    "value": "不在允许的取值范围内",
    "array": "必须是数组",
    "limit": "条数不能超出上限",
    "size": "大小超过限制",
}


class FieldFault(NamedTuple):
    """What is wrong with a field: a fault rule of catalogs (``missing``, ``length`` …)."""

    spec: FieldSpec
    rule: str

    @property
    def sentence(self) -> str:
        return f"{self.spec.name}{_FAULTS[self.rule]}"


class FieldReader:
    """Reads objects by field specifications. ``table`` finds a code table by its name."""

    def __init__(self, table: Callable[[str], CodeTable]) -> None:
        self._table = table

    def read(
        self, fields: Iterable[FieldSpec], given: Mapping[str, Any], around: Sequence[Mapping[str, Any]] = ()
    ) -> JsonObject | FieldFault:
        """The known fields: texts trimmed, numbers as Decimal, lists of objects; absent texts are "",
        absent numbers None, absent lists []. Or the first fault."""
        values: JsonObject = {}
        around = (given, *around)
        for spec in fields:
            value = self._read_field(spec, given, around)
            if isinstance(value, FieldFault):
                return value
            values[spec.code] = value
        return values

    def _read_field(
        self, spec: FieldSpec, given: Mapping[str, Any], around: Sequence[Mapping[str, Any]]
    ) -> Any:
        raw = _raw(spec, given)
        if raw is None and spec.absent_when and all(_holds(test, around) for test in spec.absent_when):
            raw = spec.absent_as
        if raw is None:
            needed = spec.required is True or (spec.when and all(_holds(test, around) for test in spec.when))
            return _fault(spec, "missing") if needed else _absent(spec)
        if spec.empty and all(_holds(test, around) for test in spec.empty):
            return _fault(spec, "unwanted")
        if spec.kind == "list":
            return self._read_list(spec, raw, around)
        if spec.kind == "object":
            return self._read_object(spec, raw, around)
        if isinstance(raw, bool) or not isinstance(raw, str | int | Decimal):
            return _fault(spec, "type")
        text = str(raw).strip()
        return _read_number(spec, text) if spec.kind == "number" else self._read_text(spec, text)

    def _read_object(self, spec: FieldSpec, raw: Any, around: Sequence[Mapping[str, Any]]) -> Any:
        if not isinstance(raw, dict):
            return _fault(spec, "type")
        return self.read(spec.children, raw, around) if spec.children else raw

    def _read_list(self, spec: FieldSpec, raw: Any, around: Sequence[Mapping[str, Any]]) -> Any:
        if not isinstance(raw, list):
            return _fault(spec, "array")
        if spec.max_items is not None and len(raw) > spec.max_items:
            return _fault(spec, "limit")
        read: list[Any] = []
        for item in raw:
            value = self._read_object(spec, item, around)
            if isinstance(value, FieldFault):
                return value
            read.append(value)
        return read

    def _read_text(self, spec: FieldSpec, text: str) -> str | FieldFault:
        too_short = spec.min_length is not None and len(text) < spec.min_length
        if too_short or (spec.max_length is not None and len(text) > spec.max_length):
            return _fault(spec, "length")
        broken = _broken_format(spec.format, text) if spec.format else None
        if broken:
            return _fault(spec, broken)
        if spec.table and text not in self._table(spec.table):
            return _fault(spec, "table")
        if spec.one_of and text not in spec.one_of:
            return _fault(spec, "value")
        if spec.max_bytes is not None and _decoded_size(spec, text) > spec.max_bytes:
            return _fault(spec, "size")
        return text


def _raw(spec: FieldSpec, given: Mapping[str, Any]) -> Any:
    """What was sent for a field; None where nothing was: absent, null, "" and [] are the same."""
    codes = (spec.code, *spec.aliases) if spec.aliases else (spec.code,)
    for code in codes:
        value = given.get(code)
        if isinstance(value, str):
            value = value.strip()
        if value is not None and value not in ("", []):
            return value
    return None


def _absent(spec: FieldSpec) -> Any:
    return {"text": "", "number": None, "list": [], "object": {}}[spec.kind]


def _holds(test: Condition, around: Sequence[Mapping[str, Any]]) -> bool:
    found = [text for text in _looked_up(test.field, around) if text]
    if test.present is not None:
        return bool(found) is test.present
    if test.among is not None:
        return any(text in test.among for text in found)
    return not any(text in (test.excluding or ()) for text in found)


def _looked_up(field: str, around: Sequence[Mapping[str, Any]]) -> list[str]:
    name, _, inner = field.partition(".")
    for given in around:
        if name in given:
            value = given[name]
            items = value if isinstance(value, list) else [value]
            if inner:
                items = [item.get(inner) for item in items if isinstance(item, dict)]
            return [str(item).strip() for item in items if item is not None and item not in ({}, [])]
    return []


def _read_number(spec: FieldSpec, text: str) -> Decimal | FieldFault:
    if not _NUMBER.fullmatch(text):
        return _fault(spec, "number")
    before, _, after = text.lstrip("+-").partition(".")
    decimals = after.rstrip("0")
    if spec.digits is not None and len(before.lstrip("0")) > spec.digits - spec.decimals:
        return _fault(spec, "length")
    if spec.digits is not None and len(decimals) > spec.decimals:
        return _fault(spec, "precision")
    return Decimal(text)


def _broken_format(name: str, text: str) -> str | None:
    kind, _, detail = name.partition(":")
    if kind == "date":
        return _broken_date(detail, text)
    if kind == "digits":
        return None if _DIGITS.fullmatch(text) else "number"
    if kind == "region":
        return None if _DIGITS.fullmatch(text) and len(text) == 6 and _PROVINCES.match(text) else "table"
    if kind == "tracecode":
        return None if all("!" <= character <= "~" or character == _GS for character in text) else "format"
    if kind == "extension":
        return None if text.lower().rpartition(".")[2] in detail.lower().split(",") else "format"
    return None if _decoded(text) is not None else "format"


@lru_cache(maxsize=4096)
def _broken_date(pattern: str, text: str) -> str | None:
    parts = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH": "%H", "MI": "%M", "SS": "%S"}
    directives = pattern
    for part, directive in parts.items():
        directives = directives.replace(part, directive)
    if re.sub("|".join(parts), "", pattern) == "" and not _DIGITS.fullmatch(text):
        return "number"
    try:
        datetime.strptime(text, directives)  # noqa: DTZ007 a day on a form has no zone
    except ValueError:
        return "format"
    return None if len(text) == len(pattern) else "format"


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _decoded_size(spec: FieldSpec, text: str) -> int:
    """Bytes of a file's content: the decoded ones where it is Base64."""
    decoded = _decoded(text) if spec.format == "base64" else None
    return len(decoded if decoded is not None else text.encode("utf-8"))


def _fault(spec: FieldSpec, fault: str) -> FieldFault:
    return FieldFault(spec, fault)
