"""Event ids: they sort by time, never repeat, and a claimed file's name carries its own.

``20260101T093000000123`` (first sight, Beijing time, microseconds) + six random hex digits + one letter
for what is known of the file. Within a process, and after what a former one left unfinished, each id
is greater than the one before it, whatever the clock does; the random digits keep ids apart where
the clock was set back in between.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from agent.clock import BEIJING

_STAMP = "%Y%m%dT%H%M%S%f"
_EVENT = r"(\d{8}T\d{12})([0-9a-f]{6})([asin])"
_TAKEN = re.compile(_EVENT + "-(.+)", re.ASCII | re.DOTALL)
EVENT_ID = re.compile(_EVENT, re.ASCII)
_STEP = timedelta(microseconds=1)


class Mark(StrEnum):
    """What a claimed file's event id remembers across a crash."""

    ATOMIC = "a"
    SETTLED = "s"
    INCOMPLETE = "i"
    NAME_TOO_LONG = "n"


@dataclass(frozen=True, slots=True)
class TakenName:
    """The parts of ``<event id>-<name>``."""

    event_id: str
    seen_at: datetime
    mark: Mark
    name: str = field(repr=False)


class EventIds:
    """Gives ids; greater than every id it has :meth:`noted <note>`."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=BEIJING)

    def note(self, seen_at: datetime) -> None:
        self._last = max(self._last, seen_at)

    def next(self, seen_at: datetime, mark: Mark) -> tuple[str, datetime]:
        """A new id and the time that it carries: ``seen_at``, or just after the last one's."""
        self._last = max(seen_at, self._last + _STEP)
        return f"{self._last.strftime(_STAMP)}{secrets.token_hex(3)}{mark}", self._last


def is_event_id(name: str) -> bool:
    return EVENT_ID.fullmatch(name) is not None


def taken_name(file_name: str) -> TakenName | None:
    """Take ``<event id>-<name>`` apart; None for a file that the agent did not put there."""
    matched = _TAKEN.fullmatch(file_name)
    if matched is None:
        return None
    stamp, random, mark, name = matched.groups()
    try:
        seen_at = datetime.strptime(stamp, _STAMP).replace(tzinfo=BEIJING)
    except ValueError:
        return None
    return TakenName(f"{stamp}{random}{mark}", seen_at, Mark(mark), name)
