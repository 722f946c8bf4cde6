"""Files that lie in an inbox beside the submissions that name them (his-contract, "Attachments").

A submission takes its files by rename, all or none, into ``<taking>/<event id>.with/``: what is there belongs
to it, across a crash too. Where another submission in hand names the same file, it takes a second name of
it, or a copy, and leaves the file to the other one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.faults import crash_point
from agent.logs import get_logger
from agent.sources.arrivals import Arrival
from agent.sources.base import SourceError
from agent.sources.completeness import Verdict, judge
from agent.sources.filing import file_away, move_new
from agent.sources.settings import FolderSettings

log = get_logger("agent.sources.folder")

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of a larger file only this much is read: it is refused whatever it holds."""

SUFFIX: Final = ".with"


class Beside:
    """The attachments of one inbox. Used by one thread."""

    def __init__(self, settings: FolderSettings, clock: Clock) -> None:
        self._settings = replace(settings, marker="")
        self._clock = clock
        self._seen: dict[str, Arrival] = {}

    def missing(self, event_id: str, names: Collection[str]) -> list[str]:
        """Which of the files are not there yet, or not complete, and not taken by this submission before."""
        return [name for name in names if not self._is_there(event_id, name)]

    def take(self, event_id: str, names: Collection[str], others: Collection[str]) -> None:
        """Let the files belong to a submission; those named by ``others`` stay there for them, too. Raises
        FileNotFoundError for one that has gone meanwhile, and OSError."""
        folder = self._folder(event_id)
        folder.mkdir(exist_ok=True)
        for name in names:
            target = folder / name
            if target.exists():
                continue
            crash_point("beside.before_take")
            source = self._settings.inbox / name
            if name in others:
                _share(source, target)
            else:
                move_new(source, target)
            self._seen.pop(name, None)

    def read(self, event_id: str, name: str) -> bytes:
        """A file that belongs to a submission. Raises SourceError."""
        flags = os.O_RDONLY
        for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
            flags |= getattr(os, flag, 0)
        try:
            with open(os.open(self._folder(event_id) / name, flags), "rb") as file:  # noqa: PTH123
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
                return file.read(MOST_BYTES)
        except OSError as error:
            raise SourceError(
                "取走的附件现在读不出来",
                hint="请检查文件权限，以及是否被别的程序占用",
                details={"event_id": event_id, "errno": error.errno},
            ) from None

    def dismiss(self, event_id: str, names: Collection[str], accepted: bool, now: datetime) -> None:
        """Let files go with a submission that does not wait for them (it was refused, or the files were
        taken before a crash), as far as they are there."""
        there = [name for name in names if not self.missing(event_id, [name])]
        try:
            if there:
                self.take(event_id, there, ())
        except OSError as error:
            log.warning("attachments not taken", folder=self._settings.name, errno=error.errno)
        self.file_away(event_id, accepted, now)

    def file_away(self, event_id: str, accepted: bool, now: datetime) -> None:
        """Move a submission's files to where it goes itself. What cannot be moved stays where it is, and
        goes at the next start."""
        settings, folder = self._settings, self._folder(event_id)
        target = settings.archive / now.strftime("%Y/%m/%d") if accepted else settings.rejected
        try:
            for path in _inside(folder):
                file_away(path, target, path.name, event_id)
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("attachments not filed", folder=settings.name, errno=error.errno, event_id=event_id)

    def sweep(self, now: datetime) -> None:
        """File away what a crash left of submissions that were filed away themselves."""
        names = [path.name for path in _inside(self._settings.claims)]
        for name in names:
            event_id = name.removesuffix(SUFFIX)
            if event_id != name and not any(one.startswith(event_id) and one != name for one in names):
                self.file_away(event_id, True, now)

    def _folder(self, event_id: str) -> Path:
        return self._settings.claims / f"{event_id}{SUFFIX}"

    def _is_there(self, event_id: str, name: str) -> bool:
        if (self._folder(event_id) / name).exists():
            return True
        seen = self._seen.setdefault(name, Arrival(name, 0, self._clock.now()))
        try:
            verdict = judge(seen, self._settings, self._clock.monotonic()).verdict
        except OSError:
            return False
        if verdict is Verdict.GONE:
            del self._seen[name]
        return verdict is Verdict.COMPLETE


def _inside(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return sorted(folder.iterdir())
    return []


def _share(source: Path, target: Path) -> None:
    """A second name, or a copy where the file system has none; whole, or not there."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:
        aside = target.with_name(f".{target.name}.part")
        shutil.copyfile(source, aside, follow_symlinks=False)
        aside.replace(target)
