"""Checks of the database without opening the outbox: opening repairs, and a check changes nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from agent.checks.model import Finding, Level
from agent.errors import AgentError
from agent.keys import DATA_KEY, KeyRing


def check_database(path: Path, ring: KeyRing) -> Finding:
    """Whether ``path`` is a sound database whose key is at hand. Reads the whole file."""
    if not path.exists():
        return Finding("outbox", Level.OK, str(path), "数据库将在首次运行时建立")
    damage = _damage(path)
    if damage:
        return Finding(
            "outbox",
            Level.ERROR,
            str(path),
            f"数据库读不出来：{damage}",
            "请先备份整个数据目录，再联系维护人员；不要删除数据库",
        )
    try:
        ring.data_key(create=False)
    except AgentError as error:
        hint = f"请从备份恢复密钥 {DATA_KEY}，并确认是运行代理程序的账户"
        return Finding("outbox", Level.ERROR, str(path), f"数据库打不开：{error.message}", hint)
    return Finding("outbox", Level.OK, str(path), "数据库完好，数据密钥在")


def _damage(path: Path) -> str:
    """SQLite's own word on what is wrong, or ""."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (word,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            return "" if word == "ok" else str(word)
    except sqlite3.Error as error:
        return str(error)
