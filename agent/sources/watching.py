"""File-system events as hints: which names appeared, and how. A rescan is the truth, not these.

On Linux the emitter leaves out the events of files that leave the folder. watchdog waits half a
second for the other half of such a move and holds back everything that comes after it; every claim
is such a move.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path

from watchdog.events import (
    EVENT_TYPE_MOVED,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver

_EVENTS: list[type[FileSystemEvent]] = [FileCreatedEvent, FileMovedEvent]

if sys.platform == "linux":
    from watchdog.observers.inotify import InotifyFullEmitter
    from watchdog.observers.inotify_c import InotifyConstants, Mask

    class _PromptEmitter(InotifyFullEmitter):
        def get_event_mask_from_filter(self) -> Mask:
            return Mask(super().get_event_mask_from_filter() & ~InotifyConstants.IN_MOVED_FROM)

    def _observer() -> BaseObserver:
        return BaseObserver(_PromptEmitter)

else:
    from watchdog.observers import Observer

    def _observer() -> BaseObserver:
        return Observer()


class Hint(Enum):
    RENAMED = auto()
    """Renamed into place: complete."""
    CREATED = auto()
    """There, and perhaps still being written."""


class Watch:
    """Watches one folder, not its sub-folders, from construction until :meth:`stop`.

    ``notice`` is called with each hint and the file's name, on a thread of watchdog's. Raises
    OSError when the folder cannot be watched.
    """

    def __init__(self, folder: Path, notice: Callable[[Hint, str], None]) -> None:
        self._observer = _observer()
        self._observer.schedule(_Handler(notice), str(folder), recursive=False, event_filter=_EVENTS)
        self._observer.start()

    def alive(self) -> bool:
        emitters = self._observer.emitters
        return self._observer.is_alive() and bool(emitters) and all(one.is_alive() for one in emitters)

    def stop(self) -> None:
        self._observer.stop()
        self._observer.join()


class _Handler(FileSystemEventHandler):
    def __init__(self, notice: Callable[[Hint, str], None]) -> None:
        self._notice = notice

    def dispatch(self, event: FileSystemEvent) -> None:
        if event.is_directory:
            return
        renamed = event.event_type == EVENT_TYPE_MOVED
        path = os.fsdecode(event.dest_path if renamed else event.src_path)
        self._notice(Hint.RENAMED if renamed else Hint.CREATED, os.path.basename(path))  # noqa: PTH119 - hot
