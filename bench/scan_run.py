"""From the last character of a scan to its committed event, on a pty with real pyserial."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.clock import SystemClock
from agent.config.device_model import DeviceConfig, ScannerConfig
from agent.devices.building import build_scanner
from agent.devices.model import DeviceCondition, ScanVerdict
from agent.events import Event
from agent.rehearsal.virtual_scanner import VirtualScanner

_WAIT_S = 10.0


def latencies(folder: Path, scans: int) -> list[float]:
    """Milliseconds of each scan, one after the other; every scan is durable before the next."""
    committed = threading.Semaphore(0)
    moments: list[float] = []
    with _store(folder / "scans.db") as commit, virtual_scanner() as gun:

        def deliver(event: Event) -> ScanVerdict:
            commit(event)
            moments.append(time.monotonic())
            committed.release()
            return ScanVerdict.TAKEN

        with _source(gun, deliver):
            return [_once(gun, number, moments, committed) for number in range(scans)]


def _once(gun: VirtualScanner, number: int, moments: list[float], committed: threading.Semaphore) -> float:
    gun.send(f"8101234{number:013d}".encode("ascii"))
    sent = time.monotonic()
    gun.send(b"\r")
    if not committed.acquire(timeout=_WAIT_S):
        raise RuntimeError("a scan was not delivered")
    return (moments[-1] - sent) * 1000


@contextlib.contextmanager
def _store(path: Path) -> Iterator[Callable[[Event], None]]:
    """One row an event, committed as the outbox commits: WAL, ``synchronous=FULL``."""
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE event (id TEXT PRIMARY KEY, payload BLOB)")
    yield lambda event: database.execute("INSERT INTO event VALUES (?, ?)", (event.id, event.payload)).close()
    database.close()


@contextlib.contextmanager
def virtual_scanner() -> Iterator[VirtualScanner]:
    gun = VirtualScanner()
    yield gun
    gun.unplug()


@contextlib.contextmanager
def _source(gun: VirtualScanner, deliver: Callable[[Event], ScanVerdict]) -> Iterator[None]:
    config = ScannerConfig("bench", "bench", open="always", port=gun.path)
    ready, stopping = threading.Event(), threading.Event()
    source = build_scanner(
        config,
        DeviceConfig((config,)),
        deliver,
        SystemClock(),
        stopping,
        lambda state: ready.set() if state.condition is DeviceCondition.READY else None,
        lambda: [],
    )
    worker = threading.Thread(target=source.run)
    worker.start()
    try:
        if not ready.wait(_WAIT_S):
            raise RuntimeError("the scanner was not opened")
        yield
    finally:
        stopping.set()
        source.wakeup.set()
        worker.join()
