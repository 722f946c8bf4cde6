"""What an accepted answer leaves behind for later messages (catalog: ``identifiers``, ``forget``,
``alias``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.catalog.model import AliasRule, FieldSpec, ForgetRule, TransactionSpec
from agent.catalog.model import Identifier as Rule
from agent.events import Alias, Forget, Identifier, JsonObject
from agent.protocol.matching import sent_rows
from agent.protocol.values import key_of, text_of


@dataclass(frozen=True, slots=True)
class Taken:
    """What was sent, what was answered, and the answer's ``accepted`` rows by their place.

    Keys are read from the answer's row, else from the request's, else from the heads; values from the
    answer, where the document has them there. What is not all there yields nothing.
    """

    spec: TransactionSpec
    body: JsonObject = field(repr=False)
    answer: JsonObject = field(repr=False)
    accepted: Mapping[int, JsonObject] = field(repr=False)

    def identifiers(self) -> tuple[Identifier, ...]:
        return tuple(fact for rule in self.spec.identifiers for fact in self._facts(rule))

    def forgotten(self) -> tuple[Forget, ...]:
        """What holds no more, each group once."""
        return tuple(dict.fromkeys(gone for rule in self.spec.forgets for gone in self._gone(rule)))

    def aliases(self) -> tuple[Alias, ...]:
        return tuple(name for rule in self.spec.aliases for name in self._names(rule))

    def holders(self, at: str) -> Iterator[tuple[JsonObject, ...]]:
        """Where values are looked for, nearest first: once for the head, or for each accepted row."""
        if at == "head":
            yield self.answer, self.body
            return
        sent = sent_rows(self.spec, self.body)
        for place, row in self.accepted.items():
            yield row, sent[place], self.answer, self.body

    def _facts(self, rule: Rule) -> Iterator[Identifier]:
        answered = _answers(self.spec.response, rule.value)
        for holders in self.holders(rule.at):
            for inner in _elements(holders[0], rule.list) if rule.list else ({},):
                sources = (inner, *holders)
                given = (inner, holders[0]) if answered else sources
                value, key = key_of((rule.value,), *given), key_of(rule.by, *sources)
                member = key_of(rule.member, *sources) if rule.member else ("",)
                if value and key and member:
                    yield Identifier(rule.kind, key, value[0], "/".join(member))

    def _gone(self, rule: ForgetRule) -> Iterator[Forget]:
        for holders in self.holders(rule.at):
            key = key_of(rule.by, *holders)
            if key:
                yield Forget(rule.kind, key)

    def _names(self, rule: AliasRule) -> Iterator[Alias]:
        for holders in self.holders(rule.at):
            key, of = key_of(rule.key, *holders), key_of(rule.of, *holders)
            if key and of:
                yield Alias(rule.kind, key, of, rule.of_kind)


def identifiers_of(
    spec: TransactionSpec, body: JsonObject, answer: JsonObject, accepted: Mapping[int, JsonObject]
) -> tuple[Identifier, ...]:
    """The identifiers of an answer; of a row list only those of the ``accepted`` rows, by their place."""
    return Taken(spec, body, answer, accepted).identifiers()


def _answers(fields: Iterable[FieldSpec], code: str) -> bool:
    """Whether the document's answer has a field, at whatever level."""
    return any(spec.code == code or _answers(spec.children, code) for spec in fields)


def _elements(row: JsonObject, code: str) -> Iterator[JsonObject]:
    found = row.get(code)
    for element in found if isinstance(found, list) else ():
        if isinstance(element, dict) and any(map(text_of, element.values())):
            yield element
