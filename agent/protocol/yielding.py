"""The numbers that an answer gives, to be found again by the HIS's own keys (catalog: ``identifiers``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.catalog.model import Identifier as Rule
from agent.catalog.model import TransactionSpec
from agent.events import Identifier, JsonObject
from agent.protocol.matching import sent_rows
from agent.protocol.values import key_of, text_of


def identifiers_of(
    spec: TransactionSpec, body: JsonObject, answer: JsonObject, accepted: Mapping[int, JsonObject]
) -> tuple[Identifier, ...]:
    """The identifiers of an answer; of a row list only those of the ``accepted`` rows, by their place.

    A key is read beside the value, else from the request's row, else from the heads. A value or key
    that is not all there yields nothing.
    """
    return tuple(_yield(spec, body, answer, accepted))


def _yield(
    spec: TransactionSpec, body: JsonObject, answer: JsonObject, accepted: Mapping[int, JsonObject]
) -> Iterator[Identifier]:
    rows = sent_rows(spec, body)
    for rule in spec.identifiers:
        if rule.at == "head":
            yield from _found(rule, answer, answer, body)
            continue
        for place, row in accepted.items():
            yield from _found(rule, row, row, rows[place], answer, body)


def _found(rule: Rule, holder: JsonObject, *sources: JsonObject) -> Iterator[Identifier]:
    value, key = text_of(holder.get(rule.value)), key_of(rule.by, *sources)
    if value and key:
        yield Identifier(rule.kind, key, value)
