"""How far the agent's clock is from the platform's: their answers' HTTP ``Date`` is a clock for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from agent.logs import get_logger

log = get_logger("agent.dispatch")

MOST: Final = timedelta(minutes=5)


def skew(date: str, now: datetime) -> timedelta | None:
    """How far ``now`` is ahead of a ``Date`` header (RFC 9110); None for one that is none."""
    try:
        there = parsedate_to_datetime(date)
        return now - (there if there.tzinfo else there.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


@dataclass(slots=True)
class SkewWatch:
    """Of one system. ``off`` is how far the agent's clock was ahead at the latest answer, where that was
    too far; zero otherwise. Shared by the system's lanes: a stale value is put right by the next answer."""

    system: str
    off: timedelta = field(default=timedelta(), init=False)

    def note(self, headers: Mapping[str, str], now: datetime) -> None:
        """An answer with these headers (names in lower case) has just come."""
        ahead = skew(headers.get("date", ""), now)
        if ahead is None:
            return
        off = ahead if abs(ahead) > MOST else timedelta()
        if off and not self.off:
            log.warning(
                "clock differs from the platform's", system=self.system, ahead_s=round(off.total_seconds())
            )
        elif self.off and not off:
            log.info("clock agrees with the platform's again", system=self.system)
        self.off = off
