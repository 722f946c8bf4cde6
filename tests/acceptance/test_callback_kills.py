"""The process dies while a result that the platform sends is heard. The platform is answered only after the
commit: what it was not told was heard, it says again, and that changes nothing twice.

ST009 never answers here, so that only the callback can settle the payment.
"""

from __future__ import annotations

import http.client
import json
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.clock import BEIJING
from agent.demo.processes import Platform, Station, eventually
from plugins.scanpay.simulator.sealing import Hash
from tests.acceptance.conftest import QUICK
from tests.acceptance.test_till import free_port
from tests.unit.scanpay.till import key_folder, key_texts, options, order, scan

ONE = 1

pytestmark = [
    pytest.mark.kill,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of Unix; Windows has its own run"),
]


class Caught:
    """The address that the platform calls back: keeps what it sends, for the test to pass on."""

    def __init__(self) -> None:
        bodies: list[bytes] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: it is no part of what is tested."""

        self.bodies = bodies
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callback"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def caught() -> Iterator[Caught]:
    caught = Caught()
    yield caught
    caught.close()


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    faults = ("fault=drop_after=on:ST007", "fault=drop_before=on:ST009")
    platform = Platform(
        tmp_path / "platform",
        "scanpay",
        (f"keys={key_folder(Hash.SHA1_HEX)}", "guards=off", "callbacks=on", *faults),
    )
    platform.start()
    yield platform
    platform.close()


class Till(Station):
    """A station with a listener at a known port."""

    port = 0

    def post(self, body: bytes) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", "/callback", body)
            return connection.getresponse().status
        finally:
            connection.close()

    def hears(self) -> bool:
        try:
            return self.post(b"") == http.client.FORBIDDEN
        except OSError:
            return False


@pytest.fixture
def station(tmp_path: Path, platform: Platform, caught: Caught) -> Iterator[Till]:
    port = free_port()
    settings = {
        **options(f"{platform.url}/"),
        "backurl": caught.url,
        "listener": {"address": f"127.0.0.1:{port}", "peers": ["127.0.0.1"]},
        **QUICK,
    }
    station = Till(tmp_path / "station", {"scanpay": settings}, key_texts())
    station.port = port
    yield station
    station.close()


def ledger(station: Station) -> dict[str, str]:
    asked = {"system": "scanpay", "name": "orders", "words": [], "who": "test", "why": ""}
    told = station.call("protocol.act", **asked)["data"]
    return {one["orderid"]: one["state"] for cycle in told["cycles"] for one in cycle["orders"]}


def pay(station: Till, platform: Platform, caught: Caught) -> bytes:
    """A payment whose answer is lost and which is inquired about in vain; what the platform sent of it."""
    data = {**order("D1", ONE), **scan(ONE, datetime.now(BEIJING))}
    content = {"transaction": "ST007", "id": "HIS-1", "data": data}
    station.drop("scanpay", "0001.json", json.dumps(content, ensure_ascii=False).encode())
    eventually(lambda: bool(caught.bodies), "the callback")
    calls = "calls?limit=1000"
    eventually(
        lambda: any(call["transaction"] == "ST009" for call in platform.admin(calls)["calls"]), "the inquiry"
    )
    return caught.bodies[0]


@pytest.mark.parametrize(
    ("point", "committed"), [("listening.before_commit", False), ("listening.after_commit", True)]
)
def test_a_kill_while_a_callback_is_heard_leaves_it_unanswered_and_said_again_it_counts_once(
    station: Till, platform: Platform, caught: Caught, point: str, committed: bool
) -> None:
    station.start(environment={"HIS_AGENT_CRASH_AT": point})
    body = pay(station, platform, caught)
    with pytest.raises((OSError, http.client.HTTPException)):
        station.post(body)
    assert station.process is not None
    assert station.process.wait(20) == -signal.SIGKILL, "the point was not reached"

    station.start()
    eventually(station.hears, "the listener")
    if committed:
        eventually(lambda: bool(station.final_results("scanpay")), "the result")
    else:
        assert station.final_results("scanpay") == {}
        assert ledger(station) == {"D1": "asked"}
        assert station.post(body) == http.client.OK
        eventually(lambda: bool(station.final_results("scanpay")), "the result")
    first = station.read_results("scanpay")
    assert [one["state"] for one in first.values()] == ["accepted"]
    assert [station.post(body) for _ in range(2)] == [http.client.OK] * 2
    assert station.read_results("scanpay") == first
    assert ledger(station) == {"D1": "paid"}
    entries = platform.admin("ledger?limit=1000")["entries"]
    assert [entry["change"] for entry in entries if entry["key"] == "pay:D1"] == [1]
