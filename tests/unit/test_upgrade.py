"""Upgrade in place: a new program takes over the data of an old one, with a message in doubt; never back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent import daemon as module
from agent.errors import StoreDamaged
from agent.outbox import migrating
from tests.unit.daemon_bench import BlackHole, DaemonBench

NEWER = max(migrating.migrations()) + 1
"""The schema of a program of the future."""


@pytest.fixture
def hole() -> Iterator[BlackHole]:
    hole = BlackHole()
    yield hole
    hole.close()


@pytest.fixture
def station(tmp_path: Path, hole: BlackHole, monkeypatch: pytest.MonkeyPatch) -> Iterator[DaemonBench]:
    """A workstation whose program was stopped with a message in flight."""
    monkeypatch.setattr(module, "DRAIN_WITHIN_S", 0.2)
    bench = DaemonBench(tmp_path, hole.url)
    bench.start()
    bench.admit("A1")
    hole.wait_for(1)
    bench.stop()
    yield bench
    bench.stop()


def _future(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = migrating.migrations() | {NEWER: "ALTER TABLE lane ADD COLUMN of_the_future INTEGER;"}
    monkeypatch.setattr(migrating, "migrations", lambda: steps)


def _version(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_the_new_program_migrates_the_data_and_goes_on_where_the_old_one_stopped(
    station: DaemonBench, hole: BlackHole, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = station.config.data / module.DATABASE
    assert _version(database) == NEWER - 1
    _future(monkeypatch)
    station.start()
    hole.wait_for(2)
    assert station.call("status")["messages"] == [{"lane": "510000001", "state": "inquiring", "count": 1}]
    station.stop()
    assert _version(database) == NEWER


def test_the_old_program_refuses_the_data_of_the_new_one_and_leaves_them_alone(
    station: DaemonBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = station.config.data / module.DATABASE
    with monkeypatch.context() as upgraded:
        _future(upgraded)
        station.start()
        station.stop()
    before = database.read_bytes()
    with pytest.raises(StoreDamaged, match=f"结构 {NEWER}，本程序最高支持 {NEWER - 1}") as caught:
        station.start()
    assert "更新的 his-agent 版本" in caught.value.hint
    assert database.read_bytes() == before
