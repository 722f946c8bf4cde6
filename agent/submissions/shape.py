"""A transaction's fields as a reader looks them up: by code or by Chinese name, level by level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent.submissions.rules import Field, ReadingRules


@dataclass(frozen=True, slots=True)
class Level:
    """The fields of one object: of the head (``code`` "") or of the rows of a list."""

    code: str
    name: str
    columns: Mapping[str, Field]
    """By folded code, alias or name. A name that several fields bear is not among them."""
    children: tuple[Level, ...]

    def column(self, label: str) -> Field | None:
        return self.columns.get(_folded(label))

    def holds(self, code: str) -> bool:
        return any(item.code == code for item in self.columns.values())

    def called(self, label: str) -> bool:
        return _folded(label) in (_folded(self.code), _folded(self.name))

    def child(self, label: str) -> Level | None:
        return next((level for level in self.children if level.called(label)), None)

    def below(self) -> Iterator[tuple[Level, Level]]:
        """(parent, level) for every level below this one, outer ones first."""
        for level in self.children:
            yield self, level
        for level in self.children:
            yield from level.below()


@dataclass(frozen=True, slots=True)
class Shape:
    """The business object of a transaction: its head, its main row list ("" if none), and the codes,
    of all levels, of names of people, of numbers of identity and of lists."""

    head: Level
    main: str
    names: frozenset[str] = field(repr=False)
    identifiers: frozenset[str] = field(repr=False)
    lists: frozenset[str] = field(repr=False)


def shape_of(transaction: str, rules: ReadingRules) -> Shape:
    """The shape of a transaction that is in the vocabulary."""
    fields = rules.vocabulary.fields(transaction)
    return Shape(
        head=_level("", "", fields, rules.columns),
        main=rules.vocabulary.list_of(transaction),
        names=frozenset(_codes(fields, lambda item: item.sensitive in rules.name_kinds)),
        identifiers=frozenset(_codes(fields, lambda item: item.sensitive in rules.identifier_kinds)),
        lists=frozenset(_codes(fields, lambda item: item.kind == "list")),
    )


def _level(code: str, name: str, fields: Sequence[Field], own: Mapping[str, str]) -> Level:
    columns = {_folded(spelling): item for item in fields for spelling in (*item.aliases, item.code)}
    for label, target in own.items():
        if _folded(target) in columns:
            columns.setdefault(_folded(label), columns[_folded(target)])
    bearers = Counter(item.name for item in fields)
    for item in fields:
        if item.name and bearers[item.name] == 1:
            columns.setdefault(_folded(item.name), item)
    children = tuple(
        _level(item.code, item.name, item.children, own) for item in fields if item.kind == "list"
    )
    return Level(code, name, columns, children)


def _codes(fields: Sequence[Field], wanted: Callable[[Field], bool]) -> Iterator[str]:
    for item in fields:
        if wanted(item):
            yield from (item.code, *item.aliases)
        yield from _codes(item.children, wanted)


def _folded(label: str) -> str:
    return "".join(label.split()).casefold()
