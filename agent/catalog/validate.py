"""Checks a message against its transaction and tells every fault at once.

The checks of a transaction are compiled once into closures and kept. Checking is pure: it reads no
clock and changes nothing; rules across fields live with the plugins. Keys are matched without
regard to case and surrounding blanks, pointers show them as they were written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agent.catalog.checks import ObjectCheck, Sink, compile_side
from agent.catalog.model import Side, TransactionSpec
from agent.catalog.scalars import Breach
from agent.catalog.spelling import find
from agent.errors import Fault


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong with a message, and what is only odd: keys that the document does not know."""

    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def validate(spec: TransactionSpec, data: Any) -> list[Fault]:
    """Every fault of a request's business data, in document order; [] when there is none."""
    return list(examine(spec, data).faults)


def examine(
    spec: TransactionSpec,
    data: Any,
    *,
    side: Side = "request",
    slots: bool = False,
    limit_rows: bool = False,
) -> Report:
    """Faults and warnings of one side's business data.

    ``slots`` lets ``{"$slot": name}`` stand for a value that does not exist yet. ``limit_rows``
    also holds the list that may be split to ``max_rows``. An answer may have empty lists. Raises
    CatalogError when the catalog contradicts itself.
    """
    sink = Sink(slots=slots)
    if isinstance(data, dict):
        _compiled(spec, side)(data, "", (), sink)
        if limit_rows:
            _limit_rows(spec, data, sink)
    else:
        sink.faults.append(Fault(pointer="", rule="type", message="业务数据应为 JSON 对象"))
    return Report(tuple(sink.faults), tuple(sink.warnings))


@lru_cache(maxsize=1024)
def _compiled(spec: TransactionSpec, side: Side) -> ObjectCheck:
    return compile_side(spec, side)


def _limit_rows(spec: TransactionSpec, data: dict[str, Any], sink: Sink) -> None:
    rows = find(data, spec.list)
    split = next((field for field in spec.request if field.code == spec.list), None)
    if split is not None and spec.max_rows and isinstance(rows, list) and len(rows) > spec.max_rows:
        sink.breach(split, Breach("limit", f"条数不能超出上限（最多 {spec.max_rows} 条）"), f"/{spec.list}")
