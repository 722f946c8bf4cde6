"""Whether a file is whole: renamed into place, marked, or unchanged and let go for long enough."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from enum import Enum, auto

from agent.glances import Glance
from agent.sources.arrivals import Arrival
from agent.sources.event_ids import Mark
from agent.sources.settings import FolderSettings
from agent.sources.sharing import in_use


class Verdict(Enum):
    COMPLETE = auto()
    INCOMPLETE = auto()
    OVERDUE = auto()
    """Incomplete for so long that it is set aside."""
    GONE = auto()
    """No longer there, or no file."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """``info`` unless gone; ``again_at``: monotonic seconds at which to look again when incomplete."""

    verdict: Verdict
    info: os.stat_result | None = None
    mark: Mark = Mark.SETTLED
    again_at: float = 0.0


_AGAIN_S = 0.1
"""How soon to look again at a file that has settled but is still held open."""

_GONE = Judgement(Verdict.GONE)


def judge(arrival: Arrival, settings: FolderSettings, now: float) -> Judgement:
    """Look at a file; notes in ``arrival`` what was seen. Raises OSError other than its absence."""
    path = f"{settings.inbox}{os.sep}{arrival.name}"  # a Path costs more than the look
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return _GONE
    if not stat.S_ISREG(info.st_mode):
        return _GONE
    if arrival.unreadable_since is not None and now - arrival.unreadable_since >= patience_s(settings):
        return Judgement(Verdict.OVERDUE, info, Mark.INCOMPLETE)
    if arrival.renamed or settings.renames or (settings.marker and _marked(settings, arrival.name, info)):
        return Judgement(Verdict.COMPLETE, info, Mark.ATOMIC)
    settled_at = _settled_at(arrival, info, settings, now)
    if not settings.marker and now >= settled_at and not in_use(path):
        return Judgement(Verdict.COMPLETE, info, Mark.SETTLED)
    overdue_at = note_waiting(arrival, settings, now) + patience_s(settings)
    if now >= overdue_at:
        return Judgement(Verdict.OVERDUE, info, Mark.INCOMPLETE)
    again_at = max(settled_at, now + _AGAIN_S) if not settings.marker else overdue_at
    return Judgement(Verdict.INCOMPLETE, info, again_at=min(again_at, overdue_at))


def first_look(arrival: Arrival, settings: FolderSettings, now: float, before: Glance) -> None:
    """Note which file it is and how it looks, so that it settles while it waits behind others, or since
    the glance ``before``."""
    with contextlib.suppress(OSError):  # judged when its turn comes
        info = os.lstat(f"{settings.inbox}{os.sep}{arrival.name}")
        arrival.inode = info.st_ino
        looks = (info.st_size, info.st_mtime_ns)
        known = before.knows(arrival.name, looks)
        _settled_at(arrival, info, settings, before.at if known else now)


def patience_s(settings: FolderSettings) -> float:
    """How long an incomplete file may hold up others: never less than it needs to settle."""
    return max(settings.incomplete_after_s, 2 * settings.settle_ms / 1000)


def note_waiting(arrival: Arrival, settings: FolderSettings, now: float) -> float:
    """Since when the file has been waited for. Time in which nobody looked does not count."""
    gap = 2 * max(settings.rescan_s, settings.settle_ms / 1000, _AGAIN_S)
    if arrival.waiting_since is None or now - arrival.looked_at > gap:
        arrival.waiting_since = now
    arrival.looked_at = now
    return arrival.waiting_since


def _settled_at(arrival: Arrival, info: os.stat_result, settings: FolderSettings, now: float) -> float:
    looks = (info.st_size, info.st_mtime_ns)
    if arrival.looks != looks:
        arrival.looks = looks
        arrival.changed_at = now
    return arrival.changed_at + settings.settle_ms / 1000


def _marked(settings: FolderSettings, name: str, info: os.stat_result) -> bool:
    """A marker older than the file is that of an earlier file of this name."""
    try:
        marker = (settings.inbox / f"{name}{settings.marker}").lstat()
    except FileNotFoundError:
        return False
    return marker.st_mtime_ns >= info.st_mtime_ns
