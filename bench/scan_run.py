"""From the last character of a scan to its commit: real pyserial on a pty, real waiting room and outbox."""

from __future__ import annotations

import contextlib
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
from bench.counter import BOXES, STATION, counter

_WAIT_S = 10.0


def latencies(folder: Path, scans: int) -> list[float]:
    """Milliseconds of each scan, one after the other. Each counts for a submission that waits for ``BOXES``
    trace codes, the last of which completes it; what waits next is stored between two scans."""
    committed = threading.Semaphore(0)
    moments: list[float] = []
    with counter(folder) as shop, virtual_scanner() as gun:

        def deliver(event: Event) -> ScanVerdict:
            verdict = shop.room.deliver(event)
            moments.append(time.monotonic())
            if verdict is ScanVerdict.TAKEN:
                committed.release()
            return verdict

        taken = []
        with _source(gun, deliver):
            for number in range(scans):
                if number % BOXES == 0:
                    shop.serve()
                taken.append(_once(gun, number, moments, committed))
        return taken


def _once(gun: VirtualScanner, number: int, moments: list[float], committed: threading.Semaphore) -> float:
    gun.send(f"8101234{number:013d}".encode("ascii"))
    sent = time.monotonic()
    gun.send(b"\r")
    if not committed.acquire(timeout=_WAIT_S):
        raise RuntimeError("a scan was not taken")
    return (moments[-1] - sent) * 1000


@contextlib.contextmanager
def virtual_scanner() -> Iterator[VirtualScanner]:
    gun = VirtualScanner()
    yield gun
    gun.unplug()


@contextlib.contextmanager
def _source(gun: VirtualScanner, deliver: Callable[[Event], ScanVerdict]) -> Iterator[None]:
    config = ScannerConfig("bench", STATION, open="always", port=gun.path)
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
