"""agent.desk: what an operator sees and does, over a whole daemon; answers hold nobody's data."""

from datetime import timedelta

import pytest

from agent import daemon as module
from agent.control import ControlClient, endpoint_at
from agent.errors import ControlError, StoreError
from agent.jsontext import write
from tests.unit.daemon_bench import BlackHole, DaemonBench
from tests.unit.intake.inbox_bench import admission_file

PERSONAL = ("测试甲", "519900199901011234")


@pytest.fixture
def hole():
    hole = BlackHole()
    yield hole
    hole.close()


@pytest.fixture
def bench(tmp_path, hole, monkeypatch):
    monkeypatch.setattr(module, "DRAIN_WITHIN_S", 0.2)
    bench = DaemonBench(tmp_path, hole.url)
    bench.start()
    yield bench
    bench.stop()


def test_the_status_shows_lanes_folders_messages_deadlines_and_workers(bench, hole):
    bench.admit("A1")
    hole.wait_for(1)
    status = bench.call("status")
    assert [system["name"] for system in status["systems"]] == ["ministry"]
    (lane,) = status["systems"][0]["lanes"]
    assert (lane["lane"], lane["queries"], lane["halt"], lane["trouble"]) == ("510000001", False, None, "")
    assert status["folders"][0]["condition"] == "running"
    assert status["messages"] == [{"lane": "510000001", "state": "in_flight", "count": 1}]
    names = {worker["name"] for worker in status["workers"]}
    assert {"replies", "housekeeping", "inbox ministry", "lane ministry/510000001"} <= names
    assert status["sm2"]


def test_near_deadlines_are_shown(bench, hole):
    earlier = bench.daemon.clock.now() - timedelta(minutes=25)
    bench.drop("A1.json", admission_file("A1", occurred_at=f"{earlier:%Y-%m-%dT%H:%M:%S}"))
    bench.admit("B2")
    hole.wait_for(1)
    bench.wait_for(lambda: bench.archived("B2.json"), "both files")
    (deadline,) = bench.call("status")["deadlines"]
    assert (deadline["transaction"], deadline["his_id"]) == ("GYU101", "A1")
    assert deadline["deadline"] == "业务发生后 30 分钟内上传"


def test_the_status_is_json_and_names_no_person(bench, hole):
    bench.admit("A1")
    hole.wait_for(1)
    text = write(bench.call("status")) + write(bench.call("outbox.list"))
    assert not [word for word in PERSONAL if word in text]


def test_a_halt_is_shown_with_what_to_do(tmp_path, hole):
    bench = (
        DaemonBench(tmp_path / "other", hole.url, keys=False) if (tmp_path / "other").mkdir() is None else 0
    )
    bench.start()
    try:
        bench.admit("A1")
        bench.wait_for(lambda: bench.lane() and bench.lane()["halt"], "the halt")
        halt = bench.lane()["halt"]
        assert (halt["code"], bool(halt["hint"])) == ("key_missing", True)
        assert isinstance(halt["since"], str)
        write(bench.call("status"))
    finally:
        bench.stop()


def test_a_placed_file_is_looked_at_now(bench):
    assert bench.call("submit", folder="ministry", file="x.json") == {"folder": "ministry"}


def test_an_unknown_folder_is_an_error_that_says_what_to_do(bench):
    with pytest.raises(ControlError) as caught:
        bench.call("submit", folder="nowhere", file="x.json")
    assert caught.value.details["code"] == "not_found"
    assert caught.value.hint


def test_a_check_tells_that_an_endpoint_does_not_answer(tmp_path):
    root = tmp_path / "refusing"
    root.mkdir()
    hole = BlackHole()
    hole.close()
    bench = DaemonBench(root, hole.url)
    bench.start()
    try:
        (finding,) = [f for f in bench.call("check")["findings"] if f["check"] == "connection"]
        assert (finding["subject"], finding["level"]) == ("ministry", "error")
        assert finding["message"]
        assert finding["hint"]
    finally:
        bench.stop()


def test_a_check_tells_that_keys_are_missing_instead_of_failing(tmp_path, hole):
    root = tmp_path / "keyless"
    root.mkdir()
    bench = DaemonBench(root, hole.url, keys=False)
    bench.start()
    try:
        findings = bench.call("check")["findings"]
        assert {f["check"]: f["level"] for f in findings}["connection"] == "error"
        write(findings)
    finally:
        bench.stop()


def test_a_check_survives_a_disk_without_room_for_a_wire_number(bench):
    bench.daemon.outbox._writer.connection.execute("PRAGMA query_only = ON")
    try:
        (finding,) = [f for f in bench.call("check")["findings"] if f["check"] == "connection"]
        assert finding["level"] == "error"
    finally:
        bench.daemon.outbox._writer.connection.execute("PRAGMA query_only = OFF")


def test_stop_asks_and_does_not_wait(bench):
    assert bench.call("stop") == {"stopping": True}
    assert bench.daemon.asked_to_stop.is_set()
    assert not bench.daemon.stopping.is_set()


def test_the_trail_says_who_dropped_a_file_by_command_and_who_stopped_the_agent_and_why(bench):
    folder = bench.call("status")["folders"][0]["name"]
    bench.call("submit", folder=folder, file="x.json", who="clerk")
    bench.call("submit", folder=folder, file="x.json")
    bench.call("stop", who="officer", why="new disk")
    records = bench.call("audit.export", after=0, limit=100)["records"]
    told = [(r["kind"], r["details"], r["who"], r["why"]) for r in records if r["who"]]
    assert told == [
        ("file.dropped", {"folder": folder}, "clerk", ""),
        ("agent.asked_to_stop", {}, "officer", "new disk"),
    ]


def test_a_stop_that_cannot_be_recorded_is_obeyed_all_the_same(bench, monkeypatch):
    def full(*_args, **_more):
        raise StoreError("磁盘已满", hint="腾出空间")

    with monkeypatch.context() as patch:
        patch.setattr(bench.daemon.outbox, "write", full)
        assert bench.call("stop") == {"stopping": True}
    assert bench.daemon.asked_to_stop.is_set()


def test_every_verb_is_served_over_the_control_endpoint(bench):
    client = ControlClient(endpoint_at(bench.config.control.path))
    assert client.call("status", {})["systems"]
    assert client.call("submit", {"folder": "ministry", "file": "x.json"}) == {"folder": "ministry"}
    assert client.call("outbox.list", {})["messages"] == []
    assert client.call("keys.list", {})["keys"]
