"""A scanner on a pseudo-terminal, a waiting submission, the real agent between them; and its death there."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from agent.demo.processes import TILL, ended
from agent.demo.stage import Stage, eventually
from agent.rehearsal.virtual_scanner import VirtualScanner

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

CODE = "ECARD00000000000000001"


@pytest.fixture
def gun(stage: Stage) -> VirtualScanner:
    gun = VirtualScanner()
    stage.station.scanner = gun
    stage.start_platform()
    return gun


def drop(stage: Stage, identifier: str, **wait: Any) -> None:
    told = {
        "transaction": "GYU010",
        "id": identifier,
        "data": {"akb020": "51010000001"},
        "await": {"scan": "esscard", "station": TILL, **wait},
    }
    stage.drop(f"{identifier}.json", json.dumps(told).encode("utf-8"))


def wait_for_scanner(stage: Stage) -> None:
    def opened() -> bool:
        told = stage.call("station.list")
        return bool(told["waits"]) and told["devices"][0]["reason"] == "ready"

    eventually(opened, "the scanner is open")


def scan(gun: VirtualScanner, text: str = CODE) -> None:
    gun.send(text.encode("ascii") + b"\r")


def attempts(stage: Stage) -> list[int]:
    """Of each message that there is."""
    return [message["tries"] for message in stage.call("outbox.list")["messages"]]


def test_a_scan_completes_the_one_that_waits_and_the_scanner_is_let_go(
    stage: Stage, gun: VirtualScanner
) -> None:
    stage.start_agent()
    assert stage.call("station.list")["devices"][0]["reason"] == "idle"
    before = stage.call("station.events", station=TILL)["last"]
    drop(stage, "W-1")
    wait_for_scanner(stage)
    drop(stage, "W-2")
    (refused,) = stage.wait_for_results(1).values()
    assert (refused["id"], refused["errors"][0]["rule"]) == ("W-2", "station_occupied")
    scan(gun, "not a code that anybody waits for")
    scan(gun)
    results = {result["id"]: result for result in stage.wait_for_results(2).values()}
    assert results["W-1"]["state"] == "accepted"
    told = stage.call("station.events", station=TILL, after=before)["events"]
    assert [event["verdict"] for event in told] == ["wrong_kind", "taken"]
    assert len(list((stage.data / "scans").glob("scan-*.json"))) == 1
    eventually(lambda: stage.call("station.list")["devices"][0]["reason"] == "idle", "the scanner is let go")


def test_no_scan_in_time_expires_and_a_cancelled_one_frees_the_station(
    stage: Stage, gun: VirtualScanner
) -> None:
    stage.start_agent()
    drop(stage, "W-1", timeout_s=1)
    (late,) = stage.wait_for_results(1).values()
    assert (late["state"], late["final"]) == ("expired", True)
    assert "没有扫" in late["message"]
    drop(stage, "W-2")
    wait_for_scanner(stage)
    stage.drop("W-2.cancel", b"")
    states = {result["id"]: result["state"] for result in stage.wait_for_results(2).values()}
    assert states == {"W-1": "expired", "W-2": "cancelled"}
    assert stage.call("station.list")["waits"] == []


@pytest.mark.kill
@pytest.mark.parametrize(
    ("point", "again"), [("waiting.before_complete", True), ("waiting.after_complete", False)]
)
def test_a_death_around_the_commit_of_a_scan_loses_none_and_sends_none_twice(
    stage: Stage, gun: VirtualScanner, point: str, again: bool
) -> None:
    stage.start_agent(environment={"HIS_AGENT_CRASH_AT": point})
    drop(stage, "W-1")
    wait_for_scanner(stage)
    until = stage.call("station.list")["waits"][0]["until"]
    scan(gun)
    eventually(lambda: ended(stage.agent), "the agent dies")
    stage.start_agent()
    if again:
        wait_for_scanner(stage)
        assert stage.call("station.list")["waits"][0]["until"] == until
        scan(gun)
    (result,) = stage.wait_for_results(1).values()
    assert (result["id"], result["state"]) == ("W-1", "accepted")
    assert stage.call("station.list")["waits"] == []
    assert attempts(stage) == [1]
