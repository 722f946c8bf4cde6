"""Trace codes and unasked scans on a pseudo-terminal, the station commands, and deaths at every commit of a
scan: none lost, none taken twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.demo.processes import TILL, Platform, Station, ended, eventually, program
from agent.demo.stage import Stage
from agent.rehearsal.virtual_scanner import VirtualScanner
from tests.acceptance.conftest import QUICK
from tests.unit.jiangxi.province import trace, traces, without

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals"),
    pytest.mark.timeout(120),
]
CARD = "ECARD00000000000000001"
UNASKED = {
    "unasked.cards": {
        "kind": "esscard",
        "system": "ministry",
        "transaction": "GYU010",
        "data": ["akb020=51010000001"],
    }
}


def box(number: int) -> str:
    return f"8123456{number:013d}"


class Pharmacy:
    """One workstation with a scanner, and the province."""

    def __init__(self, root: Path) -> None:
        self.province = Platform(root / "platform", "jiangxi", ("guards=off",))
        self.province.start()
        settings = {
            "url": f"{self.province.url}/gsyl/rest/service",
            "institutions": ["Y0400=Y6XL0"],
            **QUICK,
        }
        self.station = Station(root / "station", {"jiangxi": settings}, {})
        self.station.scanner = self.gun = VirtualScanner()

    def drop(self, *counts: int) -> None:
        """A row for each count; the scanner is open for it."""
        rows = [
            {**without(trace(number, bkc516=str(count)), "kc56list"), "ake006": f"演练药{number}"}
            for number, count in enumerate(counts, start=1)
        ]
        told = {
            "transaction": "SQ002",
            "id": "T-1",
            "data": traces(*rows, akc190="0" * 18),
            "await": {"scan": "tracecode", "station": TILL, "timeout_s": 120},
        }
        self.station.drop("jiangxi", "T-1.json", json.dumps(told, ensure_ascii=False).encode("utf-8"))
        self.until_open()

    def until_open(self) -> None:
        def opened() -> bool:
            told = self.station.call("station.list")
            return bool(told["waits"]) and told["devices"][0]["reason"] == "ready"

        eventually(opened, "the scanner is open")

    def scan(self, text: str) -> str:
        """What the person hears."""
        after = self.station.call("station.events", station=TILL)["last"]
        self.gun.send(text.encode("ascii") + b"\r")
        said: list[str] = []

        def heard() -> bool:
            told = self.station.call("station.events", station=TILL, after=after)["events"]
            said[:] = [event["verdict"] for event in told]
            return bool(said)

        eventually(heard, "the scan is judged")
        (verdict,) = said
        return verdict

    def scanned(self) -> list[int]:
        (wait,) = self.station.call("station.list")["waits"]
        return [item["scanned"] for item in wait["items"]]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``his-agent station …`` as a person types it."""
        command = [*program(), "station", *words, "--config", str(self.station.config)]
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", timeout=30, check=False
        )

    def close(self) -> None:
        self.station.close()
        self.province.close()


@pytest.fixture
def pharmacy(tmp_path: Path) -> Iterator[Pharmacy]:
    built = Pharmacy(tmp_path)
    yield built
    built.close()


@pytest.mark.kill
@pytest.mark.parametrize(("point", "kept"), [("waiting.before_scan", False), ("waiting.after_scan", True)])
def test_a_death_around_the_commit_of_one_box_of_many_counts_it_once(
    pharmacy: Pharmacy, point: str, kept: bool
) -> None:
    pharmacy.station.start(environment={"HIS_AGENT_CRASH_AT": f"{point}:2"})
    pharmacy.drop(3)
    assert pharmacy.scan(box(1)) == "taken"
    pharmacy.gun.send(box(2).encode("ascii") + b"\r")
    eventually(lambda: ended(pharmacy.station.process), "the agent dies")
    pharmacy.station.start()
    pharmacy.until_open()
    assert pharmacy.scanned() == [2 if kept else 1]
    assert pharmacy.scan(box(2)) == ("duplicate" if kept else "taken")
    assert pharmacy.scanned() == [2]
    assert pharmacy.scan(box(3)) == "taken"
    eventually(lambda: not pharmacy.station.call("station.list")["waits"], "the wait is over")


def kept_files(station: Station) -> list[dict[str, Any]]:
    found = station.scans.glob("scan-*.json") if station.scans.is_dir() else ()
    return [json.loads(path.read_text("utf-8")) for path in found]


@pytest.mark.kill
@pytest.mark.parametrize("point", ["scans.before_file", "scans.after_file"])
def test_a_death_around_the_file_of_a_scan_that_nobody_waits_for_leaves_a_whole_one_or_none(
    stage: Stage, point: str
) -> None:
    gun = always_open(stage)
    stage.start_agent(environment={"HIS_AGENT_CRASH_AT": point})
    until_ready(stage)
    gun.send(CARD.encode("ascii") + b"\r")
    eventually(lambda: ended(stage.agent), "the agent dies")
    assert [told["text"] for told in kept_files(stage.station)] == [CARD] * (point == "scans.after_file")
    stage.start_agent()
    until_ready(stage)
    gun.send(box(1).encode("ascii") + b"\r")  # the next one is kept, and what was kept is not touched
    eventually(lambda: box(1) in [told["text"] for told in kept_files(stage.station)], "the next is kept")
    assert len(kept_files(stage.station)) == 1 + (point == "scans.after_file")
    gun.unplug()


