"""Checks of the folders: there, writable, and on the volumes where renaming works."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from agent.checks.model import Finding, Level
from agent.config.model import AgentConfig, FolderConfig
from agent.disk import reason

_KINDS = ("inbox", "results", "archive", "rejected", "taking")


def check_folders(config: AgentConfig) -> Iterator[Finding]:
    if not config.systems:
        yield Finding(
            "systems",
            Level.ERROR,
            str(config.path),
            "没有配置任何系统，收到的文件无处可送",
            "请在配置文件里启用 [systems.…] 一节",
        )
    yield from _check_data(config.data)
    yield from _check_made_later("downloads", "下载文件夹", config.downloads)
    yield from _check_made_later("scans", "扫码文件夹", config.scans)
    told: set[Path] = set()
    for folder in config.folders:
        faults = {getattr(folder, kind): found for kind in _KINDS for found in _check_one(folder, kind)}
        yield from (found for path, found in faults.items() if path not in told)
        told |= faults.keys()
        if not faults:
            yield from _check_volumes(folder) or [
                Finding("folder", Level.OK, folder.name, f"收件文件夹正常：{folder.inbox}")
            ]


def _check_data(data: Path) -> Iterator[Finding]:
    problem = _unusable(data)
    if problem:
        yield Finding("data", Level.ERROR, str(data), f"数据目录{problem}", _hint(data))
    elif os.name == "posix" and stat.S_IMODE(data.stat().st_mode) & 0o007:
        yield Finding(
            "data",
            Level.WARNING,
            str(data),
            "其他账户可以读取数据目录",
            f"请收紧权限：chmod o-rwx {data}",
        )
    else:
        yield Finding("data", Level.OK, str(data), "数据目录可用")


def _check_made_later(name: str, what: str, path: Path) -> Iterator[Finding]:
    """One that is not there is made with the first file."""
    problem = _unusable(path) if path.exists() else ""
    if problem:
        yield Finding(name, Level.ERROR, str(path), f"{what}{problem}", _hint(path))


def unread_scans(scans: Path, before: datetime) -> int:
    """How many files in ``scans/`` came before a moment, and no HIS has removed or marked them. A folder that
    cannot be read says nothing about its files."""
    try:
        with os.scandir(scans) as entries:
            found = {entry.name: entry.stat().st_mtime for entry in entries if entry.is_file()}
    except OSError:
        return 0
    latest = before.timestamp()
    return sum(
        at <= latest and name.endswith(".json") and f"{name}.ack" not in found for name, at in found.items()
    )


def check_scans(config: AgentConfig, now: datetime) -> Iterator[Finding]:
    """Scans that were kept for the HIS and left for long, as downloads are told of."""
    count = unread_scans(config.scans, now - timedelta(hours=config.unread_after_h))
    if count:
        yield Finding(
            "scans",
            Level.WARNING,
            str(config.scans),
            f"{count} 个扫码或读卡的文件超过 {config.unread_after_h:g} 小时没有取走",
            "请让 HIS 读取后删除，或配置 [unasked.<名称>] 使其成为业务",
        )


def _check_one(folder: FolderConfig, kind: str) -> Iterator[Finding]:
    path: Path = getattr(folder, kind)
    problem = _unusable(path)
    if problem:
        where = f"folders.{folder.name}.{kind}"
        yield Finding("folder", Level.ERROR, where, f"{path} {problem}", _hint(path))


def _check_volumes(folder: FolderConfig) -> list[Finding]:
    """Taking is a rename; between volumes that would be a copy, which a crash can cut in half."""
    if folder.inbox.stat().st_dev == folder.taking.stat().st_dev:
        return []
    return [
        Finding(
            "folder",
            Level.ERROR,
            f"folders.{folder.name}.taking",
            f"{folder.taking} 与收件文件夹不在同一个盘（卷）上",
            "请把 taking 改到收件文件夹所在的盘上，或不填",
        )
    ]


def _unusable(path: Path) -> str:
    """Why the agent cannot work in ``path`` (Chinese), or "". Tries by really writing a file."""
    if not path.exists():
        return "不存在"
    if not path.is_dir():
        return "不是文件夹"
    probe = path / f".his-agent-check-{secrets.token_hex(4)}.tmp"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return f"不可写（{reason(error)}）"
    return ""


def _hint(path: Path) -> str:
    if path.exists():
        return "请给运行代理程序的账户读写权限"
    return "运行 his-agent init 可以建立缺少的文件夹；共享目录请检查网络和账户"
