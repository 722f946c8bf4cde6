"""What a message is about, by the catalog's scope rules.

A message holds its visit exclusively and shares its institution; a statement holds the institution
whole; a query only looks on. Works on normalised data and, as far as it goes, on what a HIS dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from agent.catalog.model import ScopeRule, TransactionSpec
from agent.events import Hold, Json, JsonObject, Scope
from agent.protocol.values import key_of

OBSERVING_KINDS: Final = frozenset({"query", "inquiry", "probe"})
"""Kinds of transaction that change nothing: they hold no scope against anybody."""

_HOLDS: Final = {
    "exclusive": (Hold.EXCLUSIVE, False),
    "shared": (Hold.SHARED, True),
    "whole": (Hold.EXCLUSIVE, True),
}


def scopes_of(spec: TransactionSpec, data: JsonObject) -> tuple[Scope, ...]:
    """The scopes of a body, each once, in the order of the rules and rows."""
    found: dict[Scope, None] = {}
    observing = spec.kind in OBSERVING_KINDS
    for rule in spec.scopes:
        hold, broad = _HOLDS[rule.mode]
        for key in _keys(spec, rule, data):
            found[Scope(rule.kind, key, Hold.OBSERVER if observing else hold, broad)] = None
    return tuple(found)


def refused_scopes(
    spec: TransactionSpec, body: JsonObject, refused: Iterable[JsonObject]
) -> tuple[Scope, ...]:
    """What a refusal of these rows of ``body`` blocks: their exclusive scopes, not what they share."""
    rows = list(refused)
    if not rows:
        return ()
    held = scopes_of(spec, {**body, spec.list: rows})
    return tuple(scope for scope in held if scope.hold is Hold.EXCLUSIVE)


def _keys(spec: TransactionSpec, rule: ScopeRule, data: JsonObject) -> Iterator[tuple[str, ...]]:
    if rule.constant:
        yield (rule.constant,)
        return
    for holder in _rows(data.get(spec.list)) if rule.at == "row" else (data,):
        key = key_of(rule.fields, holder)
        if key:
            yield key


def _rows(value: Json) -> Iterator[JsonObject]:
    return (row for row in value if isinstance(row, dict)) if isinstance(value, list) else iter(())
