"""The chain: which messages hold which scopes, and who is clear of all earlier ones.

Each scope of a message in the chain is a row (key, hold, position, message) with a flag *clear*:
no earlier row of the key conflicts with it. A message counts its rows that are not clear, so that
claiming asks for ``unclear = 0`` and nothing else. When a row leaves, only rows that become clear
by it are looked at; each is cleared once.

A row put before others (a follow-up, a replacement, a released or resent message, a chunk of a
stage) makes later ones wait again, except those that are already on the wire: it waits for these.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from agent.events import Alias, Hold, Scope
from agent.outbox.work import Row, Work

WAITER = 0
"""Of ``after``: waits for every earlier holder that is not an observer, and holds nobody up."""
OBSERVER, SHARED, EXCLUSIVE = 1, 2, 3

_RANKS = {Hold.OBSERVER: OBSERVER, Hold.SHARED: SHARED, Hold.EXCLUSIVE: EXCLUSIVE}


class Held(NamedTuple):
    """A scope as the database knows it."""

    key: bytes
    hold: int
    broad: bool


class Place(NamedTuple):
    """Where a message stands in the order."""

    position: int
    message: int


def held_scopes(work: Work, system: str, scopes: Iterable[Scope]) -> list[Held]:
    """Scopes as rows. A scope named twice, or by two of its names, is held by its stronger hold."""
    return merged(_held(work, system, scope) for scope in scopes)


def _held(work: Work, system: str, scope: Scope) -> Held:
    key = _known_as(work, _scope_key(work, system, scope.kind, scope.key))
    return Held(key, _RANKS[scope.hold], scope.broad)


def _scope_key(work: Work, system: str, kind: str, key: tuple[str, ...]) -> bytes:
    return work.border.key("scope", (system, kind, *key))


def _known_as(work: Work, key: bytes) -> bytes:
    row: Row | None = work.one("alias", key)
    return key if row is None else bytes(row["of_key"])


def rename(work: Work, system: str, aliases: Iterable[Alias]) -> None:
    """From now on a scope goes by another name: no name leads to one that is itself renamed."""
    for alias in aliases:
        old = _scope_key(work, system, alias.scope_kind, alias.key)
        new = _known_as(work, _scope_key(work, system, alias.of_kind or alias.scope_kind, alias.of_key))
        if old != new:
            work.run("set_alias", old, new)
            work.run("move_aliases", new, old)


def submission_key(work: Work, submission: int) -> bytes:
    """The scope that a submission itself is: its messages share it, who comes ``after`` it waits for it."""
    return work.border.key("scope", ("", "submission", str(submission)))


def merged(rows: Iterable[Held]) -> list[Held]:
    found: dict[bytes, Held] = {}
    for row in rows:
        known = found.get(row.key)
        found[row.key] = (
            row if known is None else Held(row.key, max(known.hold, row.hold), known.broad and row.broad)
        )
    return list(found.values())


def waits(work: Work, row: Held, place: Place, *, last: bool) -> bool:
    """Whether a row has to wait. ``last``: nobody stands behind it."""
    values = {"key": row.key, "hold": row.hold, "position": place.position, "message": place.message}
    if work.named("chain_conflict", **values)[0][0]:
        return True
    return not last and bool(work.named("chain_flight_conflict", **values)[0][0])


def enter(work: Work, rows: Iterable[Held], place: Place, *, last: bool) -> int:
    """Put a message's rows into the chain; returns how many of them wait."""
    unclear = 0
    alone: list[tuple[object, ...]] = []
    for row in rows:
        if work.one("chain_key_in_use", row.key) is None:
            alone.append((row.key, row.hold, *place, row.broad, 1))
            continue
        waiting = waits(work, row, place, last=last)
        unclear += waiting
        work.run("chain_add", row.key, row.hold, *place, row.broad, not waiting)
        if not last and row.hold >= SHARED:
            _hold_up_later(work, row, place)
    work.run_many("chain_add", alone)
    return unclear


def later(row: Held, place: Place) -> dict[str, object]:
    """What a statement about later rows that conflict with this one asks for. The holds are named one by
    one, so that of an institution's shared holders none is looked at in vain."""
    also, besides = (OBSERVER, SHARED) if row.hold == EXCLUSIVE else (EXCLUSIVE, EXCLUSIVE)
    values = {"key": row.key, "also": also, "besides": besides}
    return {**values, "position": place.position, "message": place.message}


def _hold_up_later(work: Work, row: Held, place: Place) -> None:
    for other in work.named("chain_later_clear", **later(row, place)):
        work.run("chain_set_clear", 0, row.key, other["hold"], other["position"], other["message"])
        work.run("message_unclear", 1, other["message"])


def leave(work: Work, message: int) -> list[Held]:
    """Take a message's rows out of the chain. Whom that lets go is seen by :func:`settle_dirty`."""
    rows = [Held(*row) for row in work.all("chain_take", message)]
    work.dirty.update(row.key for row in rows if row.hold >= SHARED)
    return rows


def keep(work: Work, rows: Iterable[Held], place: Place) -> None:
    """Put rows of a message that has ended into the chain: it waits for nobody, and later ones wait for
    it until it leaves."""
    for row in rows:
        work.run("chain_add", row.key, row.hold, *place, row.broad, 1)
        _hold_up_later(work, row, place)


def settle_dirty(work: Work) -> None:
    """Let go whoever became clear since the last call."""
    while work.dirty:
        _let_go(work, work.dirty.pop())


def _let_go(work: Work, key: bytes) -> None:
    if work.one("chain_any_unclear", key) is None:
        return
    exclusive = _first(work, key, EXCLUSIVE)
    shared = _first(work, key, SHARED)
    for row in work.all("chain_unclear_upto", key, *(exclusive or _LAST)):
        place = Place(row["position"], row["message"])
        if row["hold"] in {EXCLUSIVE, WAITER} and shared is not None and shared < place:
            continue
        if not _waits_for_flight(work, key, row["hold"], place):
            work.run("chain_set_clear", 1, key, row["hold"], *place)
            work.run("message_unclear", -1, row["message"])


_LAST = Place((1 << 63) - 1, 0)


def _first(work: Work, key: bytes, hold: int) -> Place | None:
    row: Row | None = work.one("chain_first", key, hold)
    return None if row is None else Place(row[0], row[1])


def _waits_for_flight(work: Work, key: bytes, hold: int, place: Place) -> bool:
    values = {"key": key, "hold": hold, "position": place.position, "message": place.message}
    return bool(work.named("chain_flight_conflict", **values)[0][0])


def recheck(work: Work, message: int) -> int:
    """A message came back from the wire: how many of its rows wait now for others put before it."""
    unclear = 0
    for row in work.all("chain_rows", message):
        held = Held(row["scope_key"], row["hold"], row["broad"])
        waiting = waits(work, held, Place(row["position"], message), last=False)
        unclear += waiting
        if waiting == bool(row["clear"]):
            work.run("chain_set_clear", not waiting, row["scope_key"], row["hold"], row["position"], message)
        if row["hold"] >= SHARED:
            work.dirty.add(row["scope_key"])
    return unclear
