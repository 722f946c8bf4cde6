"""The outbox on SQLite: opening and closing, writing, and the reading side."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from agent.audit.model import Head
from agent.clock import Clock, SystemClock
from agent.disk import PRIVATE, make_folder
from agent.errors import AgentError, StoreDamaged, StoreError
from agent.events import JsonObject, Outcome
from agent.outbox import auditing, migrating, outcomes
from agent.outbox import connection as opening
from agent.outbox.checkpointing import Checkpointer
from agent.outbox.model import (
    IN_CHAIN,
    DownloadTally,
    DueDownload,
    DueReply,
    FactView,
    LaneKey,
    LeftDownload,
    MessageView,
    ReplyAddress,
    SealedOutcome,
    WaitView,
)
from agent.outbox.ownership import take_ownership
from agent.outbox.reading import Reader
from agent.outbox.recovery import recover
from agent.outbox.sealed import Border, Sealer, pack, unpack
from agent.outbox.submissions import mark_replied
from agent.outbox.transaction import SqliteTransaction
from agent.outbox.work import Work, seconds
from agent.outbox.writer import Writer

ANSWER_WITHIN_S = 20.0


class SqliteOutbox:
    """See :class:`agent.outbox.base.Outbox`. Opening it puts in order what a crash left.

    ``answer_within_s``: when an interim result is due. Raises StoreLocked when another process owns the
    database, StoreDamaged when it is broken (it was moved aside), foreign or newer than this
    program (it was left alone), KeyMissing when ``sealer`` is not its key.
    """

    def __init__(
        self,
        path: Path,
        sealer: Sealer,
        *,
        clock: Clock | None = None,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        clock = clock or SystemClock()
        border = Border(sealer)
        self._noted: dict[int, int] = {}
        self._marking: dict[int, int] = {}
        make_folder(path.parent, PRIVATE)
        self._ownership = take_ownership(path, clock)
        try:
            connection = _open(path, border, clock, check=not self._ownership.machine_ran_on)
            self._open_sides(path, connection, border, clock, answer_within_s)
        except BaseException:
            self._ownership.release(well=False)
            raise

    def _open_sides(
        self, path: Path, connection: sqlite3.Connection, border: Border, clock: Clock, within_s: float
    ) -> None:
        try:
            with opening.translated():
                self._work = Work(connection, border, clock, seconds(within_s))
                self._writer = Writer(connection)
                self._tally = _kept_tally(self._work, trusted=self._ownership.closed_well)
                self._lanes = {number: key for key, number in self._work.lanes.items()}
                self._tally_lock = threading.Lock()
                self._head = self._work.head
                self._checkpointer = Checkpointer(path)
                with self._commit(urgent=True):
                    self.recovered = recover(self._work)
                self._reader = Reader(opening.connect_reader(path), border)
                self._quick = Reader(opening.connect_reader(path), border)
                """Of those who hold a scanner or a line, which no long question of a person occupies."""
                self._telling = Reader(opening.connect_reader(path), border, polite=True)
                """Of the reply writer alone: a large result takes long, and longer while others go first."""
        except BaseException:
            connection.close()
            raise

    # -- writing ------------------------------------------------------------------------------------
    @contextmanager
    def write(self, *, urgent: bool = False) -> Iterator[SqliteTransaction]:
        with self._commit(urgent=urgent):
            yield SqliteTransaction(self._work)

    @contextmanager
    def _commit(self, *, urgent: bool) -> Iterator[None]:
        with self._writer.transaction(urgent=urgent, committed=self._note):
            self._work.reset()
            # What an earlier block, or its commit, failed to keep is not known any more.
            self._work.know_lanes(self._lanes)
            self._marking = dict(self._noted)
            self._work.head = self._head
            mark_replied(self._work, self._marking.items())
            yield
            auditing.flush(self._work)

    def seal(self, system: str, message: int, outcome: Outcome) -> SealedOutcome:
        return outcomes.seal(self._work.border, system, message, outcome)

    def note_replied(self, replies: Iterable[tuple[int, int]]) -> None:
        self._noted.update(replies)

    def flush_replied(self) -> None:
        if self._noted:
            with self._commit(urgent=False):
                pass

    def _note(self) -> None:
        """Remember what the commit changed; what it marked is noted no more, unless a later revision is."""
        for reply, revision in self._marking.items():
            if self._noted.get(reply) == revision:
                del self._noted[reply]
        self._head = self._work.head
        self._checkpointer.committed(self._work.connection.total_changes)
        with self._tally_lock:
            self._tally.update(self._work.changes)
            if len(self._lanes) != len(self._work.lanes):
                self._lanes = {number: key for key, number in self._work.lanes.items()}

    # -- reading ------------------------------------------------------------------------------------
    def lanes(self) -> tuple[LaneKey, ...]:
        with self._tally_lock:
            busy = {lane for (lane, state), count in self._tally.items() if count and state in IN_CHAIN}
            return tuple(self._lanes[lane] for lane in sorted(busy))

    def counts(self) -> dict[tuple[str, str], int]:
        """Messages by lane and state, all systems' lanes of a name together."""
        counts: Counter[tuple[str, str]] = Counter()
        with self._tally_lock:
            for (lane, state), count in self._tally.items():
                counts[self._lanes[lane].lane, str(state)] += count
        return {key: count for key, count in counts.items() if count}

    def due_replies(self, now: datetime, limit: int, *, skip: frozenset[int] = frozenset()) -> list[DueReply]:
        return self._telling.due_replies(now, limit, skip | frozenset(self._noted))

    def waits(self) -> list[WaitView]:
        return self._quick.waits()

    def scan_known(self, event_id: str) -> bool:
        return self._quick.scan_known(event_id)

    def next_reply_at(self) -> datetime | None:
        return self._telling.next_reply_at()

    def due_downloads(self, limit: int, *, skip: frozenset[int] = frozenset()) -> list[DueDownload]:
        return self._reader.due_downloads(limit, skip)

    def left_downloads(self) -> list[LeftDownload]:
        return self._reader.left_downloads()

    def download_tallies(self) -> list[DownloadTally]:
        return self._reader.download_tallies()

    def runs(self) -> dict[tuple[str, str], datetime]:
        return self._reader.runs()

    def reserved(self) -> dict[tuple[str, str], int]:
        return self._reader.reserved()

    def messages(self, *, state: str = "", system: str = "", limit: int = 100) -> list[MessageView]:
        return self._reader.messages(state, system, limit)

    def message(self, number: int) -> MessageView | None:
        return self._reader.message(number)

    def history(self, message: int) -> list[JsonObject]:
        return self._reader.history(message)

    def result(self, submission: int) -> JsonObject | None:
        return self._reader.result(submission)

    def body(self, submission: int) -> JsonObject | None:
        return self._reader.body(submission)

    def content(self, submission: int, digest: str) -> bytes:
        return self._quick.content(submission, digest)

    def messages_by_wire_id(self, wire_id: str) -> tuple[int, ...]:
        return self._reader.messages_by_wire_id(wire_id)

    def messages_of(self, submission: int) -> list[MessageView]:
        return self._reader.messages_of(submission)

    def near_deadline(self, now: datetime, limit: int = 20) -> list[MessageView]:
        return self._reader.near_deadline(now, limit)

    def facts(self, text: str, *, system: str = "", limit: int = 100) -> list[FactView]:
        with self._tally_lock:
            known = sorted({key.system for key in self._lanes.values()})
        return self._reader.facts(text, [system] if system else known, limit)

    def purgeable(self, before: datetime) -> int:
        return self._reader.count("purgeable_count", before)

    def purgeable_audit(self, before: datetime) -> int:
        return self._reader.count("purgeable_records", before)

    def acknowledged(self, before: datetime) -> list[tuple[ReplyAddress, JsonObject]]:
        return self._reader.acknowledged(before)

    def audit_records(self, after: int, limit: int) -> list[JsonObject]:
        return self._reader.audit_records(after, limit)

    def damaged_values(self) -> list[tuple[str, str]]:
        return self._reader.damaged_values()

    def damaged_notes(self) -> list[int]:
        return self._reader.damaged_notes()

    def audit_head(self) -> Head:
        return self._head

    def last_signed(self) -> datetime | None:
        return self._reader.last_signed()

    def lapsed(self, now: datetime, limit: int = 100) -> list[int]:
        return self._reader.lapsed(now, limit)

    def close(self) -> None:
        """Closing writes the log back into the database and gives up ownership. A store that cannot be
        written any more is closed all the same; the next opening then counts anew."""
        try:
            with self._commit(urgent=True):
                _keep_tally(self._work, self._tally)
            well = True
        except StoreError:
            well = False
        self._checkpointer.close()
        self._reader.close()
        self._quick.close()
        self._telling.close()
        self._writer.close()
        self._ownership.release(well=well)


