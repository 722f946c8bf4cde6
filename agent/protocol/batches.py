"""Splits the row list of a submission into bodies that a system takes at once (catalog: ``max_rows``).

Where the catalog knows a number for the whole (``batch``), the first body carries what the HIS gave or what
is known of an unfinished one, the later ones what the first answer gave; all but the last say that more
is to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.catalog.model import BatchRule, TransactionSpec
from agent.events import SLOT, Forget, Identifier, JsonObject, Need
from agent.protocol.values import key_of, text_of


@dataclass(frozen=True, slots=True)
class Batch:
    """One body; ``rows`` is the half-open range of the submission's rows in it, None without a list."""

    body: JsonObject = field(repr=False)
    rows: tuple[int, int] | None
    needs: tuple[Need, ...] = ()


def split(spec: TransactionSpec, data: JsonObject) -> Iterator[Batch]:
    """The bodies of ``data`` in row order: every row in exactly one, the head in each."""
    rows = data.get(spec.list) if spec.list else None
    if not isinstance(rows, list) or not rows:
        yield Batch(data, None)
        return
    limit = spec.max_rows or len(rows)
    for start in range(0, len(rows), limit):
        end = min(start + limit, len(rows))
        head, needs = _head(spec, data, first=start == 0, last=end == len(rows))
        yield Batch({**head, spec.list: rows[start:end]}, (start, end), needs)


def finished(
    spec: TransactionSpec, body: JsonObject, answer: JsonObject, found: Iterable[Identifier]
) -> tuple[tuple[Identifier, ...], tuple[Forget, ...]]:
    """The identifiers of an answer, and what holds no more: the number of a batch that it ends."""
    if spec.batch is None or not text_of(answer.get(spec.batch.done)):
        return tuple(found), ()
    kept = tuple(identifier for identifier in found if identifier.kind != spec.batch.kind)
    return kept, (Forget(spec.batch.kind, _key(spec, spec.batch, answer, body)),)


def _head(
    spec: TransactionSpec, data: JsonObject, *, first: bool, last: bool
) -> tuple[JsonObject, tuple[Need, ...]]:
    rule = spec.batch
    if rule is None:
        return data, ()
    head = data if last else {**data, rule.last: rule.more}
    if text_of(data.get(rule.number)):
        return head, ()
    need = Need(rule.number, identifier=rule.kind, key=_key(spec, rule, data), required=not first)
    return {**head, rule.number: {SLOT: rule.number}}, (need,)


def _key(spec: TransactionSpec, rule: BatchRule, *holders: JsonObject) -> tuple[str, ...]:
    by = next(identifier.by for identifier in spec.identifiers if identifier.kind == rule.kind)
    return key_of(by, *holders)
