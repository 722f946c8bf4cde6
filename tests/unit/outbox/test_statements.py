"""Every statement has a name, every name is used, and every schema is reached by its migrations."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

import agent.outbox
from agent.errors import StoreDamaged
from agent.outbox import migrating
from agent.outbox.statements import STATEMENTS, load, resource

FOLDER = Path(agent.outbox.__path__[0])


def _used() -> set[str]:
    code = "\n".join(file.read_text(encoding="utf-8") for file in FOLDER.glob("*.py"))
    return {name for name in re.findall(r'"(\w+)"', code) if name in STATEMENTS}


def test_every_statement_is_used() -> None:
    assert set(STATEMENTS) - _used() == set()


def test_every_statement_is_one_that_the_schema_knows() -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript(resource("schema.sql"))
    for name, statement in STATEMENTS.items():
        names = set(re.findall(r":(\w+)", statement))
        values: object = dict.fromkeys(names, 0) if names else [0] * statement.count("?")
        connection.execute(f"EXPLAIN {statement}", values)  # type: ignore[call-overload]
        assert statement.endswith(";"), name
    connection.close()


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        load("-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;\n")


def test_descriptions_are_no_part_of_a_statement() -> None:
    assert load("-- name: a\n-- What it does.\nSELECT 1;\n\n-- ==== next\n") == {"a": "SELECT 1;"}


def _shape(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
    return [(name, " ".join(re.sub(r"--[^\n]*", "", sql).split())) for name, sql in rows]


def test_the_migrations_lead_to_the_schema_that_a_new_database_gets() -> None:
    fresh, migrated = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    migrating.prepare(fresh)
    for version, script in sorted(migrating.migrations().items()):
        migrated.executescript(script)
        assert version >= 1
    assert _shape(fresh) == _shape(migrated)
    fresh.close()
    migrated.close()


def test_migrations_are_numbered_without_a_gap() -> None:
    assert sorted(migrating.migrations()) == list(range(1, len(migrating.migrations()) + 1))


def test_an_older_database_is_brought_up_to_date_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(":memory:")
    migrating.prepare(connection)
    newest = max(migrating.migrations())
    more = {newest + 1: "CREATE TABLE one (x);", newest + 2: "ALTER TABLE one ADD COLUMN y;"}
    steps = migrating.migrations() | more
    monkeypatch.setattr(migrating, "migrations", lambda: steps)
    migrating.prepare(connection)
    assert connection.execute("PRAGMA user_version").fetchone() == (newest + 2,)
    assert [row[1] for row in connection.execute("PRAGMA table_info (one)")] == ["x", "y"]
    connection.close()


def test_a_migration_that_fails_leaves_the_version_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(":memory:")
    migrating.prepare(connection)
    newest = max(migrating.migrations())
    steps = migrating.migrations() | {newest + 1: "CREATE TABLE one (x); CREATE TABLE one (x);"}
    monkeypatch.setattr(migrating, "migrations", lambda: steps)
    with pytest.raises(sqlite3.OperationalError):
        migrating.prepare(connection)
    connection.rollback()
    assert connection.execute("PRAGMA user_version").fetchone() == (newest,)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'one'").fetchone() == (0,)
    connection.close()


def test_preparing_twice_changes_nothing_and_a_foreign_mark_is_refused() -> None:
    connection = sqlite3.connect(":memory:")
    migrating.prepare(connection)
    before = _shape(connection)
    migrating.prepare(connection)
    assert _shape(connection) == before
    connection.execute("PRAGMA application_id = 7")
    with pytest.raises(StoreDamaged):
        migrating.prepare(connection)
    connection.close()
