"""The taking folder: a file in it is a claim, and its name says everything about it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from agent.clock import BEIJING
from agent.disk import PRIVATE, make_folder
from agent.errors import ConfigurationError
from agent.faults import crash_point
from agent.sources.arrivals import Arrival
from agent.sources.base import Claimed
from agent.sources.event_ids import EventIds, Mark, TakenName, is_event_id, taken_name
from agent.sources.file_names import kind_of, shortened
from agent.sources.filing import move_new
from agent.sources.settings import FolderSettings

_TOO_LONG_ON_WINDOWS = (3, 123, 206)
"""Path not found, invalid name, name too long: what Windows says of a path beyond its limit."""


class Claims:
    """Makes and undoes claims. Every method may raise OSError."""

    def __init__(self, settings: FolderSettings) -> None:
        self._settings = settings
        self._folder = settings.claims
        self._ids = EventIds()

    def prepare(self) -> None:
        """Create the taking folder. Raises ConfigurationError if it is not on the inbox's volume."""
        folder = self._folder
        make_folder(folder, PRIVATE)
        if folder.stat().st_dev != self._settings.inbox.stat().st_dev:
            raise ConfigurationError(
                f"文件夹 {self._settings.name} 的 taking 与 inbox 不在同一个卷上",
                hint="把 taking 改到 inbox 所在的卷，或删去这一项使用默认值",
                details={"folder": self._settings.name},
            )

    def unfinished(self) -> list[Claimed]:
        """What a former run claimed and did not acknowledge, in order; completes undone claims."""
        with os.scandir(self._folder) as entries:
            found = [pair for entry in entries for pair in taken_at(Path(entry.path))]
        claimed = []
        for taken, path in sorted(found, key=lambda pair: pair[0].event_id):
            self._ids.note(taken.seen_at)
            info = path.lstat()
            if stat.S_ISREG(info.st_mode) and not self._given_back(taken, path):
                claimed.append(_claimed(taken, path, info))
        return claimed

    def claim(self, arrival: Arrival, info: os.stat_result, mark: Mark) -> Claimed:
        """Rename the file into the taking folder."""
        source = f"{self._settings.inbox}{os.sep}{arrival.name}"
        crash_point("folder.before_claim")
        try:
            claimed = self._renamed(source, arrival, arrival.name, info, mark)
        except OSError as error:
            if not _too_long(error):
                raise
            claimed = self._claim_long(source, arrival, info, mark)
        crash_point("folder.after_claim")
        return claimed

    def _claim_long(self, source: str, arrival: Arrival, info: os.stat_result, mark: Mark) -> Claimed:
        """A name without room for the event id: into a folder named as the event, as it is. Where the
        path is too long even so (Windows), it is shortened, and the file will be refused."""
        event_id, seen_at = self._ids.next(arrival.seen_at, mark)
        target = self._folder / event_id / arrival.name
        target.parent.mkdir()
        try:
            Path(source).rename(target)
        except OSError as error:
            target.parent.rmdir()
            if not _too_long(error):
                raise
            short = shortened(arrival.name)
            return self._renamed(source, arrival, short, info, Mark.NAME_TOO_LONG)
        return _claimed(TakenName(event_id, seen_at, mark, arrival.name), target, info)

    def _renamed(self, source: str, arrival: Arrival, name: str, info: os.stat_result, mark: Mark) -> Claimed:
        event_id, seen_at = self._ids.next(arrival.seen_at, mark)
        target = self._folder / f"{event_id}-{name}"
        os.rename(source, target)  # noqa: PTH104 - ten thousand times in a second
        return _claimed(TakenName(event_id, seen_at, mark, name), target, info)

    def there(self) -> bool:
        """Whether the taking folder exists; makes it anew if somebody removed it."""
        existed = self._folder.is_dir()
        with contextlib.suppress(OSError):  # the next scan tells what is wrong with the inbox
            make_folder(self._folder, PRIVATE)
        return existed

    def grown(self, claimed: Claimed, looks: tuple[int, int] | None) -> bool:
        """Whether a claimed file is not what it was when it was judged complete, or is gone.

        ``looks`` is its (size, mtime) of then, where that was noted. What was renamed into place or
        marked has been whole from the beginning.
        """
        try:
            now = claimed.path.lstat()
        except OSError:
            return True
        if claimed.atomic:
            return False
        return now.st_size != claimed.size or looks not in (None, (now.st_size, now.st_mtime_ns))

    def looked_at_again(self, claimed: Claimed) -> Claimed:
        """The claim with the size that the file has now."""
        try:
            return replace(claimed, size=claimed.path.lstat().st_size)
        except OSError:
            return claimed

    def put_back(self, claimed: Claimed) -> None:
        """Undo a claim. Raises FileExistsError when a new file has the name by now."""
        move_new(claimed.path, self._settings.inbox / claimed.file_name)
        claimed.leave_folder()

    def _given_back(self, taken: TakenName, path: Path) -> bool:
        """Whether a crash left the file under both names while it was given back."""
        back = self._settings.inbox / taken.name
        try:
            if not back.samefile(path) or back.is_symlink():
                return False
        except FileNotFoundError:
            return False
        path.unlink()
        return True


def taken_at(path: Path) -> list[tuple[TakenName, Path]]:
    """The claim at a path of the taking folder: none for what the agent did not put there."""
    taken = taken_name(path.name)
    if taken is not None:
        return [(taken, path)]
    if not is_event_id(path.name) or path.is_symlink() or not path.is_dir():
        return []
    inside = list(path.iterdir())
    if not inside:
        path.rmdir()
    return [(named, one) for one in inside if (named := taken_name(f"{path.name}-{one.name}")) is not None]


def _claimed(taken: TakenName, path: Path, info: os.stat_result) -> Claimed:
    return Claimed(
        event_id=taken.event_id,
        name=_readable(taken.name),
        path=path,
        size=info.st_size,
        seen_at=taken.seen_at,
        modified_at=_file_time(info, taken.seen_at),
        kind=kind_of(taken.name),
        atomic=taken.mark is Mark.ATOMIC,
        incomplete=taken.mark is Mark.INCOMPLETE,
    )


def _readable(name: str) -> str:
    """The name as text, also where a system of another encoding wrote its bytes."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(name).decode("gb18030", "replace")
    return name


def _file_time(info: os.stat_result, seen_at: datetime) -> datetime:
    """The file's time; a file without a sensible one is as old as its first sight."""
    try:
        return datetime.fromtimestamp(info.st_mtime, BEIJING)
    except (ValueError, OverflowError, OSError):
        return seen_at


def _too_long(error: OSError) -> bool:
    return error.errno == errno.ENAMETOOLONG or getattr(error, "winerror", 0) in _TOO_LONG_ON_WINDOWS
