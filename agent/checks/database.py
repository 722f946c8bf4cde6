"""Checks of the database without opening the outbox: opening repairs, and a check changes nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from agent.checks.model import Finding, Level
from agent.errors import AgentError, ConfigurationError
from agent.keys import DATA_KEY, KeyRing
from agent.outbox.key_state import read_key_state

HIGH_WATER: Final = "numbers.json"
"""The file of used numbers beside the database."""

_RESUME: Final = "请再执行一次 his-agent rekey --reason …，它会从中断的地方继续"


def check_database(path: Path, ring: KeyRing) -> Finding:
    """Whether ``path`` is a sound database whose key is at hand. Reads the whole file."""
    if not path.exists():
        return _judge_absence(path, ring)
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
        return _judge_key(path, ring)
    except AgentError as error:
        hint = f"请从备份恢复密钥 {DATA_KEY}，并确认是运行代理程序的账户"
        return Finding("outbox", Level.ERROR, str(path), f"数据库打不开：{error.message}", hint)


def _judge_absence(path: Path, ring: KeyRing) -> Finding:
    """A first start, or a database that went missing: then numbers that were used would be drawn again."""
    if not begins_anew(path, ring):
        return _finding(path, Level.OK, "数据库将在首次运行时建立")
    return _finding(
        path,
        Level.WARNING,
        "钥匙串里已有数据密钥，数据库和号段文件却不在：启动会建立空的数据库，流水号从头开始，可能与用过的重复",
        "首次启动请忽略；否则请先把原来的数据目录移回原处，或用 his-agent restore 从备份恢复，再启动",
    )


def begins_anew(path: Path, ring: KeyRing) -> bool:
    """Whether there is a data key, and nothing of what it sealed nor of the numbers that were used. Also so
    at a first start whose keys were given beforehand."""
    if path.exists() or path.with_name(HIGH_WATER).exists():
        return False
    try:
        return ring.has(DATA_KEY)
    except ConfigurationError:
        return False  # told by the check of the keyring


def _judge_key(path: Path, ring: KeyRing) -> Finding:
    """Raises KeyMissing, KeyRejected, ConfigurationError."""
    state, first = read_key_state(path), ring.data_key(create=False)
    if state.change is not None:
        return _finding(path, Level.ERROR, "更换数据密钥没有做完，代理程序不会启动", _RESUME)
    if state.key_of([first]) is not None:
        return _finding(path, Level.OK, "数据库完好，数据密钥与它相符")
    following = ring.next_data_key(create=False)
    if following is not None and state.key_of([following]) is not None:
        return _finding(path, Level.WARNING, "数据库已换用新的数据密钥，旧的还在钥匙串里", _RESUME)
    return _finding(
        path, Level.ERROR, "数据密钥与数据库不符", f"请从备份恢复与它相符的 {DATA_KEY}；数据未被改动"
    )


def _finding(path: Path, level: Level, message: str, hint: str = "") -> Finding:
    return Finding("outbox", level, str(path), message, hint)


def _damage(path: Path) -> str:
    """SQLite's own word on what is wrong, or ""."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (word,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            return "" if word == "ok" else str(word)
    except sqlite3.Error as error:
        return str(error)
