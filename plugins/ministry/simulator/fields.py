"""The ministry's codes for the faults of fields, and its demand of lower-case keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from agent.catalog.model import CodeTable, FieldSpec
from agent.events import JsonObject
from agent.rehearsal import fields
from agent.rehearsal.fields import FieldFault
from plugins.ministry.simulator.refusals import BAD_PARAMETER, Refusal

_NEAREST: Final[Mapping[str, tuple[str, ...]]] = {
    "precision": ("length",),
    "value": ("table",),
    "format": ("number", "table", "value"),
    "number": ("format",),
    "type": ("format", "number", "array"),
    "size": ("length",),
}
"""Where a field has no code for a fault, the codes that come nearest to it."""


class FieldReader:
    """Reads objects by field specifications. ``table`` finds a code table by its name."""

    def __init__(self, table: Callable[[str], CodeTable]) -> None:
        self._reader = fields.FieldReader(table)

    def read(
        self, specs: Iterable[FieldSpec], given: Mapping[str, Any], around: Sequence[Mapping[str, Any]] = ()
    ) -> JsonObject | Refusal:
        """The known fields (:class:`agent.rehearsal.fields.FieldReader`), or the first refusal."""
        read = self._reader.read(specs, given, around)
        return _refusal(read) if isinstance(read, FieldFault) else read


def lower_case_only(value: Any) -> bool:
    """Whether every key is written in lower case (RE1144)."""
    if isinstance(value, dict):
        return all(key == key.lower() and lower_case_only(child) for key, child in value.items())
    return all(lower_case_only(child) for child in value) if isinstance(value, list) else True


def _refusal(fault: FieldFault) -> Refusal:
    for rule in (fault.rule, *_NEAREST.get(fault.rule, ())):
        if rule in fault.spec.codes:
            return Refusal(fault.spec.codes[rule])
    return Refusal(BAD_PARAMETER, detail=fault.sentence)
