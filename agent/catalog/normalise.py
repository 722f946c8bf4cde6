"""Gives a message the document's form: its codes in its order, every scalar a string, nothing left out.

Absent scalars become ``""``, lists ``[]``, objects ``{}``. What the document does not know is left
out. Two messages that say the same become equal, whatever spelling they came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from agent.catalog.conditions import Chain, Level, Test, compile_conditions
from agent.catalog.model import FieldSpec, Side, TransactionSpec
from agent.catalog.spelling import Spelling
from agent.catalog.values import (
    Unreadable,
    as_object,
    is_absent,
    is_slot,
    read_number,
    read_text,
    write_number,
)
from agent.errors import Fault, SubmissionInvalid


def normalise(spec: TransactionSpec, data: dict[str, Any], *, side: Side = "request") -> dict[str, Any]:
    """The document's form of data that has no faults; slots stay as they are.

    Raises SubmissionInvalid for a value that cannot be read, which ``validate`` would have told.
    """
    return _compiled(spec, side).write(data, ())


@lru_cache(maxsize=1024)
def _compiled(spec: TransactionSpec, side: Side) -> _Form:
    return _Form(spec.side(side), (), f"transactions/{spec.code}.toml：{side}")


class _Form:
    """Writes one level of a message."""

    def __init__(self, fields: Level, around: Sequence[Level], place: str) -> None:
        levels = (fields, *around)
        self._spelling = Spelling(fields)
        self._fields = [
            (spec, self._inner(spec, levels, place), compile_conditions(spec.absent_when, levels, place))
            for spec in fields
        ]

    @staticmethod
    def _inner(spec: FieldSpec, levels: Sequence[Level], place: str) -> _Form | None:
        return _Form(spec.children, levels, place) if spec.children else None

    def write(self, content: dict[str, Any], around: Chain) -> dict[str, Any]:
        if not self._spelling.codes.issuperset(content):
            content = self._spelling.read(content).values
        chain = (content, *around)
        return {
            spec.code: _written(spec, content.get(spec.code), inner, stands_for, chain)
            for spec, inner, stands_for in self._fields
        }


def _written(spec: FieldSpec, value: Any, inner: _Form | None, stands_for: Test | None, chain: Chain) -> Any:
    if is_slot(value):
        return value
    if spec.kind == "list":
        return _list(spec, value, inner, chain)
    if spec.kind == "object":
        content = {} if is_absent(value) else as_object(value)
        if content is None:
            raise _unreadable(spec, "type")
        return inner.write(content, chain) if inner and content else content
    if is_absent(value):
        return spec.absent_as if stands_for is not None and stands_for(chain) else ""
    try:
        if spec.kind == "number":
            return _number(value, spec.decimals) if isinstance(value, str) else _plain(value, spec.decimals)
        return read_text(value, separators=spec.format == "tracecode")
    except Unreadable as unreadable:
        raise _unreadable(spec, unreadable.rule) from None


def _plain(value: Any, decimals: int) -> str:
    return write_number(read_number(value), decimals)


_number = lru_cache(maxsize=4096)(_plain)
"""Amounts repeat: one text for all that are equal."""


def _list(spec: FieldSpec, value: Any, inner: _Form | None, chain: Chain) -> list[Any]:
    if is_absent(value):
        return []
    if not isinstance(value, list):
        raise _unreadable(spec, "array")
    if inner is None:
        return [element if is_slot(element) else read_text(element) for element in value]
    return [inner.write(_element(spec, element), chain) for element in value]


def _element(spec: FieldSpec, element: Any) -> dict[str, Any]:
    if isinstance(element, dict):
        return element
    raise _unreadable(spec, "type")


def _unreadable(spec: FieldSpec, rule: str) -> SubmissionInvalid:
    return SubmissionInvalid([Fault("", rule, f"{spec.name}无法识别", spec.code, spec.name)])