def _kept_tally(work: Work, *, trusted: bool) -> Counter[tuple[int, str]]:
    """How many messages each lane has in each state: as the last close kept it, else counted."""
    row = work.one("meta", "tally") if trusted else None
    if row is not None:
        return Counter({(lane, state): count for lane, state, count in unpack(row["value"])})
    return Counter({(row["lane"], row["state"]): row["count"] for row in work.all("tally")})


def _keep_tally(work: Work, tally: Counter[tuple[int, str]]) -> None:
    kept = [[lane, state, count] for (lane, state), count in tally.items() if count]
    work.run("set_meta", "tally", pack(kept))


def _open(path: Path, border: Border, clock: Clock, *, check: bool) -> sqlite3.Connection:
    """A database that is ours, whole and of this schema."""
    try:
        connection = opening.connect_writer(path)
        try:
            if check:
                _demand_whole(connection)
            migrating.prepare(connection)
            migrating.demand_key(connection, border)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise _opening_failed(path, clock, opening.translate(error)) from error
    except _Broken as error:
        raise _opening_failed(path, clock, StoreDamaged("", details={"check": str(error)})) from error
    return connection


class _Broken(Exception):
    """SQLite's own check found damage."""


def _demand_whole(connection: sqlite3.Connection) -> None:
    """After an end that was not a close: let SQLite look at every page."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise _Broken(found)


def _opening_failed(path: Path, clock: Clock, error: AgentError) -> AgentError:
    if not isinstance(error, StoreDamaged):
        return error
    kept = opening.move_aside(path, clock.now())
    return StoreDamaged(
        f"出站队列的数据库已损坏，原文件已保存为 {kept.name}",
        hint="请保留该文件并联系技术支持；未完成的业务需从备份恢复或向平台核对后再继续",
        details={"kept": kept.name, **error.details},
    )
