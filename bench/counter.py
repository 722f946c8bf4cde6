"""A pharmacy's counter without its daemon: the real waiting room, outbox and protocol, nothing sent."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent import logs
from agent.clock import SystemClock
from agent.config.model import LogConfig
from agent.crypto.at_rest import generate
from agent.events import Event, Proofs
from agent.intake.prepare import Dropped, prepare
from agent.intake.rules import reading_rules
from agent.lifetimes import Lifetimes
from agent.outbox.model import WaitView
from agent.outbox.store import SqliteOutbox
from agent.waiting.feedback import Feedback
from agent.waiting.room import Speaker, WaitingRoom
from plugins.jiangxi.adapter import JiangxiAdapter, build

STATION = "bench"
BOXES = 6
"""Of one wait; the last one completes it, and the whole submission is planned and stored."""
_SYSTEM = "jiangxi"
_HOSPITAL = "Y0400"
_ROW = {
    "ake001": "X-A01AD-K038-A001", "ake002": "演练药", "ake005": "YP0001", "ake006": "演练药片",
    "bke384": "Y0400202601010000000001", "bkc502": "演练医师", "bkc503": "LOT7", "bkc504": "20250101",
    "bkc506": "1", "bkc507": "0", "bkc511": "LS0001", "bkc516": str(BOXES), "bkc517": "20260101",
    "bkc518": "演练药师", "aka030": "1",
}  # fmt: skip


class _NoKeys:
    def get(self, name: str) -> str:
        raise AssertionError(f"the province has no keys, {name} was asked for")


class _NoCards:
    def want(self, waits: Sequence[WaitView]) -> None:
        """The scanner of the bench is always open."""

    def hold(self, view: WaitView, event: Event) -> None:
        raise AssertionError("no card is read here")

    def holds(self, submission: int) -> bool:
        return False

    def answered(self, submission: int, proofs: Proofs | None) -> None:
        """No card is held."""


@dataclass
class Counter:
    """``room`` takes the scans; ``serve`` makes the next customer wait for ``BOXES`` of them."""

    outbox: SqliteOutbox
    adapter: JiangxiAdapter
    scans: Path
    _clock: SystemClock = field(default_factory=SystemClock)
    _served: int = 0

    def __post_init__(self) -> None:
        plain = {"encoding": "auto", "max_bytes": 1 << 20}
        self._rules = reading_rules(_SYSTEM, self.adapter.catalog, plain)
        self.room = WaitingRoom(
            outbox=self.outbox,
            speakers={_SYSTEM: Speaker(self.adapter, None, _SYSTEM)},
            tables={},
            unasked=(),
            scans=self.scans,
            lifetimes=Lifetimes(self._clock),
            clock=self._clock,
            stopping=threading.Event(),
            stored=lambda _receipts, _lanes: None,
            ended=lambda: None,
            feedback=Feedback(self._clock.now()),
            cards=_NoCards(),
        )

    def serve(self) -> None:
        self._served += 1
        told = {
            "transaction": "SQ002",
            "id": f"BENCH-{self._served}",
            "data": {"akb020": _HOSPITAL, "akc190": f"{self._served:018d}", "kc25list": [_ROW]},
            "await": {"scan": "tracecode", "station": STATION, "timeout_s": 3600},
        }
        now = self._clock.now()
        name = f"{self._served}.json"
        dropped = Dropped(f"event-{self._served}", _SYSTEM, name, now, now, json.dumps(told).encode())
        (new,) = prepare(dropped, self._rules, self.adapter)
        with self.outbox.write() as tx:
            tx.accept(new)


@contextlib.contextmanager
def counter(folder: Path) -> Iterator[Counter]:
    """On a database of its own in ``folder``, made anew."""
    for path in folder.glob("scans.db*"):
        path.unlink()
    logs.configure(LogConfig(folder / "scans.jsonl", console="never"))
    settings = {"url": "http://127.0.0.1:9/gsyl/rest/service", "institutions": [_HOSPITAL]}
    outbox = SqliteOutbox(folder / "scans.db", generate(1), clock=SystemClock())
    try:
        yield Counter(outbox, build(settings, _NoKeys()), folder / "scans")
    finally:
        outbox.close()
        logs.close()
