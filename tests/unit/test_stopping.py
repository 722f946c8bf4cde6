"""agent.daemon: a stop ends in time whatever is in flight, and what was in flight is known afterwards."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import daemon as module
from agent.config import load
from agent.control import endpoint_at
from agent.control.client import ControlClient
from agent.desk import Desk
from agent.devices.cards.pcsc import PcscBackend
from agent.errors import ControlError
from agent.outbox.model import State
from agent.replies.downloads import DownloadWriter
from tests.unit.daemon_bench import BlackHole, DaemonBench
from tests.unit.test_daemon import stored

PATIENCE_S = 20.0
SLACK_S = 3.0
"""What a stop may take beside its limits on a busy machine."""
DRIVER = """\
import pathlib, sys, threading
from agent.helpers.serving import serve

def read_card(_arguments):
    pathlib.Path(sys.argv[1]).write_text("")
    threading.Event().wait()

serve("sscard", {"read_card": read_card})
"""
"""A vendor's library that never comes back, in a process of its own."""


class Hang:
    """A step that does not end before the test does."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, *_given: Any, **_more: Any) -> Any:
        self.entered.set()
        self.let_go.wait(PATIENCE_S)
        return 0


class HangingScanner(Hang):
    """An open scanner whose driver does not come back from a read."""

    label, discarded = "a port", 0

    def read(self) -> list[bytes]:
        self()
        return []

    def close(self) -> None:
        """Nothing was opened."""


class Busy(DaemonBench):
    """An installation in which everything hangs that can."""

    def __init__(self, root: Path, hole: BlackHole) -> None:
        super().__init__(root, hole.url)
        self.hole = hole
        self.mark = root / "driver-hangs"
        self.answer = Hang()
        self.steps: list[Hang] = []
        (root / "driver.py").write_text(DRIVER, "utf-8")
        driver = json.dumps([sys.executable, str(root / "driver.py"), str(self.mark)])
        path = root / "a.toml"
        devices = (
            '[scanners.gun]\nport = "/dev/of-no-machine"\nopen = "always"\n'
            '[readers.desk]\nopen = "always"\n'
            f'[readers.vendor]\nkind = "driver"\ndriver = {driver}\nopen = "always"\n'
        )
        path.write_text(path.read_text("utf-8") + devices, "utf-8")
        self.config = load(path)

    def until_all_hang(self) -> None:
        self.admit("A1")
        self.hole.wait_for(1)
        threading.Thread(target=self._ask, daemon=True).start()
        for step in (*self.steps, self.answer):
            assert step.entered.wait(PATIENCE_S)
        self.wait_for(self.mark.exists, "the vendor's library is called")

    def _ask(self) -> None:
        client = ControlClient(endpoint_at(self.config.control.path, ""))
        with contextlib.suppress(ControlError):
            client.call("status")

    def let_go(self) -> None:
        for step in (*self.steps, self.answer):
            step.let_go.set()
        for reader in self.daemon.stations.readers:
            reader._backend.close()
        assert self.daemon.supervisor.join(PATIENCE_S) == ()


@pytest.fixture
def busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Busy]:
    hole = BlackHole()
    bench = Busy(tmp_path, hole)
    scanner, card, download = HangingScanner(), Hang(), Hang()
    bench.steps = [scanner, card, download]
    monkeypatch.setattr(module, "DRAIN_WITHIN_S", 0.3)
    monkeypatch.setattr(module, "CUT_WITHIN_S", 0.3)
    monkeypatch.setattr("agent.devices.building.open_serial", lambda *_given: scanner)
    monkeypatch.setattr(PcscBackend, "next_card", card)
    monkeypatch.setattr(DownloadWriter, "write_due", download)
    real = Desk.handlers
    monkeypatch.setattr(Desk, "handlers", lambda desk: {**real(desk), "status": bench.answer})
    yield bench
    bench.stop()
    bench.let_go()
    hole.close()


def test_a_stop_ends_in_time_though_everything_hangs_and_the_message_in_flight_is_in_doubt(
    busy: Busy,
) -> None:
    daemon = busy.start()
    busy.until_all_hang()
    started = time.monotonic()
    busy.stop()
    took = time.monotonic() - started
    assert took < module.DRAIN_WITHIN_S + module.CUT_WITHIN_S + module.ANSWERED_WITHIN_S + SLACK_S
    states = {worker.name: worker.state for worker in daemon.supervisor.workers()}
    hung = {"scanner gun", "reader desk", "reader vendor", "downloads"}
    assert {name for name, state in states.items() if state != "ended"} == hung
    assert stored(busy) == [("GYU101", State.INQUIRING, 1)]
