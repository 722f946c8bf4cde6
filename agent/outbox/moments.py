"""Times as the database keeps them: whole microseconds since 1970 UTC."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import overload

from agent.clock import BEIJING

_EPOCH = datetime(1970, 1, 1, 8, tzinfo=BEIJING)
_MICROSECOND = timedelta(microseconds=1)

SECOND = 1_000_000


@overload
def to_micros(moment: datetime) -> int: ...
@overload
def to_micros(moment: datetime | None) -> int | None: ...
def to_micros(moment: datetime | None) -> int | None:
    """A time without a zone is Beijing time, as in every document."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=BEIJING)
    return (moment - _EPOCH) // _MICROSECOND


@overload
def from_micros(micros: int) -> datetime: ...
@overload
def from_micros(micros: int | None) -> datetime | None: ...
def from_micros(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def iso(micros: int | None) -> str | None:
    """As results show it: Beijing time to the second, with its offset."""
    moment = from_micros(micros)
    return None if moment is None else moment.isoformat(timespec="seconds")
