"""Splits the row list of a submission into bodies that a system takes at once (catalog: ``max_rows``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.catalog.model import TransactionSpec
from agent.events import JsonObject


@dataclass(frozen=True, slots=True)
class Batch:
    """One body; ``rows`` is the half-open range of the submission's rows in it, None without a list."""

    body: JsonObject = field(repr=False)
    rows: tuple[int, int] | None


def split(spec: TransactionSpec, data: JsonObject) -> Iterator[Batch]:
    """The bodies of ``data`` in row order: every row in exactly one, the head in each."""
    rows = data.get(spec.list) if spec.list else None
    if not isinstance(rows, list) or not rows:
        yield Batch(data, None)
        return
    limit = spec.max_rows or len(rows)
    for start in range(0, len(rows), limit):
        part = rows[start : start + limit]
        yield Batch({**data, spec.list: part}, (start, start + len(part)))
