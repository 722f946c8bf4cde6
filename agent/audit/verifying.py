"""Goes along the audit trail and names what was changed, moved or removed.

Needs neither the data key nor the daemon: any copy of the database will do. What each check finds:

* the chain itself: a record that was changed or moved, and every number that is missing;
* the record of the last purge: records that are gone although no purge took them;
* signed heads: a chain that was written anew as a whole from some record on;
* heads of the system log: an end that was cut off, together with the heads that were signed in it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from agent.audit.chain import GENESIS, Record, follows
from agent.audit.heads import is_signed
from agent.audit.model import Head, Seal

_RECORDS: Final = (
    "SELECT number, at, kind, submission, message, facts, note_digest, hash FROM audit ORDER BY number"
)
_CHECKPOINTS: Final = "SELECT number, at, hash, signature, public, purged FROM checkpoint ORDER BY number"
_PURGES: Final = "SELECT facts FROM audit WHERE kind = 'audit.purged'"
_MOST_PROBLEMS: Final = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """``what``: ``changed``, ``missing``, ``rewritten``, ``cut``, ``note``; of heads ``unsigned``, ``forged``
    and ``stranger``. ``record`` is the number of the record, or of the last one that a head covers."""

    what: str
    record: int
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """``first`` and ``last`` are the numbers of the records that are there; 0 when there are none."""

    records: int
    first: int
    last: int
    head: Head
    checkpoints: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    head: Head
    at: int
    seal: Seal
    purged: bool


def verify(
    connection: sqlite3.Connection, *, trusted: Collection[bytes] = (), heads: Iterable[Head] = ()
) -> Report:
    """``trusted`` are the public points that may have signed; with none given any key passes. ``heads``
    come from outside the database. Sets how ``connection`` reads texts. Raises sqlite3.Error."""
    connection.text_factory = _text  # a changed bit may have left no text at all, and is named all the same
    checkpoints = [
        _Checkpoint(Head(row[0], bytes(row[2])), row[1], Seal(bytes(row[3]), bytes(row[4])), bool(row[5]))
        for row in connection.execute(_CHECKPOINTS)
    ]
    told = list(heads)
    wanted = {point.head.number for point in checkpoints} | {head.number for head in told}
    walk = _Walk(_begin(checkpoints))
    seen = walk.along(connection, wanted)
    problems = [*walk.problems, *_unaccounted(connection, walk.begin)]
    problems += [problem for point in checkpoints for problem in _judge(point, seen, walk, trusted)]
    problems += [problem for head in told for problem in _compare(head, seen, walk)]
    return Report(
        records=walk.records,
        first=walk.first,
        last=walk.head.number,
        head=walk.head,
        checkpoints=len(checkpoints),
        problems=tuple(problems[:_MOST_PROBLEMS]),
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _begin(checkpoints: list[_Checkpoint]) -> Head:
    """Where the records begin that were not purged: behind the last checkpoint that was."""
    purged = [point.head for point in checkpoints if point.purged]
    return purged[-1] if purged else Head(0, GENESIS)


def _unaccounted(connection: sqlite3.Connection, begin: Head) -> Iterator[Problem]:
    """Whoever removes records can call them purged; the purge itself wrote a record behind the head that
    it stopped at, in the same commit, and no earlier purge can have taken that."""
    if begin.number and begin.number not in _purged_through(connection):
        span = _span(range(1, begin.number + 1))
        yield Problem("missing", begin.number, f"记录 {span} 不见了：标为已清理，却没有这次清理的记录")


def _purged_through(connection: sqlite3.Connection) -> Iterator[object]:
    for (facts,) in connection.execute(_PURGES):
        try:
            told = json.loads(facts)
        except ValueError:
            continue  # the walk names it as changed
        if isinstance(told, dict):
            yield told.get("through")


class _Walk:
    """One way along the chain. A broken record is named and the walk goes on behind it, by the hash that
    it has now, so that the next one is judged on its own."""

    def __init__(self, begin: Head) -> None:
        self.begin = begin
        self.head = begin
        self.records = 0
        self.first = 0
        self.problems: list[Problem] = []

    def along(self, connection: sqlite3.Connection, wanted: Collection[int]) -> dict[int, bytes]:
        """The hashes of the wanted records."""
        seen: dict[int, bytes] = {}
        for row in connection.execute(_RECORDS):
            record = Record(*row)
            self._take(record)
            if record.number in wanted:
                seen[record.number] = record.hash
        return seen

    def _take(self, record: Record) -> None:
        self.first = self.first or record.number
        self.records += 1
        gap = range(self.head.number + 1, record.number)
        if gap:
            self._say("missing", gap[0], f"记录 {_span(gap)} 不见了")
        elif not follows(record, self.head.hash):
            self._say("changed", record.number, f"记录 {record.number} 被改动或调换过")
        self.head = Head(record.number, record.hash)

    def _say(self, what: str, record: int, message: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(Problem(what, record, message))


def _span(numbers: range) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} 至 {numbers[-1]}"


def _judge(
    point: _Checkpoint, seen: dict[int, bytes], walk: _Walk, trusted: Collection[bytes]
) -> Iterator[Problem]:
    number = point.head.number
    if not point.seal.signature:
        yield Problem("unsigned", number, f"截至记录 {number} 的链头没有签名（当时缺少审计密钥）")
    elif not is_signed(point.head, point.at, point.seal):
        yield Problem("forged", number, f"截至记录 {number} 的链头签名不符，链头或签名被改动过")
    elif trusted and point.seal.public not in trusted:
        yield Problem("stranger", number, f"截至记录 {number} 的链头不是用可信的审计密钥签名的")
    if number > walk.begin.number or number == walk.begin.number == 0:
        yield from _compare(point.head, seen, walk)


def _compare(head: Head, seen: dict[int, bytes], walk: _Walk) -> Iterator[Problem]:
    """A head that was told against the chain as it is now."""
    if head.number > walk.head.number:
        yield Problem(
            "cut",
            head.number,
            f"记录曾写到 {head.number}，现在只到 {walk.head.number}：末尾被截断，或数据库被换成旧的",
        )
    elif head.number in seen and seen[head.number] != head.hash:
        yield Problem("rewritten", head.number, f"记录 {head.number} 及以前的记录被整体改写过")
