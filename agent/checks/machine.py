"""Checks of the machine: its clock, its disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from agent.checks.model import Finding, Level
from agent.clock import BEIJING, Clock
from agent.disk import reason

_EARLIEST_YEAR: Final = 2025
_LATEST_YEAR: Final = 2099
_MEGABYTE: Final = 1024 * 1024
_LITTLE_MB: Final = 2048
_TOO_LITTLE_MB: Final = 256


def check_clock(clock: Clock) -> Iterator[Finding]:
    now = clock.now()
    if not _EARLIEST_YEAR <= now.year <= _LATEST_YEAR:
        yield Finding(
            "clock",
            Level.ERROR,
            now.date().isoformat(),
            "系统日期明显不对，流水号和期限都会出错",
            "请校准系统时间，并开启自动对时",
        )
    elif now.astimezone().utcoffset() != timedelta(hours=8):
        yield Finding(
            "clock",
            Level.WARNING,
            str(now.astimezone().tzname()),
            "系统时区不是北京时间（UTC+8）；代理程序按北京时间工作，但文件时间在别的程序里会显示不同",
            "请把系统时区设为中国标准时间",
        )
    else:
        yield Finding(
            "clock", Level.OK, now.astimezone(BEIJING).isoformat(timespec="seconds"), "系统时间正常"
        )


def check_disk(data: Path) -> Iterator[Finding]:
    try:
        free = shutil.disk_usage(data).free // _MEGABYTE
    except OSError as error:
        yield Finding(
            "disk", Level.ERROR, str(data), f"无法读取磁盘空间：{reason(error)}", "请检查数据目录是否存在"
        )
        return
    yield judge_free(data, free)


def judge_free(data: Path, free_mb: int) -> Finding:
    message = f"数据目录所在磁盘剩余 {free_mb} MB"
    if free_mb < _TOO_LITTLE_MB:
        return Finding("disk", Level.ERROR, str(data), message, "请立即清理磁盘；写满后会停止收件")
    if free_mb < _LITTLE_MB:
        return Finding("disk", Level.WARNING, str(data), message, "请清理磁盘或归档旧文件")
    return Finding("disk", Level.OK, str(data), message)
