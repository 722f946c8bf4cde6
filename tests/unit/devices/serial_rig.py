"""A scanner source at work on a virtual scanner, and a store that commits as the outbox does."""

from __future__ import annotations

import queue
import select
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock, SystemClock
from agent.devices.discovery import PortChoice, PortFinder, PortInfo
from agent.devices.known import KnownDevices
from agent.devices.model import Deliver, DeviceState, ScanVerdict
from agent.devices.scanner import ScannerSettings, ScannerSource
from agent.devices.serial_link import LineSettings, open_serial
from agent.events import Event


@dataclass
class Port:
    """As ``serial.tools.list_ports`` shows a USB port."""

    device: str
    vid: int | None = 0x05E0
    pid: int | None = 0x1701
    serial_number: str | None = "S1"
    location: str | None = "1-3:1.0"


class Station:
    """A scanner source at work, and what it delivered."""

    def __init__(
        self,
        choice: PortChoice,
        ports: Callable[[], Iterable[PortInfo]],
        *,
        line: LineSettings | None = None,
        deliver: Deliver | None = None,
        settings: ScannerSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self.stopping = threading.Event()
        clock = clock or SystemClock()
        finder = PortFinder(choice, KnownDevices(), ports)
        self.source = ScannerSource(
            settings or ScannerSettings("gun", "till-1", always_open=True),
            lambda: open_serial(finder, line or LineSettings(), clock),
            deliver or self._take,
            clock,
            self.stopping,
        )
        self._thread = threading.Thread(target=self.source.run, daemon=True)
        self._thread.start()

    def _take(self, event: Event) -> ScanVerdict:
        self.events.put(event)
        return ScanVerdict.TAKEN

    def next(self) -> bytes:
        return self.events.get(timeout=10).payload

    def until(self, fits: Callable[[DeviceState], bool]) -> DeviceState:
        """The first state that fits; asked again and again, since a state is not an event."""
        deadline = time.monotonic() + 10
        while not fits(state := self.source.state()):
            assert time.monotonic() < deadline, state
            select.select([], [], [], 0.005)
        return state

    def until_ready(self) -> DeviceState:
        return self.until(lambda state: state.reason == "ready")

    def stop(self) -> None:
        self.stopping.set()
        self.source.wakeup.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


class EventStore:
    """Commits events as the outbox does: WAL, a full sync at each commit. One connection, one lock."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE event (id TEXT PRIMARY KEY, payload BLOB)")

    def commit(self, event: Event) -> None:
        with self._lock:
            self._database.execute("INSERT OR IGNORE INTO event VALUES (?, ?)", (event.id, event.payload))

    def payloads(self) -> list[bytes]:
        with self._lock:
            return [row[0] for row in self._database.execute("SELECT payload FROM event ORDER BY rowid")]

    def close(self) -> None:
        self._database.close()
