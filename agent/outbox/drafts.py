"""A draft as the database keeps it: one sealed value, a list in a fixed order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from agent.events import Deadline, Draft, Draw, Hold, Json, Need, Scope, Series
from agent.outbox.sealed import pack, unpack
from agent.protocol.attachments import digests


@dataclass(frozen=True, slots=True)
class Packed:
    """A draft on its way into the database: ``head`` is all of it but its body, ``content`` all of it as it
    is sealed, ``files`` are the digests of the files that it carries."""

    head: Draft
    content: bytes = field(repr=False)
    files: tuple[str, ...] = ()


def pack_draft(draft: Draft) -> Packed:
    carried = tuple(sorted(digests(draft.body)))
    return Packed(replace(draft, body={}), pack(draft_value(draft)), carried)


def unpack_draft(packed: Packed) -> Draft:
    return value_draft(unpack(packed.content))


def draft_value(draft: Draft) -> Json:
    return [
        draft.transaction,
        draft.lane,
        draft.body,
        [scope_value(scope) for scope in draft.scopes],
        draft.rows,
        [
            draft.interactive,
            draft.parallel,
            draft.harmless,
            draft.blocks,
            draft.blockable,
            draft.expiry_blocks,
            draft.stop_on_refusal,
            draft.repeatable,
            draft.cancels,
            draft.gated,
            draft.apart,
            draft.serves,
            draft.beside,
            draft.once,
        ],
        [_need_value(need) for need in draft.needs],
        [[deadline.after_s, deadline.about] for deadline in draft.deadlines],
        draft.memo,
    ]


def value_draft(value: list[Any]) -> Draft:
    transaction, lane, body, scopes, rows, flags, needs, deadlines, memo = value
    (
        interactive,
        parallel,
        harmless,
        blocks,
        blockable,
        expiry_blocks,
        stop_on_refusal,
        repeatable,
        cancels,
        gated,
        apart,
        serves,
        beside,
        *later,
    ) = flags
    return Draft(
        transaction=transaction,
        lane=lane,
        body=body,
        scopes=tuple(value_scope(scope) for scope in scopes),
        rows=None if rows is None else (rows[0], rows[1]),
        interactive=interactive,
        parallel=parallel,
        harmless=harmless,
        blocks=blocks,
        blockable=blockable,
        expiry_blocks=expiry_blocks,
        stop_on_refusal=stop_on_refusal,
        repeatable=repeatable,
        needs=tuple(_value_need(need) for need in needs),
        deadlines=tuple(Deadline(after_s, about) for after_s, about in deadlines),
        cancels=cancels,
        gated=gated,
        apart=apart,
        serves=serves,
        beside=beside,
        once=any(later),
        memo=memo,
    )


def _need_value(need: Need) -> Json:
    draw = need.draw
    drawn = [draw.series.name, draw.series.digits, draw.series.daily, draw.form] if draw else None
    return [need.slot, need.identifier, need.key, need.required, drawn]


def _value_need(value: list[Any]) -> Need:
    slot, identifier, key, required, drawn = value
    draw = Draw(Series(*drawn[:3]), drawn[3]) if drawn else None
    return Need(slot, identifier, tuple(key), required, draw)


def scope_value(scope: Scope) -> Json:
    return [scope.kind, scope.key, scope.hold.value, scope.broad]


def value_scope(value: list[Any]) -> Scope:
    kind, key, hold, broad = value
    return Scope(kind, tuple(key), Hold(hold), broad)
