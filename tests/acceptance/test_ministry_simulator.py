"""The ministry's rehearsal server as a process of its own: started, killed, started again."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent.clock import SystemClock
from agent.crypto import load_private, load_public
from agent.rehearsal.ledger import read_ledger
from agent.rehearsal.people import invented_identity
from tests.unit.ministry.simulator.forms import admission, admissions, fee, fees, settlement, settlements
from tests.unit.ministry.simulator.rehearsed import Province

pytestmark = pytest.mark.kill

START = "import json, sys; from plugins.ministry.simulator.serve import serve; serve(json.loads(sys.argv[1]))"


@dataclass
class Running:
    process: subprocess.Popen[str]
    port: int
    folder: Path

    def province(self, first_number: int = 0) -> Province:
        keys = self.folder / "keys"
        return Province(
            self.port,
            own=load_private((keys / "province-private.pem").read_bytes()),
            platform=load_public((keys / "platform-public.pem").read_bytes()),
            number=first_number,
        )

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, f"/_rehearsal/{path}", None if body is None else json.dumps(body))
        content = json.loads(connection.getresponse().read())
        connection.close()
        return content


@contextmanager
def started(folder: Path, **options: Any) -> Iterator[Running]:
    """The real process; its first line on standard output says where it listens."""
    given = {
        "keys": str(folder / "keys"),
        "port": 0,
        "crowd": 50,
        "ledger": str(folder / "ledger.jsonl"),
        "ready_file": str(folder / "ready.json"),
        **options,
    }
    process = subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", START, json.dumps(given)],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip().partition("：")[2]
        assert url, "the server did not start"
        yield Running(process, urlsplit(url).port or 0, folder)
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()


def ours(number: int, **changes: Any) -> dict[str, Any]:
    person = invented_identity(number)
    return {"aac002": person.aac002, "aac003": person.aac003, "akc190": f"ZY{number:04d}", **changes}


def test_a_visit_goes_through_and_the_ready_file_says_where(tmp_path: Path) -> None:
    with started(tmp_path) as running:
        province = running.province()
        assert province.send("GYU101", admissions(admission(aae030="20200101"))).rows == ["RE0000"]
        assert province.send("GYU102", fees(fee(aae229="20200102"))).rows == ["RE0000"]
        assert province.send("GYU103", settlements(settlement(aae031="20200103"))).rows == ["RE0000"]
        assert running.admin("GET", "state")["settlements"] == 1
        running.process.stdout.readline()  # type: ignore[union-attr]
        while not (tmp_path / "ready.json").exists():
            assert running.process.poll() is None
        ready = json.loads((tmp_path / "ready.json").read_text(encoding="utf-8"))
    assert ready == {
        "url": f"http://127.0.0.1:{running.port}",
        "admin": f"http://127.0.0.1:{running.port}/_rehearsal/",
        "pid": running.process.pid,
    }


def test_what_was_answered_before_a_kill_is_known_after_it(tmp_path: Path) -> None:
    answered: list[int] = []
    with started(tmp_path) as running:
        province = running.province()
        enough = threading.Event()

        def upload() -> None:
            for number in range(50):
                try:
                    row = admission(**ours(number, aae030="20200101"))
                    told = province.send("GYU101", admissions(row))
                except (OSError, http.client.HTTPException):
                    return
                if told.rows == ["RE0000"]:
                    answered.append(number)
                if len(answered) == 10:
                    enough.set()

        uploading = threading.Thread(target=upload)
        uploading.start()
        assert enough.wait(60)
        running.process.kill()
        uploading.join(60)
    with started(tmp_path) as again:
        keys = [entry["key"] for entry in again.admin("GET", "ledger?limit=1000")["entries"]]
        asked = again.province(first_number=1000)
        found = [asked.ask("GYU101", asked.refid(number + 1)).busi for number in answered]
        state = again.admin("GET", "state")
        assert again.admin("GET", "ledger/summary")["duplicates"] == {}
    assert found == ["RE0000"] * len(answered)
    assert {f"stay:51010000001/ZY{number:04d}" for number in answered} <= set(keys)
    assert len(keys) == len(set(keys)) == state["stays"] <= len(answered) + 1


def test_the_file_can_be_read_while_the_server_runs_and_after_it_died(tmp_path: Path) -> None:
    with started(tmp_path) as running:
        running.province().send("GYU101", admissions(admission(aae030="20200101")))
        while_running = read_ledger(tmp_path / "ledger.jsonl", SystemClock()).entries()
    afterwards = read_ledger(tmp_path / "ledger.jsonl", SystemClock())
    assert [entry.key for entry in while_running] == ["stay:51010000001/ZY0001"]
    assert afterwards.entries() == while_running


def test_faults_are_set_from_outside_and_seen_by_the_client(tmp_path: Path) -> None:
    with started(tmp_path, fault=["http500_before=every:2,on:GYU000"]) as running:
        province = running.province()
        assert [province.send("GYU000", {}).status for _ in range(2)] == [200, 500]
        running.admin("PUT", "faults", ["drop_after=times:1"])
        with pytest.raises(http.client.RemoteDisconnected):
            province.send("GYU101", admissions(admission(aae030="20200101")))
        assert province.ask("GYU101", province.refid(3)).busi == "RE0000"
        faults = running.admin("GET", "faults")["faults"]
    assert [(fault["name"], fault["fired"]) for fault in faults] == [("drop_after", 1)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send to another process")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_when_it_is_asked_to(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as running:
        running.province().send("GYU000", {})
        running.process.send_signal(number)
        assert running.process.wait(30) == 0