@pytest.mark.kill
@pytest.mark.parametrize(
    ("point", "again"), [("waiting.before_unasked", True), ("waiting.after_unasked", False)]
)
def test_a_death_around_the_commit_of_an_unasked_scan_submits_it_once(
    stage: Stage, point: str, again: bool
) -> None:
    gun = always_open(stage, **UNASKED)
    stage.start_agent(environment={"HIS_AGENT_CRASH_AT": point})
    until_ready(stage)
    gun.send(CARD.encode("ascii") + b"\r")
    eventually(lambda: ended(stage.agent), "the agent dies")
    stage.start_agent()
    until_ready(stage)
    if again:
        assert stage.call("outbox.list")["messages"] == []
        gun.send(CARD.encode("ascii") + b"\r")
    ((name, result),) = stage.wait_for_results(1).items()
    assert name.startswith(f"SCAN-{TILL}-")
    assert (result["transaction"], result["state"], result["id"][:5]) == ("GYU010", "accepted", "SCAN-")
    assert [message["tries"] for message in stage.call("outbox.list")["messages"]] == [1]
    assert kept_files(stage.station) == []
    gun.unplug()


def always_open(stage: Stage, **sections: Any) -> VirtualScanner:
    gun = VirtualScanner()
    scanner = {"station": TILL, "port": gun.path, "open": "always"}
    stage.station.devices = {"scanners.always": scanner, **sections}
    stage.start_platform()
    return gun


def until_ready(stage: Stage) -> None:
    eventually(lambda: stage.call("station.list")["devices"][0]["reason"] == "ready", "the scanner is open")


def test_the_station_commands_show_and_steer_what_waits(pharmacy: Pharmacy) -> None:
    pharmacy.station.start()
    pharmacy.drop(1, 2)
    assert pharmacy.command("undo", TILL).returncode == 5, "nothing was scanned yet"
    assert pharmacy.command("show", TILL, "1").stdout.strip() == "下一个追溯码归到第 1 行"
    assert "▶演练药2 0/2" in pharmacy.command("list").stdout
    assert pharmacy.scan(box(1)) == "taken"
    assert pharmacy.scanned() == [0, 1], "the shown row takes a code whose medicine nobody has told"
    assert pharmacy.command("undo", TILL).stdout.strip() == "已撤销最后一次扫码"
    assert pharmacy.scanned() == [0, 0]
    watched = pharmacy.command("watch", TILL, "--once").stdout
    assert "tracecode SQ002" in watched
    assert "演练药1 0/1" in watched
    told = json.loads(pharmacy.command("watch", TILL, "--once", "--json").stdout)
    assert [wait["transaction"] for wait in told["waits"]] == ["SQ002"]
    told = json.loads(pharmacy.command("list", "--json").stdout)
    assert [device["name"] for device in told["devices"]] == ["gun"]
    for wrong in (("show", TILL, "7"), ("undo", "till-9"), ("cancel", TILL, "--kind", "card")):
        refused = pharmacy.command(*wrong)
        assert refused.returncode == 5, wrong
        assert "his-agent station list" in refused.stderr
    assert pharmacy.command("cancel", TILL, "--why", "演练").stdout.strip() == "已取消等待"
    eventually(lambda: bool(pharmacy.station.final_results("jiangxi")), "the HIS is told")
    (result,) = pharmacy.station.final_results("jiangxi").values()
    assert (result["id"], result["state"]) == ("T-1", "cancelled")
    assert pharmacy.station.call("station.list")["waits"] == []


def test_watch_shows_each_verdict_as_it_is_given(pharmacy: Pharmacy, tmp_path: Path) -> None:
    pharmacy.station.start()
    pharmacy.drop(2, 1)
    log = tmp_path / "watched.txt"
    command = [*program(), "station", "watch", TILL, "--config", str(pharmacy.station.config)]
    with log.open("wb") as output:
        watching = subprocess.Popen(command, stdout=output, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        eventually(lambda: "演练药1 0/2" in log.read_text("utf-8"), "what waits is shown")
        verdicts = [pharmacy.scan(code) for code in (box(1), box(1), "6901234567892")]
        assert verdicts == ["taken", "duplicate", "wrong_kind"]
        for word in ("已采用", "重复", "不对", "这盒药已经扫过了", "演练药1 1/2"):
            eventually(lambda word=word: word in log.read_text("utf-8"), word)  # type: ignore[misc]
        pharmacy.station.kill()
        eventually(lambda: "等它启动" in log.read_text("utf-8"), "the agent is missed")
        pharmacy.station.start()
        pharmacy.until_open()
        assert pharmacy.scan(box(2)) == "taken"
        for word in ("药品追溯码  已采用", "演练药1 2/2"):
            eventually(lambda word=word: word in log.read_text("utf-8"), word)  # type: ignore[misc]
        assert watching.poll() is None
        assert box(1) not in log.read_text("utf-8")
    finally:
        watching.kill()
        watching.wait()
