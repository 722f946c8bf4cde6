"""Moving files away for good: never over another file, never half, across volumes if need be."""

from __future__ import annotations

import errno
import filecmp
import math
import os
import shutil
import sys
import threading
from pathlib import Path

from agent.disk import PRIVATE, flush_folder, make_folder
from agent.faults import crash_point
from agent.logs import get_logger
from agent.sources.base import Claimed
from agent.sources.file_names import fitted, parted

log = get_logger("agent.sources.folder")

_NO_LINKS = frozenset({errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_renaming = threading.Lock()


def move_new(source: Path, target: Path) -> None:
    """Rename ``source`` to ``target`` on the same volume. Raises FileExistsError if that is taken."""
    if sys.platform == "win32":
        source.rename(target)  # refuses to replace a file
    else:
        _link_and_unlink(source, target)


def _link_and_unlink(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename_checked(source, target)
    else:
        source.unlink()


def _rename_checked(source: Path, target: Path) -> None:
    """For file systems and files that take no second link; only the agent writes where it files."""
    with _renaming:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        source.rename(target)


def file_away(source: Path, folder: Path, name: str, suffix: str) -> None:
    """Move ``source`` to ``folder/name``, or to ``folder/<stem>.<suffix><ext>`` where that is taken;
    a name that is too long for a file is cut.

    ``suffix`` must be unique. A source that is gone has been moved before: nothing happens. Raises
    OSError; then the source is where it was.
    """
    try:
        _file_away(source, folder, name, suffix)
    except FileNotFoundError:
        if os.path.lexists(source):
            make_folder(folder, PRIVATE)
            _file_away(source, folder, name, suffix)


def _file_away(source: Path, folder: Path, name: str, suffix: str) -> None:
    stem, ending = parted(name)
    target = folder / fitted(stem, ending)
    if not _moved(source, target, suffix):
        other = folder / fitted(stem, f".{suffix}{ending}")
        if not _moved(source, other, suffix):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _moved(source: Path, target: Path, unique: str) -> bool:
    """False when another file has the name. One that is this file, left by a crash, is not another."""
    try:
        _move(source, target, unique)
    except FileExistsError:
        if not _same(source, target):
            return False
        source.unlink()
    return True


def _move(source: Path, target: Path, unique: str) -> None:
    try:
        move_new(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target, unique)


def _copy(source: Path, target: Path, unique: str) -> None:
    """Across volumes: aside, to the disk, into place, and only then is the original removed."""
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    aside = target.with_name(f".{unique}.part")
    try:
        with source.open("rb") as original, aside.open("wb") as copy:
            shutil.copyfileobj(original, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        shutil.copystat(source, aside)
        move_new(aside, target)
    finally:
        aside.unlink(missing_ok=True)
    flush_folder(target.parent)
    source.unlink()


def _same(one: Path, other: Path) -> bool:
    """Whether a crash came between the two halves of a move: one file, or its untouched copy."""
    try:
        mine, its = one.lstat(), other.lstat()
        if (mine.st_dev, mine.st_ino) == (its.st_dev, its.st_ino):
            return mine.st_ino != 0
        alike = (mine.st_size, mine.st_mtime_ns) == (its.st_size, its.st_mtime_ns)
        return mine.st_dev != its.st_dev and alike and filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


class Filing:
    """Files claims away and keeps trying where that fails."""

    def __init__(self, folder_name: str, again_s: float) -> None:
        self._name = folder_name
        self._again_s = again_s
        self._left: dict[str, tuple[Claimed, Path]] = {}
        self._again_at = math.inf

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._left

    def __len__(self) -> int:
        return len(self._left)

    @property
    def due_at(self) -> float:
        return self._again_at if self._left else math.inf

    def file(self, claimed: Claimed, folder: Path, now: float) -> None:
        try:
            crash_point("folder.before_archive")
            file_away(claimed.path, folder, claimed.name, claimed.event_id)
            claimed.leave_folder()
            crash_point("folder.after_archive")
        except OSError as error:
            if claimed.event_id not in self._left:
                log.warning("filing_failed", folder=self._name, errno=error.errno, event_id=claimed.event_id)
            self._left[claimed.event_id] = (claimed, folder)
            self._again_at = now + self._again_s
        else:
            self._left.pop(claimed.event_id, None)

    def try_again(self, now: float) -> None:
        if self._left and now >= self._again_at:
            for claimed, folder in list(self._left.values()):
                self.file(claimed, folder, now)
