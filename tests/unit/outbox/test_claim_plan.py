"""Claiming is one indexed look, whatever the backlog."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from agent.outbox.statements import STATEMENTS, resource

PENDING = 50_000


@pytest.fixture(scope="module")
def backlog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A backlog written straight into the tables: half of it eligible, half waiting for its visit."""
    connection = sqlite3.connect(tmp_path_factory.mktemp("backlog") / "outbox.db")
    connection.executescript(resource("schema.sql"))
    connection.execute("INSERT INTO lane VALUES (1, 'ministry', 'AK-1', 0)")
    connection.execute(
        "INSERT INTO submission (number, position, system, transaction_code, state, received_at, "
        "occurred_at, about_sealed) VALUES (1, 0, 'ministry', 'GYU101', 'queued', 0, 0, x'00')"
    )
    connection.executemany(
        "INSERT INTO message (number, submission, position, lane, transaction_code, state, unclear, "
        "interactive, serial, harmless, repeatable, beside, forced, blocks, blockable, expiry_blocks, "
        "stop_on_refusal) "
        "VALUES (?, 1, ?, 1, 'GYU101', 'ready', ?, ?, 1, 0, 0, 0, 0, 1, 1, 0, 0)",
        ((n, n, n % 2, n % 3 == 0) for n in range(1, PENDING + 1)),
    )
    connection.executemany("INSERT INTO draft VALUES (?, x'00')", ((n,) for n in range(1, PENDING + 1)))
    connection.executemany(
        "INSERT INTO chain VALUES (?, 3, ?, ?, 0, ?)",
        ((b"visit-%d" % (n // 2), n, n, n % 2 == 0) for n in range(1, PENDING + 1)),
    )
    connection.executemany(
        "INSERT INTO chain VALUES (x'AA', 2, ?, ?, 1, 1)", ((n, n) for n in range(1, PENDING + 1))
    )
    yield connection
    connection.close()


def _plan(connection: sqlite3.Connection, name: str, *values: object) -> list[str]:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {STATEMENTS[name]}", values)
    return [row[3] for row in rows]


@pytest.mark.parametrize(
    ("name", "values", "index"),
    [
        ("head_ready", (1, 1), "message_eligible (lane=?)"),
        ("head_ready_of_class", (1, 1, 1), "message_eligible (lane=? AND interactive=?)"),
        ("head_flying", (1, 1), "message_flying (lane=?)"),
        ("due_replies", (0, 1), "reply_due (due_at>? AND due_at<?)"),
        ("next_due", (), "reply_due (due_at>?)"),
        ("chain_any_unclear", (b"",), "chain_unclear (scope_key=?)"),
        ("chain_first", (b"", 3), "PRIMARY KEY (scope_key=? AND hold=?)"),
        ("chain_take", (1,), "chain_message (message=?)"),
        ("message_states", (1,), "message_submission (submission=?)"),
        ("fact", (b"", b""), "PRIMARY KEY (group_key=? AND member_key=?)"),
        ("facts_of_group", (b"",), "PRIMARY KEY (group_key=?)"),
        ("waiting_for", (b"",), "PRIMARY KEY (group_key=?)"),
        ("alias", (b"",), "PRIMARY KEY (scope_key=?)"),
        ("near_deadline", (0, 1), "deadline_warning (warn_at<?)"),
    ],
)
def test_a_statement_of_the_way_uses_its_index(
    backlog: sqlite3.Connection, name: str, values: tuple[object, ...], index: str
) -> None:
    first, *others = _plan(backlog, name, *values)
    assert index in first
    assert not any("SCAN" in step for step in [first, *others])
    if name != "head_flying":  # at most a handful are on the wire: these are sorted
        assert not any("B-TREE" in step for step in others)


SHARED_LATER = {"key": b"\xaa", "also": 3, "besides": 3, "position": 0, "message": 0}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("chain_later_clear", SHARED_LATER),
        ("chain_later_blockable", SHARED_LATER),
        ("chain_key_in_use", (b"\xaa",)),
        (
            "chain_conflict",
            {"key": b"\xaa", "hold": 2, "position": PENDING + 1, "message": PENDING + 1},
        ),
        ("head_ready", (1, 1)),
        ("head_ready_of_class", (1, 0, 1)),
        ("chain_any_unclear", (b"\xaa",)),
        ("chain_first", (b"\xaa", 2)),
        ("due_replies", (0, 100)),
    ],
)
def test_the_work_of_claiming_does_not_grow_with_the_backlog(
    backlog: sqlite3.Connection, name: str, values: tuple[object, ...] | dict[str, object]
) -> None:
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    backlog.set_progress_handler(count, 1)
    backlog.execute(STATEMENTS[name], values).fetchall()
    backlog.set_progress_handler(None, 0)
    assert 0 < steps < 120, "instructions of SQLite's machine; a scan would take some 500,000"


def test_removing_a_message_does_not_look_through_whole_tables_for_what_refers_to_it(
    backlog: sqlite3.Connection,
) -> None:
    backlog.execute("PRAGMA foreign_keys = ON")
    backlog.execute(
        "INSERT INTO message (number, submission, position, lane, transaction_code, state, interactive, "
        "serial, harmless, repeatable, beside, forced, blocks, blockable, expiry_blocks, stop_on_refusal) "
        "VALUES (900000, 1, 0, 1, 'x', 'cancelled', 1, 1, 0, 0, 0, 0, 1, 1, 0, 0)"
    )
    backlog.executemany(
        "INSERT INTO act (submission, message, what, at, note_sealed) VALUES (1, ?, 'x', 0, x'00')",
        ((n,) for n in range(1, 5000)),
    )
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    backlog.set_progress_handler(count, 1)
    backlog.execute(STATEMENTS["remove_message"], (900000,))
    backlog.set_progress_handler(None, 0)
    assert steps < 400
