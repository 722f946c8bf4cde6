"""The bench measures what it says: the same bodies everywhere, each delivered once and in order."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.events import Draft, Request, Response, Submission, Verdict
from agent.transport.base import TransportSettings
from agent.transport.http import HttpTransport
from bench import agent_run, bulk_run, plain, scan_run, workload
from bench.bare import CLIENTS
from bench.install import MINISTRY, install
from bench.peers import Platform, ministry, platform

MESSAGES = 30


@pytest.fixture(scope="module")
def keys() -> workload.Keys:
    return workload.Keys.make()


@pytest.fixture
def peer() -> Iterator[Platform]:
    with platform(0) as there:
        yield there


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    made = HttpTransport(TransportSettings(), SystemClock())
    yield made
    made.close()


def bare(peer: Platform, *options: str, given: str = "") -> dict[str, float]:
    command = [sys.executable, "-m", "bench.bare", peer.url, str(MESSAGES), *options]
    done = subprocess.run(
        command, input=given, stdout=subprocess.PIPE, text=True, check=True, cwd=workload.REPOSITORY
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def test_plugin_sends_the_bytes_that_the_bare_loops_send() -> None:
    adapter = plain.PlainAdapter(plain.notes_catalog(), "http://platform.example/")
    now = SystemClock().now()
    plan = adapter.plan(Submission("plain", "NOTE", "1", workload.note(7)), now)
    request = adapter.encode(plan.drafts[0], {}, now)
    assert request.body == plain.write_body(workload.note(7))
    assert len(request.body) == workload.BODY_BYTES


def test_plugin_accepts_only_what_the_server_accepted() -> None:
    adapter = plain.PlainAdapter(plain.notes_catalog(), "http://platform.example/")
    draft = Draft("NOTE", plain.LANE, {})
    assert adapter.interpret(draft, {}, Response(200, {}, workload.PLAIN_ANSWER)).verdict is Verdict.ACCEPTED
    assert adapter.interpret(draft, {}, Response(200, {}, b'{"code":"1"}')).verdict is Verdict.REJECTED


@pytest.mark.parametrize("client", CLIENTS)
def test_bare_loop_delivers_each_message_once_and_in_order(peer: Platform, client: str) -> None:
    result = bare(peer, "--client", client)
    assert len(peer.arrivals(MESSAGES)) == MESSAGES
    assert result["per_second"] > 0


def test_durable_loop_keeps_each_message_before_it_is_sent(peer: Platform, tmp_path: Path) -> None:
    import sqlite3

    bare(peer, "--journal", str(tmp_path / "journal.db"))
    peer.arrivals(MESSAGES)
    with sqlite3.connect(tmp_path / "journal.db") as database:
        kept = [body for (body,) in database.execute("SELECT body FROM message ORDER BY number")]
    database.close()
    assert kept == [plain.write_body(workload.note(number)) for number in range(MESSAGES)]


def test_sealing_loop_sends_what_the_platform_can_open(keys: workload.Keys) -> None:
    with platform(0, keys, MESSAGES) as peer:
        bare(peer, "--sealed", given=json.dumps(asdict(keys)) + "\n")
        assert len(peer.arrivals(MESSAGES)) == MESSAGES


def test_missing_repeated_or_swapped_message_is_noticed(peer: Platform, transport: HttpTransport) -> None:
    for numbers in ([0, 1], [0, 1, 1], [0, 2, 1]):
        peer.begin()
        for number in numbers:
            transport.send(Request(peer.url, plain.HEADERS, plain.write_body(workload.note(number))))
        with pytest.raises(AssertionError, match="once and in order"):
            peer.arrivals(3)


def test_server_takes_its_time(transport: HttpTransport) -> None:
    with platform(0.05) as peer:
        began = SystemClock().monotonic()
        transport.send(Request(peer.url, plain.HEADERS, plain.write_body(workload.note(0))))
        assert SystemClock().monotonic() - began >= 0.05


@pytest.mark.kill
@pytest.mark.parametrize("system", [plain.SYSTEM, MINISTRY])
def test_daemon_delivers_each_dropped_file_once_and_in_order(
    tmp_path: Path, keys: workload.Keys, system: str
) -> None:
    with platform(0, keys if system == MINISTRY else None, MESSAGES) as peer:
        station = install(tmp_path, system, peer.url, keys)
        assert agent_run.throughput(station, peer, MESSAGES) > 0


@pytest.mark.kill
def test_idle_daemon_tells_latency_and_footprint(tmp_path: Path, keys: workload.Keys, peer: Platform) -> None:
    station = install(tmp_path, plain.SYSTEM, peer.url, keys)
    latencies, footprint = agent_run.latencies(station, peer, 5, idle_s=0.1)
    assert len(latencies) == 4
    assert min(latencies) > 0
    assert footprint.daemon_mb > 10


@pytest.mark.kill
def test_first_delivery_counts_from_the_start_of_the_process(
    tmp_path: Path, keys: workload.Keys, peer: Platform
) -> None:
    station = install(tmp_path, plain.SYSTEM, peer.url, keys)
    for aside, name in station.write_inputs(range(1)):
        aside.rename(name)
    assert 0.1 < agent_run.first_delivery(station, peer) < 60


def test_scans_are_timed_one_by_one_and_are_all_in_the_database(tmp_path: Path) -> None:
    taken = scan_run.latencies(tmp_path, 20)
    assert len(taken) == 20
    assert all(each > 0 for each in taken)
    with closing(sqlite3.connect(tmp_path / "scans.db")) as database:
        (scans,) = database.execute("SELECT count(*) FROM scan").fetchone()
        (waits,) = database.execute("SELECT count(*) FROM wait").fetchone()
    assert (scans, waits) == (20, 1), "three uploads of six boxes, and two boxes of the fourth"


@pytest.mark.kill
def test_files_and_a_table_arrive_whole_and_in_order(tmp_path: Path, keys: workload.Keys) -> None:
    with ministry(keys, rows=1200, uploads=1) as peer:
        files = bulk_run.attachments(install(tmp_path / "a", MINISTRY, peer.url, keys), peer, keys, 1)
        rows = bulk_run.rows(install(tmp_path / "b", MINISTRY, peer.url, keys), peer, 1200)
    assert files["seal_cpu_s"] < 5, "0.25 s measured; gmssl alone takes 122 s"
    assert rows["rows"] == 1200
