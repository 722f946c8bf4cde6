"""The heartbeat of a whole daemon: whatever hangs silences it, and waiting for work does not."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import daemon as module
from agent import pulse, upkeep
from agent.clock import ManualClock
from agent.config import load
from agent.devices.cards.pcsc import PcscBackend
from agent.devices.model import DeviceMissing
from agent.dispatch.commits import Commits
from agent.housekeeping import Housekeeping
from agent.intake.folder import FolderIntake
from agent.intake.schedules import Scheduler
from agent.outbox.model import LaneKey
from agent.registry import Registry
from agent.replies.downloads import DownloadWriter
from agent.replies.writer import ReplyWriter
from agent.service.systemd import Systemd
from agent.sources.folder import FolderSource
from agent.upkeep import Upkeep
from agent.waiting.room import WaitingRoom
from tests.unit.daemon_bench import LANE, DaemonBench

PATIENCE_S = 20.0
WATCHDOG_S = 60.0
LONGEST_S = pulse.FOREIGN_STEP_S + upkeep.EVERY_S + 1
"""After this much silence every worker is missed."""

DEVICES = """
[scanners.gun]
port = "/dev/of-no-machine"
open = "always"
[readers.desk]
open = "always"
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd's socket is a Unix thing")


class Missing:
    """A device's place without a device."""

    def __init__(self, *_given: object, **_more: object) -> None:
        raise DeviceMissing("没有设备")


class CheckingClock(ManualClock):
    """Notes every wait that its worker has not promised to come back from in time."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: set[str] = set()
        self.uncovered: list[str] = []

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        mine = getattr(pulse._here, "pulse", None)
        if mine is not None:
            name = threading.current_thread().name
            self.waits.add(name)
            if mine._within_s is not None and (timeout is None or mine._within_s < timeout):
                self.uncovered.append(name)
        return super().wait(event, timeout)


class Watched(DaemonBench):
    """An installation with devices, on a clock that the test winds, heard by a service manager."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "http://127.0.0.1:9/")
        path = root / "a.toml"
        path.write_text(path.read_text("utf-8") + DEVICES, "utf-8")
        self.config = load(path)
        self.clock = CheckingClock()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(root / "notify"))
        self.socket.setblocking(False)

    def start(self) -> module.Daemon:
        manager = Systemd(str(self.root / "notify"), WATCHDOG_S, self.clock)
        self.daemon = module.Daemon(self.config, Registry(), self.ring, clock=self.clock, manager=manager)
        self.daemon.start()
        self.running = True
        return self.daemon

    def beats(self) -> int:
        """How often the service manager was told since the last time that all is well."""
        self.daemon.report_life()
        count = 0
        while True:
            try:
                count += self.socket.recv(4096) == b"WATCHDOG=1"
            except BlockingIOError:
                return count

    def until_missed(self, *names: str) -> None:
        """Let time pass until these are missed and nobody else: who has just begun to wait may need some."""

        def missed() -> bool:
            found = set(self.daemon.supervisor.lifeless()) == set(names)
            if not found:
                self.clock.advance(30.0)
            return found

        self.wait_for(missed, f"{names or 'nobody'} missed")


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr(module, "DRAIN_WITHIN_S", 5.0)
    monkeypatch.setattr("agent.devices.building.open_serial", Missing)
    monkeypatch.setattr(PcscBackend, "next_card", Missing)
    bench = Watched(tmp_path)
    yield bench
    bench.stop()
    bench.socket.close()


class Hang:
    """Stands in for one step of a worker, and does not end until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, *_given: object, **_more: object) -> Any:
        self.entered.set()
        assert self.let_go.wait(PATIENCE_S)
        raise DeviceMissing(
            "没有设备"
        )  # for all but the devices a failure, after which they are started again


STEPS: dict[str, tuple[object, str]] = {
    "replies": (ReplyWriter, "write_due"),
    "downloads": (DownloadWriter, "write_due"),
    "schedules": (Scheduler, "tick"),
    "housekeeping": (Housekeeping, "expire_lapsed"),
    "upkeep": (Upkeep, "look_after"),
    "waiting": (WaitingRoom, "look"),
    "inbox ministry": (FolderIntake, "step"),
    "scanner gun": ("agent.devices.building.open_serial", ""),
    "reader desk": (PcscBackend, "next_card"),
}


def _replace(monkeypatch: pytest.MonkeyPatch, place: object, name: str, by: Callable[..., Any]) -> None:
    if isinstance(place, str):
        monkeypatch.setattr(place, by)
    else:
        monkeypatch.setattr(place, name, by)


def test_every_worker_of_a_daemon_is_among_those_that_are_made_to_hang(watched: Watched) -> None:
    watched.start()
    assert {worker.name for worker in watched.daemon.supervisor.workers()} == set(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_a_worker_that_hangs_silences_the_heartbeat_until_it_gets_on(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    hang = Hang()
    with monkeypatch.context() as broken:
        _replace(broken, *STEPS[name], hang)
        watched.start()
        if name == "upkeep":
            watched.clock.advance(upkeep.FIRST_S)
        assert hang.entered.wait(PATIENCE_S)
        assert watched.beats() == 1
        watched.clock.advance(LONGEST_S)
        watched.until_missed(name)
        assert watched.beats() == 0
    hang.let_go.set()
    watched.until_missed()
    assert watched.beats() == 1


def test_a_source_that_hangs_before_its_first_step_silences_it_too(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = Hang()
    with monkeypatch.context() as broken:
        broken.setattr(FolderSource, "start", hang)
        watched.start()
        assert hang.entered.wait(PATIENCE_S)
        watched.clock.advance(LONGEST_S)
        watched.until_missed("inbox ministry")
        assert watched.beats() == 0
    hang.let_go.set()


def test_a_lane_that_hangs_in_the_database_silences_it_and_one_that_waits_for_work_does_not(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.start()
    dispatcher = watched.daemon.systems["ministry"].dispatcher
    key = LaneKey("ministry", LANE, False)
    dispatcher.wake(key)
    lanes = [one.name for one in watched.daemon.supervisor.workers() if one.name.startswith("lane ")]
    watched.clock.advance(10 * LONGEST_S)
    watched.until_missed()
    assert watched.beats() == 1
    hang = Hang()
    with monkeypatch.context() as broken:
        broken.setattr(Commits, "start", hang)
        dispatcher.wake(key)
        assert hang.entered.wait(PATIENCE_S)
        watched.clock.advance(LONGEST_S)
        watched.until_missed(*lanes)
        assert watched.beats() == 0
    hang.let_go.set()
    watched.until_missed()


def test_a_daemon_that_nobody_needs_for_days_beats_on_and_every_wait_is_within_its_promise(
    watched: Watched,
) -> None:
    watched.start()
    watched.daemon.systems["ministry"].dispatcher.wake(LaneKey("ministry", LANE, False))
    lane = f"lane ministry/{LANE}"
    for _ in range(20):
        watched.clock.advance(LONGEST_S)
        watched.until_missed()
        assert watched.beats() == 1
    watched.wait_for(lambda: watched.clock.waits >= {*STEPS, lane}, "everybody has waited")
    assert watched.clock.uncovered == []


def test_a_control_endpoint_that_is_gone_silences_it(watched: Watched) -> None:
    watched.start()
    assert watched.beats() == 1
    watched.daemon.control.stop()
    watched.clock.advance(WATCHDOG_S)
    watched.until_missed()
    assert watched.beats() == 0
