"""A submission against its catalog and its rules: normalised data, or every fault at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from agent.catalog import TransactionSpec, examine, normalise
from agent.errors import Fault, SubmissionInvalid
from agent.events import SLOT, Json, JsonObject
from agent.protocol.rules import Judged, Rule, check

_UNKNOWN: Final = {SLOT: ""}
"""Stands where a value was that is wrong: the rules must not speak of what they cannot read."""


@dataclass(frozen=True, slots=True)
class Normal:
    """Data in the document's form, and what was odd about it."""

    data: JsonObject = field(repr=False)
    warnings: tuple[Fault, ...]


def judge(
    spec: TransactionSpec,
    data: Json,
    today: date,
    rules: Mapping[str, Rule],
    *,
    skipped: Set[str] = frozenset(),
    limit_rows: bool = False,
    slots: bool = False,
) -> Normal:
    """The data in the document's form. Raises SubmissionInvalid with the faults of the catalog, then
    those of the rules. ``limit_rows``: the row list is not to be split.
    ``slots``: the protocol itself put slots into the data."""
    report = examine(spec, data, limit_rows=limit_rows, slots=slots)
    readable = readable_part(spec, data, report.faults) if report.faults else normalise(spec, data)
    broken = check(Judged(spec, readable, today), rules, skipped) if readable is not None else []
    faults = (*report.faults, *broken)
    if faults or readable is None:
        raise SubmissionInvalid(faults)
    return Normal(readable, report.warnings)


def readable_part(spec: TransactionSpec, data: Json, faults: Iterable[Fault]) -> JsonObject | None:
    """The normalised data with a slot wherever a fault points; None when nothing can be read."""
    if not isinstance(data, dict):
        return None
    try:
        return normalise(spec, _blanked(data, [fault.pointer for fault in faults]))
    except SubmissionInvalid:
        return None


def _blanked(data: JsonObject, pointers: Iterable[str]) -> JsonObject:
    """A copy of ``data``, containers copied only along the ``pointers``, unknown at their ends."""
    root = dict(data)
    copies: dict[tuple[str, ...], Any] = {(): root}
    for pointer in pointers:
        _blank(copies, tuple(_parts(pointer)))
    return root


def _blank(copies: dict[tuple[str, ...], Any], path: tuple[str, ...]) -> None:
    for depth, part in enumerate(path):
        holder, place = copies[path[:depth]], _place(copies[path[:depth]], part)
        if place is None:
            return
        here = path[: depth + 1]
        if depth == len(path) - 1:
            holder[place] = _UNKNOWN
            copies.pop(here, None)
        elif here not in copies:
            child = holder[place]
            if not isinstance(child, dict | list) or child is _UNKNOWN:
                return
            holder[place] = copies[here] = child.copy()


def _place(holder: Any, part: str) -> Any:
    """The key or index of ``part`` in its holder; None when there is nothing."""
    if isinstance(holder, dict):
        return part if part in holder else None
    return int(part) if part.isdecimal() and int(part) < len(holder) else None


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
