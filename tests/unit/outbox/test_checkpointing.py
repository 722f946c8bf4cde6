"""The log is written back beside the writers: by a thread of its own, not within a commit."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.outbox import checkpointing
from agent.outbox.checkpointing import CHANGES, Checkpointer
from agent.outbox.connection import connect_writer

PATIENCE_S = 10.0


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = connect_writer(tmp_path / "outbox.db")
    connection.execute("CREATE TABLE note (text TEXT)")
    yield connection
    connection.close()


@pytest.fixture
def written_back(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when the thread has written the log back once."""
    done, original = threading.Event(), Checkpointer._write_back

    def observed(checkpointer: Checkpointer, connection: sqlite3.Connection) -> None:
        original(checkpointer, connection)
        done.set()

    monkeypatch.setattr(Checkpointer, "_write_back", observed)
    return done


def write(connection: sqlite3.Connection, rows: int) -> int:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO note VALUES (?)", [("x" * 2000,)] * rows)
    connection.execute("COMMIT")
    return connection.total_changes


def in_database(tmp_path: Path) -> int:
    return (tmp_path / "outbox.db").stat().st_size


def test_a_commit_leaves_the_log_alone_and_the_thread_writes_it_back(
    tmp_path: Path, writer: sqlite3.Connection, written_back: threading.Event
) -> None:
    checkpointer = Checkpointer(tmp_path / "outbox.db")
    changes = write(writer, 3 * CHANGES)
    before = in_database(tmp_path)
    checkpointer.committed(changes)
    assert written_back.wait(PATIENCE_S)
    checkpointer.close()
    assert before < 100_000
    assert in_database(tmp_path) > 3 * CHANGES * 2000


def test_few_changes_start_no_thread(tmp_path: Path, writer: sqlite3.Connection) -> None:
    checkpointer = Checkpointer(tmp_path / "outbox.db")
    before = threading.active_count()
    checkpointer.committed(write(writer, CHANGES - 1))
    assert threading.active_count() == before
    checkpointer.close()


def test_when_the_thread_is_late_a_commit_writes_the_log_back(
    tmp_path: Path, writer: sqlite3.Connection
) -> None:
    write(writer, 10_000)
    assert in_database(tmp_path) > 20_000_000


def test_a_log_that_cannot_be_written_back_is_told_and_stops_nobody(
    tmp_path: Path,
    writer: sqlite3.Connection,
    written_back: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[dict[str, str]] = []

    class Log:
        def warning(self, _event: str, **details: str) -> None:
            told.append(details)

    class Broken:
        def execute(self, _statement: str) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        def close(self) -> None:
            told.append({"closed": "yes"})

    monkeypatch.setattr(checkpointing, "connect_checkpointer", lambda _path: Broken())
    monkeypatch.setattr(checkpointing, "log", Log())
    checkpointer = Checkpointer(tmp_path / "outbox.db")
    checkpointer.committed(write(writer, CHANGES))
    assert written_back.wait(PATIENCE_S)
    write(writer, 1)
    checkpointer.close()
    assert told == [{"sqlite": "OperationalError"}, {"closed": "yes"}]
