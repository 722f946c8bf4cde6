"""Every common fault and the whole admin surface, over real HTTP with the smallest platform."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.rehearsal.exchange import Rehearsal
from agent.rehearsal.faults import COMMON
from agent.rehearsal.ledger import Ledger
from agent.rehearsal.server import RehearsalServer
from tests.unit.rehearsal.counting_platform import CountingPlatform
from tests.unit.rehearsal.raw_client import RawClient, Received


class Bench:
    """A running server and a client that opens a new connection for every request."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ledger = Ledger(self.clock)
        self.platform = CountingPlatform(self.ledger, self.clock)
        self.rehearsal = Rehearsal(self.platform, self.ledger, self.clock)
        self.server = RehearsalServer(self.rehearsal, clock=self.clock)

    def send(self, do: str, wire_id: str) -> Received | None:
        with RawClient(self.server.port) as client:
            client.post(json.dumps({"do": do, "id": wire_id}).encode())
            return client.receive()

    def says(self, do: str, wire_id: str) -> str:
        received = self.send(do, wire_id)
        assert received is not None
        said: str = json.loads(received.body)["says"]
        return said

    def admin(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        with RawClient(self.server.port) as client:
            content = b"" if body is None else json.dumps(body).encode()
            client.post(content, f"/_rehearsal/{path}", method=method)
            received = client.receive()
        assert received is not None
        assert received.status == status, received.body
        return json.loads(received.body)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    with bench.server:
        yield bench


def test_without_a_switch_nothing_goes_wrong(bench: Bench) -> None:
    assert [bench.says("PUT", str(number)) for number in range(3)] == ["done"] * 3
    assert bench.platform.done == ["0", "1", "2"]


def test_drop_before_processes_nothing(bench: Bench) -> None:
    bench.admin("PUT", "faults", ["drop_before"])
    assert bench.send("PUT", "1") is None
    assert bench.platform.done == []


def test_drop_after_processes_and_says_nothing(bench: Bench) -> None:
    bench.admin("PUT", "faults", ["drop_after=every:2"])
    assert bench.says("PUT", "1") == "done"
    assert bench.send("PUT", "2") is None
    assert bench.platform.done == ["1", "2"]


def test_reset_after_processes_and_resets(bench: Bench) -> None:
    bench.admin("PUT", "faults", ["reset_after"])
    with pytest.raises(ConnectionResetError):
        bench.send("PUT", "1")
    assert bench.platform.done == ["1"]


@pytest.mark.parametrize(("fault", "done"), [("http500_before", []), ("http500_after", ["1"])])
def test_http_500_comes_with_and_without_processing(bench: Bench, fault: str, done: list[str]) -> None:
    bench.admin("PUT", "faults", [fault])
    received = bench.send("PUT", "1")
    assert received is not None
    assert received.status == 500
    assert bench.platform.done == done


def test_truncated_sends_half_of_a_processed_answer(bench: Bench) -> None:
    bench.admin("PUT", "faults", ["truncated"])
    received = bench.send("PUT", "1")
    assert received is not None
    assert len(received.body) == int(received.headers["content-length"]) // 2
    assert bench.platform.done == ["1"]


def test_other_answer_gives_what_another_request_was_told(bench: Bench) -> None:
    bench.admin("PUT", "faults", ["other_answer=times:1"])
    first, second, third = (bench.send("PUT", wire_id) for wire_id in ("1", "2", "3"))
    assert first is not None
    assert second is not None
    assert third is not None
    assert json.loads(first.body)["id"] == "1"  # there was no other answer to give yet
    assert json.loads(second.body)["id"] == "1"
    assert json.loads(third.body)["id"] == "3"
    assert bench.platform.done == ["1", "2", "3"]


def test_hang_up_answers_and_closes(bench: Bench) -> None:
    bench.admin("PUT", "faults", ["hang_up"])
    with RawClient(bench.server.port) as client:
        client.post(b'{"do": "PUT", "id": "1"}')
        assert client.receive() is not None
        assert client.closed()


def test_a_fault_of_the_protocol_instead_of_processing(bench: Bench) -> None:
    bench.admin("PUT", "faults", ["busy"])
    assert bench.says("PUT", "1") == "busy"
    assert bench.platform.done == []


def test_a_fault_of_the_protocol_after_processing(bench: Bench) -> None:
    bench.admin("PUT", "faults", ["garbled"])
    received = bench.send("PUT", "1")
    assert received is not None
    assert received.body.endswith(b"{")
    assert bench.platform.done == ["1"]


def test_a_parked_request_commits_only_after_a_negative_inquiry_was_answered(bench: Bench) -> None:
    bench.admin("PUT", "faults", ["park"])
    assert bench.send("PUT", "1") is None
    assert bench.platform.done == []
    assert bench.admin("GET", "parked") == {"parked": [["1"]]}
    assert bench.says("ASK", "1") == "absent"  # an inquiry itself is never parked
    assert bench.platform.done == ["1"]
    assert bench.says("ASK", "1") == "found"
    assert bench.admin("GET", "ledger/summary")["duplicates"] == {}


def test_parked_requests_can_be_committed_by_hand(bench: Bench) -> None:
    bench.admin("PUT", "faults", ["park"])
    bench.send("PUT", "1")
    assert bench.admin("POST", "parked") == {"committed": 1}
    assert bench.says("ASK", "1") == "found"


@pytest.mark.parametrize(("fault", "done_while_waiting"), [("delay", []), ("delay_after", ["1"])])
def test_a_delay_waits_by_the_clock_before_or_after_processing(
    bench: Bench, fault: str, done_while_waiting: list[str]
) -> None:
    bench.admin("PUT", "faults", [f"{fault}=seconds:30"])
    said: list[str] = []
    begun = bench.clock.monotonic()
    asking = threading.Thread(target=lambda: said.append(bench.says("PUT", "1")))
    asking.start()
    while not bench.ledger.summary()["running"] or bench.platform.done != done_while_waiting:
        asking.join(0.01)
    assert said == []
    while asking.is_alive():
        bench.clock.advance(1.0)
        asking.join(0.01)
    assert said == ["done"]
    assert bench.clock.monotonic() - begun >= 30


def test_a_stop_ends_a_delay_at_once() -> None:
    bench = Bench()
    bench.rehearsal.stopping = bench.server.stopping
    bench.server.start()
    bench.admin("PUT", "faults", ["delay=seconds:3600"])
    with RawClient(bench.server.port) as client:
        client.post(b'{"do": "PUT", "id": "1"}')
        while not bench.admin("GET", "ledger/summary")["running"]:
            pass
        bench.server.stop(grace_s=30)
        assert client.receive() is not None


def test_the_ledger_is_readable_in_pages(bench: Bench) -> None:
    for number in range(5):
        bench.says("PUT", str(number))
    first = bench.admin("GET", "ledger?limit=3")
    rest = bench.admin("GET", f"ledger?since={first['next']}")
    assert [entry["key"] for entry in first["entries"] + rest["entries"]] == [f"row:{n}" for n in range(5)]
    assert set(first["entries"][0]) == {
        "order",
        "at",
        "transaction",
        "lane",
        "wire_id",
        "key",
        "visit",
        "change",
    }
    assert bench.admin("GET", "ledger?key=row:4")["entries"][0]["order"] == 5
    assert bench.admin("GET", "ledger?since=5") == {"entries": [], "next": 5}


def test_calls_tell_what_befell_them(bench: Bench) -> None:
    bench.admin("PUT", "faults", ["drop_after=every:2", "delay=every:2,seconds:0"])
    bench.send("PUT", "1")
    bench.send("PUT", "2")
    calls = bench.admin("GET", "calls")["calls"]
    assert [(c["wire_id"], c["faults"], c["status"], c["code"], c["beside"]) for c in calls] == [
        ("1", [], 200, "done", 0),
        ("2", ["drop_after", "delay"], 0, "done", 0),
    ]


def test_faults_can_be_replaced_added_listed_and_cleared(bench: Bench) -> None:
    bench.admin("PUT", "faults", [{"name": "drop_after", "p": 0.5, "on": ["PUT"]}])
    both = bench.admin("POST", "faults", "delay=every:4,seconds:0.5")["faults"]
    assert [(item["name"], item["p"], item["every"]) for item in both] == [
        ("drop_after", 0.5, 0),
        ("delay", 0.0, 4),
    ]
    assert bench.admin("GET", "faults")["faults"] == both
    assert bench.admin("DELETE", "faults") == {"faults": []}


def test_a_wrong_fault_is_refused_with_a_reason(bench: Bench) -> None:
    for body in (["earthquake"], [{"name": "delay", "p": 7}], [3]):
        refused = bench.admin("PUT", "faults", body, status=400)
        assert refused["error"] == "configuration"
        assert refused["hint"]


def test_the_index_names_every_fault_and_route(bench: Bench) -> None:
    index = bench.admin("GET", "")
    assert {fault["name"] for fault in index["faults"]} == {kind.name for kind in COMMON} | {
        "busy",
        "garbled",
    }
    assert "GET /_rehearsal/ledger/summary" in index["routes"]


def test_unknown_routes_methods_and_parameters_are_refused(bench: Bench) -> None:
    refused = [
        bench.admin("GET", "nothing", status=404),
        bench.admin("DELETE", "ledger", status=405),
        bench.admin("GET", "ledger?from=1", status=400),
        bench.admin("GET", "ledger?since=x", status=400),
    ]
    assert all(one["error"] for one in refused)


def test_a_reset_forgets_everything_but_the_switches_of_the_start() -> None:
    bench = Bench()
    rehearsal = Rehearsal(bench.platform, bench.ledger, bench.clock, switches=[])
    bench.server.handler = rehearsal
    with bench.server:
        bench.says("PUT", "1")
        bench.admin("PUT", "faults", ["park"])
        bench.send("PUT", "2")
        assert bench.admin("POST", "reset") == {"reset": True}
        assert bench.admin("GET", "state") == {"done": 0}
        assert bench.admin("GET", "faults") == {"faults": []}
        assert bench.admin("GET", "parked") == {"parked": []}
        assert bench.admin("GET", "ledger/summary")["last_order"] == 0
        assert bench.says("PUT", "1") == "done"
