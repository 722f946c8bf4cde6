"""What took effect on the rehearsed platform, how often and in which order.

Append-only. An *effect* is one business row that came to be (``+1``) or was revoked (``-1``), under
a key that names the row for ever (``fee:institution/stay/row``), so an agent that sends a row twice
shows as a key that came to be twice. A *call* is one request that arrived, with what befell it and
how many calls of its lane were still running when it came.

With a file every line is written before the answer leaves, effects together with the command that
caused them: a killed server reads its file again and knows what it had committed. The commands hold
business data, so the file is readable by its owner only; rehearse with invented people.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from agent.clock import Clock
from agent.errors import ConfigurationError
from agent.events import JsonObject
from agent.rehearsal.ledger_file import LedgerFile, mend, read_lines, unreadable

FORMAT = 1


class Effect(NamedTuple):
    """A business row that came to be or was revoked. ``visit`` names the stay or order it is about."""

    key: str
    visit: str = ""
    change: int = 1


class Entry(NamedTuple):
    """An effect as the ledger keeps it; ``order`` starts at 1 and has no gaps."""

    order: int
    at: str
    transaction: str
    lane: str
    wire_id: str
    key: str
    visit: str
    change: int


class CallEntry(NamedTuple):
    """A request that has ended. ``beside``: calls of its lane running when it arrived. ``faults``: names."""

    number: int
    at: str
    ended_at: str
    transaction: str
    lane: str
    wire_id: str
    beside: int
    faults: tuple[str, ...]
    status: int
    code: str


@dataclass(frozen=True, slots=True)
class Command:
    """What a protocol needs to come to the same state again, and when it was done."""

    at: datetime
    body: JsonObject = field(repr=False)


@dataclass(slots=True)
class _Running:
    at: str
    transaction: str
    lane: str
    wire_id: str
    beside: int


@dataclass(slots=True)
class _Book:
    """All that a reset forgets."""

    entries: list[Entry] = field(default_factory=list)
    calls: list[CallEntry] = field(default_factory=list)
    balance: Counter[str] = field(default_factory=Counter)
    highest: Counter[str] = field(default_factory=Counter)


class Ledger:
    """Safe to use from several threads. ``identity`` names what the state starts from (a seed's digest):
    a file that began with another one is refused. Raises ConfigurationError.
    """

    def __init__(self, clock: Clock, path: Path | None = None, identity: str = "") -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._book = _Book()
        self._running: dict[int, _Running] = {}
        self._arrived = 0
        self._commands: list[Command] = []
        self._file: LedgerFile | None = None
        if path is not None:
            if path.exists():
                self._replay_file(path, identity)  # first: what is no ledger must not be touched
                mend(path)
            self._file = LedgerFile(path)
            self._write({"line": "start", "format": FORMAT, "at": self._now(), "identity": identity})

    def take_commands(self) -> Sequence[Command]:
        """The commands that the file held, once, for the protocol to restore its state from."""
        commands, self._commands = self._commands, []
        return commands

    def commit(
        self,
        transaction: str,
        lane: str,
        wire_id: str,
        effects: Sequence[Effect],
        command: JsonObject,
        at: datetime,
    ) -> None:
        """Keep a call's effects and its command. Call it while holding the state's own lock."""
        moment = at.isoformat(timespec="milliseconds")
        line = {
            "line": "commit",
            "at": moment,
            "transaction": transaction,
            "lane": lane,
            "wire_id": wire_id,
            "effects": [list(effect) for effect in effects],
            "command": command,
        }
        with self._lock:
            self._write(line)
            self._enter(moment, transaction, lane, wire_id, effects)

    def begin(self, transaction: str, lane: str, wire_id: str) -> int:
        """A call has arrived; its number, for ``end``."""
        with self._lock:
            beside = sum(1 for running in self._running.values() if running.lane == lane)
            self._arrived += 1
            self._running[self._arrived] = _Running(self._now(), transaction, lane, wire_id, beside)
            return self._arrived

    def end(self, number: int, faults: tuple[str, ...], status: int, code: str) -> None:
        """A call has been answered, or has been decided not to be (status 0)."""
        with self._lock:
            running = self._running.pop(number)
            call = CallEntry(
                number,
                running.at,
                self._now(),
                running.transaction,
                running.lane,
                running.wire_id,
                running.beside,
                faults,
                status,
                code,
            )
            self._write({"line": "call", **call._asdict()})
            self._book.calls.append(call)

    def reset(self) -> None:
        """Forget everything, in the file by a line that says so."""
        with self._lock:
            self._write({"line": "reset", "at": self._now()})
            self._book = _Book()

    def entries(
        self,
        since: int = 0,
        limit: int = 1000,
        *,
        transaction: str = "",
        lane: str = "",
        visit: str = "",
        key: str = "",
    ) -> list[Entry]:
        """Effects in their order, after order number ``since``; empty filters match all."""
        wanted = (transaction, lane, visit, key)
        with self._lock:
            after = self._book.entries[since:]
        found = (
            entry
            for entry in after
            if all(
                not want or want == have
                for want, have in zip(
                    wanted, (entry.transaction, entry.lane, entry.visit, entry.key), strict=True
                )
            )
        )
        return [entry for entry, _ in zip(found, range(limit), strict=False)]

    def calls(self, since: int = 0, limit: int = 1000) -> list[CallEntry]:
        """Ended calls in the order of their ends, skipping the first ``since``."""
        with self._lock:
            return self._book.calls[since : since + limit]

    def standing(self, key: str) -> int:
        """How often the row exists now: came to be minus revoked."""
        with self._lock:
            return self._book.balance[key]

    def duplicates(self) -> dict[str, int]:
        """Rows that at some moment existed more than once, with how often."""
        with self._lock:
            return {key: times for key, times in self._book.highest.items() if times > 1}

    def reused_wire_ids(self) -> list[str]:
        """Wire ids that more than one call carried; every call must draw a new one."""
        with self._lock:
            used = Counter((call.lane, call.wire_id) for call in self._book.calls if call.wire_id)
        return sorted(wire_id for (_, wire_id), times in used.items() if times > 1)

    def overlaps(self) -> list[CallEntry]:
        """Calls that arrived while another of their lane was still running."""
        with self._lock:
            return [call for call in self._book.calls if call.beside]

    def summary(self) -> JsonObject:
        """The counts that a test looks at first."""
        with self._lock:
            effects = Counter(entry.transaction for entry in self._book.entries)
            calls = Counter(call.transaction for call in self._book.calls)
            last = len(self._book.entries)
            running = len(self._running)
        return {
            "effects": dict(effects),
            "calls": dict(calls),
            "running": running,
            "last_order": last,
            "duplicates": self.duplicates(),
            "reused_wire_ids": self.reused_wire_ids(),
            "overlaps": len(self.overlaps()),
        }

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _enter(self, at: str, transaction: str, lane: str, wire_id: str, effects: Iterable[Effect]) -> None:
        book = self._book
        for effect in effects:
            order = len(book.entries) + 1
            book.entries.append(
                Entry(order, at, transaction, lane, wire_id, effect.key, effect.visit, effect.change)
            )
            book.balance[effect.key] += effect.change
            book.highest[effect.key] = max(book.highest[effect.key], book.balance[effect.key])

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")

    def _write(self, line: JsonObject) -> None:
        if self._file is not None:
            self._file.write(line)

    def _replay_file(self, path: Path, identity: str | None) -> None:
        try:
            for line in read_lines(path):
                self._replay(line, identity)
        except (ValueError, KeyError, TypeError) as error:
            raise unreadable(path) from error

    def _replay(self, line: dict[str, Any], identity: str | None) -> None:
        kind = line["line"]
        if kind == "start":
            if line["format"] != FORMAT or identity not in (None, line["identity"]):
                raise ConfigurationError(
                    "台账文件来自另一份初始数据", hint="请换一个台账文件，或删除旧文件后重新开始演练"
                )
        elif kind == "reset":
            self._book = _Book()
            self._commands = []
        elif kind == "call":
            self._replay_call(line)
        elif kind == "commit":
            effects = [Effect(*effect) for effect in line["effects"]]
            self._enter(line["at"], line["transaction"], line["lane"], line["wire_id"], effects)
            self._commands.append(Command(datetime.fromisoformat(line["at"]), line["command"]))
        else:
            raise ValueError(kind)

    def _replay_call(self, line: dict[str, Any]) -> None:
        fields = {name: line[name] for name in CallEntry._fields}
        call = CallEntry(**{**fields, "faults": tuple(fields["faults"])})
        self._arrived = max(self._arrived, call.number)
        self._book.calls.append(call)


def read_ledger(path: Path, clock: Clock) -> Ledger:
    """What a server's file says, whether that server runs or not; nothing is written to it.

    Raises ConfigurationError for a file that is no ledger.
    """
    ledger = Ledger(clock)
    ledger._replay_file(path, None)
    return ledger
