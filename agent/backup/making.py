"""Makes a backup while the outbox is in use."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from agent.backup.manifest import DATABASE, MANIFEST, NUMBERS, Manifest, digest_of
from agent.control.loopback import close_to_others
from agent.disk import flush_folder, reason, write_flushed
from agent.errors import ConfigurationError, StoreDamaged
from agent.faults import crash_point
from agent.outbox.connection import connect_reader, translated
from agent.outbox.key_state import key_state

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.outbox.base import Outbox


def make_backup(data: Path, outbox: Outbox, clock: Clock, target: Path, who: str, why: str) -> Manifest:
    """Copy the database of ``data`` into the new folder ``target``: aside, checked, flushed, renamed.

    Raises ConfigurationError when the folder is there or cannot be made, StoreError when the copy fails.
    """
    if not target.is_absolute() or target.exists():
        raise ConfigurationError(
            f"备份目录 {target} 已存在或不是绝对路径", hint="请给出一个还不存在的文件夹的完整路径"
        )
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.writing")
    try:
        aside.mkdir(mode=0o700)
        close_to_others(aside)
        manifest = _fill(data, outbox, clock, aside)
        crash_point("backup.before_rename")
        aside.rename(target)
        flush_folder(target.parent)
    except OSError as error:
        raise ConfigurationError(
            f"无法写入备份目录 {target}：{reason(error)}",
            hint="请检查磁盘空间，以及运行代理程序的账户对上级目录的权限",
            details={"errno": error.errno},
        ) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    with outbox.write() as tx:
        tx.record("backup.made", {"bytes": manifest.size, "key": manifest.key}, who=who, why=why)
    return manifest


def _fill(data: Path, outbox: Outbox, clock: Clock, aside: Path) -> Manifest:
    made_at, head = clock.now(), outbox.audit_head()
    copy = aside / DATABASE
    key = _copy(data / DATABASE, copy)
    if (data / NUMBERS).exists():
        write_flushed(aside / NUMBERS, (data / NUMBERS).read_bytes(), mode=0o600)
    manifest = Manifest(made_at, digest_of(copy), copy.stat().st_size, key, head.line())
    write_flushed(aside / MANIFEST, manifest.text().encode(), mode=0o600)
    flush_folder(aside)
    return manifest


def _copy(database: Path, copy: Path) -> int:
    """One snapshot, whole and sound; returns the number of its data key."""
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with translated(), closing(connect_reader(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        found = target.execute("PRAGMA quick_check(1)").fetchone()[0]
        number = key_state(target).number
    if found != "ok":
        raise StoreDamaged("备份出来的数据库不完好", hint="请检查磁盘，保留现场并联系技术支持")
    with copy.open("rb+") as file:
        os.fsync(file.fileno())
    return number
