"""Bringing a database to this schema, and refusing one that is not ours or is newer than we are."""

from __future__ import annotations

import sqlite3
from importlib.resources import files

from agent.errors import CryptoError, KeyMissing, StoreDamaged
from agent.outbox.sealed import Border
from agent.outbox.statements import STATEMENTS, resource

APPLICATION_ID = 0x48495341
"""Marks a database as an outbox of the agent ("HISA")."""

KEY_CHECK = "his-agent outbox"


def migrations() -> dict[int, str]:
    """The migrations by the version that they lead to: ``0002_….sql`` leads from 1 to 2."""
    folder = files("agent.outbox").joinpath("migrations")
    return {
        int(file.name.partition("_")[0]): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }


def prepare(connection: sqlite3.Connection) -> None:
    """Create the schema, or bring it up to date. Raises StoreDamaged for a foreign or newer one."""
    steps = migrations()
    newest = max(steps)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    empty = connection.execute("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]
    if not empty:
        _demand_ours(connection, version, newest)
    if version == 0:
        _apply(connection, resource("schema.sql"), newest)
    for step in range(version + 1 if version else newest + 1, newest + 1):
        _apply(connection, steps[step], step)


def _demand_ours(connection: sqlite3.Connection, version: int, newest: int) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID or version == 0:
        raise StoreDamaged(
            "该文件不是 his-agent 的出站队列数据库", hint="请检查数据目录的配置", details={"version": version}
        )
    if version > newest:
        raise StoreDamaged(
            f"出站队列由更新的版本建立（结构 {version}，本程序最高支持 {newest}）",
            hint="请安装与数据相符或更新的 his-agent 版本；数据未被改动",
            details={"version": version, "newest": newest},
        )


def _apply(connection: sqlite3.Connection, script: str, version: int) -> None:
    """One step, whole or not at all."""
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{script}\n"
        f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {version:d};\nCOMMIT;"
    )


def demand_key(connection: sqlite3.Connection, border: Border) -> None:
    """Check that the data key is this database's; the first one to open it leaves its mark.

    Raises KeyMissing for another key: that is no damage, and nothing is changed.
    """
    row = connection.execute(STATEMENTS["meta"], ("key_check",)).fetchone()
    if row is None:
        sealed = border.seal("meta|value", "key_check", KEY_CHECK)
        connection.execute(STATEMENTS["set_meta"], ("key_check", sealed))
        return
    try:
        border.open("meta|value", "key_check", row["value"])
    except CryptoError as error:
        raise KeyMissing(
            "数据密钥与出站队列的数据库不符", hint="请从密钥备份恢复该数据库的数据密钥；数据未被改动"
        ) from error
