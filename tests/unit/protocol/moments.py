"""Moments for tests of rules and deadlines."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


def at(hour: int, *, day: int = 2, hours_east: int = 8) -> datetime:
    """A moment of January 2026."""
    return datetime(2026, 1, day, hour, tzinfo=timezone(timedelta(hours=hours_east)))
