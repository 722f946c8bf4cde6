"""What became of each scan, for people who watch a station: a bounded memory of the latest events."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agent.devices.model import ScanVerdict
from agent.events import JsonObject

KEPT: Final = 500


@dataclass(frozen=True, slots=True)
class Told:
    """``kind``: what the code was. ``says`` is Chinese and holds nothing of the code."""

    number: int
    at: datetime
    station: str
    source: str
    kind: str
    verdict: str
    says: str

    def as_json(self) -> JsonObject:
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "station": self.station,
            "source": self.source,
            "kind": self.kind,
            "verdict": self.verdict,
            "says": self.says,
        }


class Feedback:
    """Thread-safe. Numbers begin anew with each start of the agent, above the time of the start, so that one
    who watched before a restart misses nothing after it."""

    def __init__(self, started: datetime) -> None:
        self._latest: deque[Told] = deque(maxlen=KEPT)
        self._number = int(started.timestamp() * 1_000_000)
        self._lock = threading.Lock()

    def tell(
        self, at: datetime, station: str, source: str, kind: str, verdict: ScanVerdict | str, says: str
    ) -> Told:
        with self._lock:
            self._number += 1
            told = Told(self._number, at, station, source, kind, str(verdict), says)
            self._latest.append(told)
            return told

    def after(self, number: int, station: str) -> tuple[Told, ...]:
        """What was told of a station after an event, oldest first."""
        with self._lock:
            return tuple(told for told in self._latest if told.number > number and told.station == station)

    @property
    def last(self) -> int:
        with self._lock:
            return self._number
