"""What every step of a transaction works with: the connection, the sealing border, and row numbers."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.audit.chain import GENESIS
from agent.audit.model import Head
from agent.clock import Clock
from agent.errors import StoreError
from agent.outbox.model import LaneKey, State
from agent.outbox.moments import SECOND, to_micros
from agent.outbox.sealed import Border
from agent.outbox.statements import STATEMENTS

Row = sqlite3.Row

Details = Mapping[str, str | int]
"""Codes and counts, nobody's data."""

NOTHING: Details = {}

POSITIONS = 1 << 20
"""Positions of one submission: message i stands at ``number * POSITIONS + i``. Submissions are
numbered in commit order by the one writer (a stage when it begins), so positions are too."""


@dataclass(frozen=True, slots=True)
class Note:
    """A step to be recorded; ``who`` and ``why`` of what a person did."""

    kind: str
    submission: int | None
    message: int | None
    details: Details
    who: str = field(default="", repr=False)
    why: str = field(default="", repr=False)


@dataclass(slots=True)
class Work:
    """The writer's workplace; used by one transaction at a time.

    ``touched`` collects submissions whose result may read differently; ``dirty`` scope keys of
    which somebody may be let go; both are worked off at the end of each step.
    """

    connection: sqlite3.Connection
    border: Border
    clock: Clock
    answer_within: int
    """Microseconds after which an interim result is due."""
    numbers: dict[str, int] = field(init=False)
    lanes: dict[LaneKey, int] = field(default_factory=dict, init=False)
    systems: dict[int, str] = field(default_factory=dict, init=False)
    """The system of each lane."""
    touched: set[int] = field(default_factory=set, init=False)
    dirty: set[bytes] = field(default_factory=set, init=False)
    changes: Counter[tuple[int, str]] = field(default_factory=Counter, init=False)
    """How this transaction changes the number of messages by (lane, state)."""
    notes: list[Note] = field(default_factory=list, init=False)
    """What this transaction did and is to be recorded of it."""
    head: Head = field(init=False)
    """Where the audit trail ends, what this transaction has recorded so far included."""

    def __post_init__(self) -> None:
        self.numbers = dict(self.need("highest_numbers"))
        self.head = self._last_head()
        self.know_lanes(
            {
                row["number"]: LaneKey(row["system"], row["name"], bool(row["parallel"]))
                for row in self.all("lanes")
            }
        )

    def _last_head(self) -> Head:
        """Where the chain ends: at the last record, or, when all were purged, at the last head."""
        row = self.one("last_record") or self.one("last_checkpoint")
        return Head(0, GENESIS) if row is None else Head(row["number"], bytes(row["hash"]))

    def one(self, statement: str, *values: object) -> Any:
        """The first row, or None."""
        return self.connection.execute(STATEMENTS[statement], values).fetchone()

    def all(self, statement: str, *values: object) -> list[Any]:
        return self.connection.execute(STATEMENTS[statement], values).fetchall()

    def named(self, statement: str, **values: object) -> list[Any]:
        return self.connection.execute(STATEMENTS[statement], values).fetchall()

    def run(self, statement: str, *values: object) -> int:
        """Execute; returns how many rows changed."""
        return self.connection.execute(STATEMENTS[statement], values).rowcount

    def run_many(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        self.connection.executemany(STATEMENTS[statement], rows)

    def need(self, statement: str, *values: object) -> Row:
        """The one row there must be. Raises StoreError when there is none."""
        row: Row | None = self.one(statement, *values)
        if row is None:
            raise StoreError(
                "出站队列中没有这条记录",
                hint="请核对编号",
                details={"statement": statement, "values": values},
            )
        return row

    def next_number(self, table: str) -> int:
        self.numbers[table] += 1
        return self.numbers[table]

    def now(self) -> int:
        return to_micros(self.clock.now())

    def counted(self, lane: int, old: str, new: str, count: int = 1) -> None:
        """Note how many messages of a lane changed their state."""
        self.changes[lane, old] -= count
        self.changes[lane, new] += count

    def moved(self, message: Row, new: State, details: Details = NOTHING) -> None:
        """Note that a message changes its state, and its submission's result may with it."""
        self.counted(message["lane"], message["state"], new)
        self.touched.add(message["submission"])
        self.note(f"message.{new}", message["submission"], message["number"], details)

    def note(
        self,
        kind: str,
        submission: int | None = None,
        message: int | None = None,
        details: Details = NOTHING,
        *,
        who: str = "",
        why: str = "",
    ) -> None:
        """Have a step recorded in the audit trail. ``details`` are codes and counts, nobody's data."""
        self.notes.append(Note(kind, submission, message, details, who, why))

    def know_lanes(self, lanes: Mapping[int, LaneKey]) -> None:
        """Take these to be the lanes that there are."""
        self.lanes = {key: number for number, key in lanes.items()}
        self.systems = {number: key.system for number, key in lanes.items()}

    def reset(self) -> None:
        """Forget what the last transaction noted."""
        self.touched.clear()
        self.dirty.clear()
        self.changes = Counter()
        self.notes.clear()


SECOND_GAP = SECOND
"""Between two interim results at one address."""


def seconds(value: float) -> int:
    return round(value * SECOND)
