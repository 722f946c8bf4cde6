"""Turns normalised data into messages: split, scoped, and classed by what the catalog says."""

from __future__ import annotations

from typing import Final

from agent.catalog.model import TransactionSpec
from agent.events import Deadline, Draft, JsonObject
from agent.protocol.batches import Batch, split
from agent.protocol.scopes import OBSERVING_KINDS, scopes_of

_UNBLOCKED_KINDS: Final = OBSERVING_KINDS | {"revoke"}
"""Revocations and queries are never blocked and never block (architecture, *Blocking*)."""


def drafts_of(
    spec: TransactionSpec, data: JsonObject, lane: str, deadlines: tuple[Deadline, ...] = ()
) -> tuple[Draft, ...]:
    """The messages of a submission, in row order; each is wanted by the same ``deadlines``."""
    return tuple(_draft(spec, batch, lane, deadlines) for batch in split(spec, data))


def _draft(spec: TransactionSpec, batch: Batch, lane: str, deadlines: tuple[Deadline, ...]) -> Draft:
    observing = spec.kind in OBSERVING_KINDS
    bound = spec.kind not in _UNBLOCKED_KINDS
    return Draft(
        transaction=spec.code,
        lane=lane,
        body=batch.body,
        scopes=scopes_of(spec, batch.body),
        rows=batch.rows,
        interactive=spec.class_ == "interactive",
        parallel=observing,
        harmless=observing,
        repeatable=spec.repeatable,
        beside=spec.inquiry_beside,
        blocks=bound,
        blockable=bound,
        expiry_blocks=spec.blocks_expired,
        needs=batch.needs,
        stop_on_refusal=spec.on_refusal == "stop",
        deadlines=deadlines,
    )
