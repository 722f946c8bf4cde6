"""Which files are old enough to go. Looks only; follows no link and leaves no folder.

Names of files may be a patient's: none of them appears in a log or an error.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Final

from agent.retention.ages import came_at

READ: Final = ".ack"
"""``page.json.ack`` beside ``page.json`` says that the HIS has read it."""
_DAY_PARTS: Final = (re.compile(r"\d{4}"), re.compile(r"\d{2}"), re.compile(r"\d{2}"))


def archived(folder: Path, before: date) -> Iterator[Path]:
    """Files of ``YYYY/MM/DD`` folders of days before one. Other folders are not the agent's."""
    for day, path in _days(folder):
        if day < before:
            yield from _files(path)


def archived_since(folder: Path, first: date) -> Iterator[Path]:
    """Files of ``YYYY/MM/DD`` folders of a day and later ones, oldest day first."""
    for day, path in sorted(_days(folder)):
        if day >= first:
            yield from _files(path)


def emptied(folder: Path, before: date) -> Iterator[Path]:
    """Folders of days, months and years before a day, innermost first: to be removed when they are empty."""
    days = [path for day, path in _days(folder) if day < before]
    months = {path.parent for path in days}
    yield from days
    yield from sorted(months)
    yield from sorted({path.parent for path in months})


def older(folder: Path, before: datetime) -> Iterator[Path]:
    """Files that came here before a time (:func:`came_at`)."""
    limit = before.timestamp()
    for path in _files(folder):
        if came_at(path) < limit:
            yield path


def rotated(log: Path, before: datetime) -> Iterator[Path]:
    """Former log files that were finished before a time; never the one that is being written."""
    name = re.compile(re.escape(log.name) + r"\.\d+")
    for path in _files(log.parent):
        if name.fullmatch(path.name) and path.lstat().st_mtime < before.timestamp():
            yield path


def read_downloads(folder: Path, before: datetime) -> Iterator[Path]:
    """Downloads that were marked as read before a time, each followed by its mark."""
    for transaction in _folders(folder):
        yield from read_files(transaction, before)


def read_files(folder: Path, before: datetime) -> Iterator[Path]:
    """Files that were marked as read before a time, each followed by its mark."""
    for mark in _files(folder):
        page = mark.with_name(mark.name.removesuffix(READ))
        if mark.name.endswith(READ) and mark.lstat().st_mtime < before.timestamp():
            if page.is_file():
                yield page
            yield mark


def _days(folder: Path) -> Iterator[tuple[date, Path]]:
    for path in _matching(_matching(_matching([folder], 0), 1), 2):
        year, month, day = path.parts[-3:]
        try:
            yield date(int(year), int(month), int(day)), path
        except ValueError:
            continue


def _matching(folders: Iterator[Path] | list[Path], level: int) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in _folders(folder) if _DAY_PARTS[level].fullmatch(path.name))


def _folders(folder: Path) -> Iterator[Path]:
    return (Path(entry) for entry in _entries(folder) if entry.is_dir(follow_symlinks=False))


def _files(folder: Path) -> Iterator[Path]:
    for entry in _entries(folder):
        if stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            yield Path(entry)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
