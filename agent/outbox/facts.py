"""Facts that outcomes leave behind, and reading them within a commit.

A fact is ``(kind, key, member) → value`` within its system (:class:`agent.events.Identifier`). What it
is searched by is hashed under the data key; everything of it is sealed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent import courtesy
from agent.events import Forget, Identifier
from agent.outbox.model import SealedFacts
from agent.outbox.sealed import Border
from agent.outbox.work import Row, Work

_UNNAMED = b""
"""The member key of a fact without a member."""

Key = tuple[str, ...]


def group_key(work: Work, system: str, kind: str, key: Key) -> bytes:
    return _group_key(work.border, system, kind, key)


def _group_key(border: Border, system: str, kind: str, key: Key) -> bytes:
    return border.key("fact", (system, kind, *key))


def member_key(border: Border, system: str, member: str) -> bytes:
    return border.near_key("fact.member", system, member) if member else _UNNAMED


def value_key(border: Border, system: str, value: str) -> bytes:
    return border.near_key("fact.value", system, value)


def word_key(border: Border, system: str, word: str) -> bytes:
    return border.key("fact.word", (system, word))


def forget(work: Work, system: str, forgotten: Iterable[Forget]) -> None:
    for fact in forgotten:
        group = group_key(work, system, fact.kind, fact.key)
        if fact.member is None:
            work.run("forget_group", group)
        else:
            work.run("forget_fact", group, member_key(work.border, system, fact.member))
        if not exists(work, group):
            for word in fact.key:
                work.run("forget_word", word_key(work.border, system, word), group)


def seal(border: Border, system: str, identifiers: Iterable[Identifier]) -> SealedFacts:
    """Hash and seal; needs no database."""
    groups: dict[tuple[str, Key], bytes] = {}
    words: set[tuple[bytes, bytes]] = set()
    rows: list[tuple[bytes, bytes, bytes, bytes]] = []
    for fact in courtesy.politely(identifiers):
        group = groups.get((fact.kind, fact.key))
        if group is None:
            group = groups[fact.kind, fact.key] = _group_key(border, system, fact.kind, fact.key)
            words |= {(word_key(border, system, word), group) for word in fact.key}
        member = member_key(border, system, fact.member)
        value = value_key(border, system, fact.value)
        content = [system, fact.kind, fact.key, fact.member, fact.value]
        rows.append((group, member, value, border.seal("fact|content", place(group, member), content)))
    return SealedFacts(tuple(rows), frozenset(words))


def give(work: Work, message: int, facts: SealedFacts) -> set[bytes]:
    """Store facts; returns the keys of their groups."""
    work.run_many("add_fact_word", sorted(facts.words))
    work.run_many("set_fact", [(*row[:3], message, row[3]) for row in facts.rows])
    return {group for group, *_ in facts.rows}


def place(group: bytes, member: bytes) -> str:
    """What a fact's sealed content is bound to."""
    return f"{group.hex()}.{member.hex()}"


def exists(work: Work, group: bytes) -> bool:
    return bool(work.one("fact_exists", group)[0])


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one system as they stand within a transaction (:class:`agent.events.History`)."""

    work: Work
    system: str

    def value(self, kind: str, key: Key, member: str = "") -> str | None:
        group = group_key(self.work, self.system, kind, key)
        named = member_key(self.work.border, self.system, member)
        row: Row | None = self.work.one("fact", group, named)
        return None if row is None else self._open(group, named, row)[1]

    def values(self, kind: str, key: Key) -> Mapping[str, str]:
        group = group_key(self.work, self.system, kind, key)
        rows = self.work.all("facts_of_group", group)
        return dict(self._open(group, row["member_key"], row) for row in rows)

    def giver(self, kind: str, key: Key, member: str = "") -> str:
        group = group_key(self.work, self.system, kind, key)
        row: Row | None = self.work.one(
            "fact_giver", group, member_key(self.work.border, self.system, member)
        )
        return "" if row is None else str(row["state"])

    def _open(self, group: bytes, member: bytes, row: Row) -> tuple[str, str]:
        content = self.work.border.open("fact|content", place(group, member), row["content_sealed"])
        return str(content[3]), str(content[4])
