"""Seeing what is in an inbox: a watch for hints, a rescan for the truth, both mended when they fail."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections import deque
from datetime import datetime

from agent.backoff import Backoff
from agent.disk import SHARED, make_folder
from agent.logs import get_logger
from agent.sources.arrivals import Arrivals
from agent.sources.claims import Claims
from agent.sources.file_names import is_candidate
from agent.sources.settings import FolderSettings
from agent.sources.watching import Hint, Watch

log = get_logger("agent.sources.folder")

PROBE_S = 1.0
"""How long to wait for the hint of the agent's own probe before a rescan counts without hints."""

_PROBE = ".his-agent-probe-"


class Inbox:
    """Keeps ``arrivals`` true to the folder. ``generation`` counts how often the folder was (re)opened."""

    def __init__(
        self, settings: FolderSettings, claims: Claims, arrivals: Arrivals, wakeup: threading.Event
    ) -> None:
        self._settings = settings
        self._claims = claims
        self._arrivals = arrivals
        self._wakeup = wakeup
        self._hints: deque[tuple[Hint, str]] = deque()
        self._probe = 0
        self._orphans: dict[str, float] = {}
        self._watch: Watch | None = None
        self._identity: tuple[int, int] | None = None
        self._backoff = Backoff(first_s=1.0)
        self._watch_again_at = 0.0
        self._fresh = True
        """The watch has just begun: what it hints at came after what the next scan will find."""
        self._scan_at = 0.0
        self.scanned_at = -math.inf
        """When the latest rescan began that saw all that lay in the folder."""
        self._settle_at = 0.0
        self.generation = 0
        self.ignored = 0
        """Folders, links and devices with the name of a submission."""
        self.writable = True
        """Whether files can be taken out of it, at the latest look."""
        self._refused = True
        """The latest probe was refused, or there has been none yet: rights alone tell little on Windows."""
        self.trouble = ""
        """Why the folder cannot be seen at all, in Chinese; "" when it can."""

    @property
    def watching(self) -> bool:
        return self._watch is not None and self._watch.alive()

    def due_at(self) -> float:
        if self._hints:
            return 0.0
        return min(self._scan_at, self._settle_at) if self._arrivals.unconfirmed else self._scan_at

    def open(self, now: float) -> None:
        """Make the folders, begin to watch, scan next. Raises ConfigurationError and OSError."""
        self.close()
        make_folder(self._settings.inbox, SHARED)
        self._claims.prepare()
        self._identity = self._identity_now()
        self._arrivals.clear()
        self._begin_watch(now)
        self._scan_at = now
        self.generation += 1
        self.trouble = ""
        self._refused = True

    def close(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
        self._identity = None
        self._hints.clear()

    def lose(self, error: OSError) -> None:
        """The folder cannot be used now; the next scan opens it again."""
        if not self.trouble:
            log.warning("inbox_unreachable", folder=self._settings.name, errno=error.errno)
        self.close()
        self.trouble = "收件文件夹现在打不开，恢复后会自动继续"

    def look(self, now: float, wall: datetime) -> None:
        """Take in hints, and rescan when it is time. Raises ConfigurationError."""
        if not self._fresh:
            self._drain(wall)
        if now >= self._scan_at:
            if not self._reopened(now):
                return
            self._scan(now, wall)
        if self._arrivals.unconfirmed and now >= self._settle_at:
            self._arrivals.settle(wall, hinted=False)

    def _reopened(self, now: float) -> bool:
        """Whether the folder is there, after opening it again if it is another one than before."""
        self._scan_at = now + self._settings.rescan_s
        try:
            if self._identity is None or not self._same_folder():
                self.open(now)
                self._scan_at = now + self._settings.rescan_s
        except OSError as error:
            self.lose(error)
            return False
        if not self.watching and now >= self._watch_again_at:
            self._begin_watch(now)
        return True

    def _begin_watch(self, now: float) -> None:
        watch, self._watch = self._watch, None
        self._fresh = True
        try:
            if watch is not None:
                watch.stop()
            self._watch = Watch(self._settings.inbox, self._notice)
        except OSError as error:
            self._watch_again_at = now + self._backoff.next_wait()
            log.warning("watch_failed", folder=self._settings.name, errno=error.errno)
        else:
            self._backoff.reset()

    def _same_folder(self) -> bool:
        try:
            return self._identity_now() == self._identity
        except FileNotFoundError:
            return False

    def _identity_now(self) -> tuple[int, int]:
        """Tells a folder from another one mounted or made in its place; shares on Windows cannot."""
        info = self._settings.inbox.stat()
        return (info.st_dev, info.st_ino) if sys.platform != "win32" else (0, 0)

    def _notice(self, hint: Hint, name: str) -> None:
        """On watchdog's thread."""
        marker = self._settings.marker
        if is_candidate(name, marker) or name.startswith(_PROBE):
            self._hints.append((hint, name))
            self._wakeup.set()
        elif marker and name.casefold().endswith(marker.casefold()):
            self._wakeup.set()

    def _drain(self, wall: datetime) -> None:
        while self._hints:
            hint, name = self._hints.popleft()
            if name.startswith(_PROBE):
                if name == f"{_PROBE}{self._probe}":
                    self._arrivals.settle(wall)
            else:
                self._arrivals.hint(hint, name, self._inode(name), wall)

    def _inode(self, name: str) -> int:
        """0 for a file that is gone."""
        try:
            return (self._settings.inbox / name).lstat().st_ino
        except OSError:
            return 0

    def _scan(self, now: float, wall: datetime) -> None:
        marker = self._settings.marker
        unknown: list[tuple[str, int]] = []
        markers: list[str] = []
        ignored = 0
        try:
            with os.scandir(self._settings.inbox) as entries:
                for entry in entries:
                    if not is_candidate(entry.name, marker):
                        markers += [entry.name] if marker and entry.name.endswith(marker) else []
                    elif not entry.is_file(follow_symlinks=False):
                        ignored += 1
                    elif entry.name not in self._arrivals:
                        unknown += _with_time(entry)
        except OSError as error:
            self.lose(error)
            return
        self.scanned_at = now
        self.ignored = ignored
        self._drop_orphans(markers, now)
        self._note_rights()
        self._merge(unknown, now, wall)

    def _note_rights(self) -> None:
        """An inbox that nothing can be taken from is told of, also while nothing lies in it."""
        writable = os.access(self._settings.inbox, os.W_OK) and not (self._refused and not self._touched())
        if self.writable and not writable:
            log.warning("inbox_not_writable", folder=self._settings.name)
        self.writable = writable

    def _merge(self, unknown: list[tuple[str, int]], now: float, wall: datetime) -> None:
        self._fresh = False
        if unknown:
            self._arrivals.found(unknown)
            self._settle_at = now + PROBE_S if self._probed() else now
        self._drain(wall)

    def _probed(self) -> bool:
        """Make a file whose hint will tell that all hints of what the scan has seen are there."""
        return self._touched() and self.watching

    def _touched(self) -> bool:
        self._probe += 1
        path = self._settings.inbox / f"{_PROBE}{self._probe}"
        try:
            path.touch()
            path.unlink()
        except OSError:
            self._refused = True
        else:
            self._refused = False
        return not self._refused

    def _drop_orphans(self, markers: list[str], now: float) -> None:
        """Remove markers whose file was taken long ago, before a later file of that name finds them."""
        length = len(self._settings.marker)
        alone = [name for name in markers if not os.path.lexists(self._settings.inbox / name[:-length])]
        self._orphans = {name: self._orphans.get(name, now) for name in alone}
        for name, since in self._orphans.items():
            if now - since >= self._settings.incomplete_after_s:
                try:
                    (self._settings.inbox / name).unlink(missing_ok=True)
                except OSError as error:
                    log.warning("marker_not_removed", folder=self._settings.name, errno=error.errno)


def _with_time(entry: os.DirEntry[str]) -> list[tuple[str, int]]:
    """[(name, mtime)], or [] for a file that has gone meanwhile."""
    try:
        return [(entry.name, entry.stat(follow_symlinks=False).st_mtime_ns)]
    except FileNotFoundError:
        return []
