"""Opening the database with durable settings, and its errors in our words."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from agent.errors import StoreDamaged, StoreError, StoreFull, StoreLocked

BUSY_MS = 5000
"""How long a statement waits for somebody who looks into the file with another program."""

_WRITER_CACHE_KIB = 8192
_READER_CACHE_KIB = 2048
_BACKSTOP_PAGES = 4096
"""The log is written back by a thread of its own (``checkpointing``); if that is late, by a commit."""


# -- connections --------------------------------------------------------------------------------------
def connect_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes: every commit is on the disk when it returns, and what is
    deleted is overwritten."""
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return _connect(
        path,
        _WRITER_CACHE_KIB,
        "journal_mode = WAL",
        "synchronous = FULL",
        "secure_delete = ON",
        "foreign_keys = ON",
        "journal_size_limit = 16777216",
        f"wal_autocheckpoint = {_BACKSTOP_PAGES}",
    )


def connect_checkpointer(path: Path) -> sqlite3.Connection:
    """Writes the log back; flushes both files around it as the writer would."""
    return _connect(path, _READER_CACHE_KIB, "synchronous = FULL")


def connect_reader(path: Path) -> sqlite3.Connection:
    return _connect(path, _READER_CACHE_KIB, "query_only = ON")


def _connect(path: Path, cache_kib: int, *pragmas: str) -> sqlite3.Connection:
    """An open connection, or none at all: Windows lets no open file be moved aside. Closing one that
    failed would take the write-ahead log of a damaged database with it; that is kept."""
    connection = sqlite3.connect(
        path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.row_factory = sqlite3.Row
    try:
        for pragma in (f"cache_size = -{cache_kib}", "temp_store = MEMORY", *pragmas):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        _close_keeping_log(connection, path)
        raise
    return connection


def _close_keeping_log(connection: sqlite3.Connection, path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    copy = path.with_name(f"{path.name}-wal.kept")
    if log.exists():
        shutil.copyfile(log, copy)
    connection.close()
    if copy.exists():
        copy.replace(log)


# -- errors -----------------------------------------------------------------------------------------------
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


@contextmanager
def translated() -> Iterator[None]:
    """Let SQLite's errors be ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error) from error


def translate(error: sqlite3.Error) -> StoreError:
    """What an error of SQLite means to the one who has to mend it."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    details = {"sqlite": name}
    if primary in _DAMAGE:
        return StoreDamaged(
            "出站队列的数据库已损坏", hint="请保留现场并重新启动服务；损坏的文件会被移开保存", details=details
        )
    if primary == sqlite3.SQLITE_FULL:
        return StoreFull(
            "磁盘空间不足，出站队列暂时不能写入", hint="请清理磁盘空间，服务会自动恢复", details=details
        )
    if primary in _LOCKED:
        return StoreLocked(
            "出站队列的数据库被其他程序锁住", hint="请关闭正在打开该数据库的程序", details=details
        )
    return StoreError("出站队列的数据库读写失败", hint="请检查磁盘与文件权限", details=details)


# -- damage ---------------------------------------------------------------------------------------------
def move_aside(path: Path, now: datetime) -> Path:
    """Keep a damaged database, with its log, under another name; returns that name."""
    kept = _free_name(path.with_name(f"{path.name}.damaged-{now:%Y%m%dT%H%M%S}"))
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(kept.with_name(kept.name + suffix))
    return kept


def _free_name(wanted: Path) -> Path:
    free, number = wanted, 1
    while free.exists():
        number += 1
        free = wanted.with_name(f"{wanted.name}.{number}")
    return free
