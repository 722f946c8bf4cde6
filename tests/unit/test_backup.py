"""agent.backup: a copy of the running outbox, and a way back that sends nothing twice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.backup.manifest import DATABASE, MANIFEST, NUMBERS
from agent.backup.restoring import Restored, restore
from agent.clock import SystemClock
from agent.config import load
from agent.errors import ConfigurationError, KeyMissing, StoreDamaged, StoreError, StoreLocked
from agent.events import Forget, Identifier, Outcome, Series
from agent.keys import DATA_KEY, KeyRing
from agent.keys_memory import MemoryKeyring
from agent.numbers import SKIPPED, Numbers, leave_out
from agent.opening import open_outbox
from agent.outbox.base import Outbox
from agent.registry import Registry
from plugins.ministry.adapter import MinistryAdapter
from tests.contract.outbox_world import accepted, draft, rejected, visit
from tests.unit.daemon_bench import BlackHole, DaemonBench
from tests.unit.intake.test_attachments import PDF, upload
from tests.unit.test_retention import Station


class Ward(DaemonBench):
    """An installation that is backed up, goes on, loses its database and is restored."""

    hole: BlackHole

    def take(self, *ids: str) -> None:
        for his_id in ids:
            self.admit(his_id)
        for his_id in ids:
            self.wait_for(lambda his_id=his_id: self.archived(f"{his_id}.json"), f"{his_id} archived")
        self.hole.wait_for(1)

    def back_up(self) -> Path:
        target = self.root / "backup"
        answer = self.call("backup", target=str(target), who="officer", why="weekly")
        assert answer["bytes"] == (target / DATABASE).stat().st_size
        return target

    def lose(self, *, numbers: bool = False) -> None:
        self.stop()
        data = self.config.data
        for path in data.glob(f"{DATABASE}*"):
            path.unlink()
        if numbers:
            (data / NUMBERS).unlink()

    def restore(self, backup: Path, **more: Any) -> Restored:
        ring = more.get("ring", self.ring)
        return restore(self.config, Registry(), ring, SystemClock(), backup, "officer", "disk died")

    def opened(self) -> Outbox:
        return open_outbox(
            self.config.data / DATABASE, keys=self.ring, clock=SystemClock(), answer_within_s=20
        )


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint answers nothing: what is in flight is cut at once."""
    monkeypatch.setattr("agent.daemon.DRAIN_WITHIN_S", 0.2)


@pytest.fixture
def hole() -> Any:
    hole = BlackHole()
    yield hole
    hole.close()


@pytest.fixture
def ward(tmp_path: Path, hole: BlackHole) -> Any:
    bench = Ward(tmp_path, hole.url)
    toml = bench.root / "a.toml"
    hasty = toml.read_text(encoding="utf-8").replace("[agent]\n", "[agent]\nanswer_within_s = 1\n", 1)
    toml.write_text(hasty, encoding="utf-8")
    bench.config = load(toml)
    bench.hole = hole
    yield bench
    bench.stop()


def _unknown(ward: Ward) -> set[str]:
    """Of whom the HIS is told that nobody knows, and that it waits for a decision."""
    told = [json.loads(path.read_text(encoding="utf-8")) for path in ward.results.glob("*.result.json")]
    return {one["id"] for one in told if one["state"] == "unknown" and one["waiting"]["choices"]}


def _answered(*_given: object) -> Outcome:
    return accepted()


def states(outbox: Outbox) -> dict[str, str]:
    return {view.his_id: view.state.value for view in outbox.messages(limit=1000)}


# -- the whole way -----------------------------------------------------------------------------------


def test_a_restored_outbox_sends_nothing_by_itself_and_knows_what_came_after_the_backup(
    ward: Ward, hole: BlackHole
) -> None:
    ward.start()
    ward.take("BEFORE-1", "BEFORE-2")
    hole.wait_for(1)
    backup = ward.back_up()
    ward.take("AFTER-1", "AFTER-2")
    ward.lose()
    sent = len(hole.requests)
    done = ward.restore(backup)
    assert (done.unknown, done.bare, done.accepted.unreadable, done.numbers_left_out) == (2, 0, (), False)
    assert sorted(path.name for path in done.accepted.registered) == ["AFTER-1.json", "AFTER-2.json"]
    outbox = ward.opened()
    assert states(outbox) == dict.fromkeys(("BEFORE-1", "BEFORE-2", "AFTER-1", "AFTER-2"), "unknown")
    (record,) = [r for r in outbox.audit_records(0, 10_000) if r["kind"] == "backup.restored"]
    assert (record["who"], record["details"]["registered"]) == ("officer", 2)
    outbox.close()
    ward.start()
    ward.drop("again.json", next(ward.config.folders[0].archive.rglob("AFTER-1.json")).read_bytes())
    ward.wait_for(lambda: ward.archived("again.json"), "the repetition archived")
    ward.wait_for(lambda: _unknown(ward) == {"BEFORE-1", "BEFORE-2", "AFTER-1", "AFTER-2"}, "results")
    ward.stop()
    assert len(hole.requests) == sent, "nothing may be sent before somebody decided"


def test_after_a_decision_the_restored_message_is_sent_and_its_followers_after_it(ward: Ward) -> None:
    ward.start()
    ward.take("A", "B")
    backup = ward.back_up()
    ward.lose()
    ward.restore(backup)
    outbox = ward.opened()
    first, second = sorted(outbox.messages(), key=lambda view: view.position)
    with outbox.write() as tx:
        now = SystemClock().now()
        tx.resolve(first.message, "accepted", {}, "officer", "called them", now, _answered)
        tx.resolve(second.message, "resend", {}, "officer", "never arrived", now, _answered)
    assert states(outbox) == {"A": "accepted", "B": "ready"}
    outbox.close()


def test_what_a_protocol_would_do_by_itself_after_a_restore_is_left_to_people(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    fact = Identifier("waits", ("till",), "since yesterday", "D1")
    ward.start()
    with ward.daemon.outbox.write() as tx:
        tx.give_facts("ministry", (fact, replace(fact, kind="known")), ())
    backup = ward.back_up()
    ward.lose()
    monkeypatch.setattr(
        MinistryAdapter,
        "restored",
        lambda _self, history: tuple(
            Forget("waits", ("till",), one) for one in history.values("waits", ("till",))
        ),
    )
    assert ward.restore(backup).left == 1
    outbox = ward.opened()
    with outbox.write() as tx:
        history = tx.history("ministry")
        assert history.values("waits", ("till",)) == {}
        assert history.values("known", ("till",)) == {"D1": "since yesterday"}
    outbox.close()


def test_a_backup_of_a_running_outbox_is_sealed_and_whole(ward: Ward) -> None:
    ward.start()
    ward.take("HIS-SECRET-1")
    backup = ward.back_up()
    assert {path.name for path in backup.iterdir()} >= {DATABASE, MANIFEST}
    if os.name == "posix":
        assert {path.stat().st_mode & 0o077 for path in (backup, backup / DATABASE)} == {0}
    assert b"HIS-SECRET-1" not in b"".join(path.read_bytes() for path in backup.iterdir())
    with closing(sqlite3.connect(backup / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with pytest.raises(ConfigurationError, match="已存在"):
        ward.back_up()
    with pytest.raises(ConfigurationError):
        ward.call("backup", target="relative/folder", who="x")
    assert ward.call("audit.export", after=0, limit=5000)["records"][-1]["kind"] != ""


# -- files beside submissions ---------------------------------------------------------------------------


def _with_file(ward: Ward, his_id: str, name: str, content: bytes) -> None:
    ward.drop(name, content)
    ward.drop(f"{his_id}.json", upload(name, his_id=his_id))


def _decide(ward: Ward, his_id: str, **order: Any) -> dict[str, Any]:
    """The HIS decides by a control file; the result that it is answered with, or the submission's."""
    name = f"{his_id}.resolve.json"
    ward.drop(name, order)
    ward.wait_for(lambda: ward.archived(name) or (ward.config.folders[0].rejected / name).exists(), "decided")
    refused = ward.results / f"{name}.result.json"
    if not ward.archived(name):
        ward.wait_for(refused.exists, "the refusal")
        told: dict[str, Any] = json.loads(refused.read_text(encoding="utf-8"))
        refused.unlink()
        (ward.config.folders[0].rejected / name).unlink()
        return told
    ward.wait_for(lambda: _result(ward, his_id)["final"], "the final result")
    return _result(ward, his_id)


def _result(ward: Ward, his_id: str) -> dict[str, Any]:
    told = [json.loads(path.read_text(encoding="utf-8")) for path in ward.results.glob("*.result.json")]
    (mine,) = [one for one in told if one["id"] == his_id and one["state"] != "queued"]
    return dict(mine)


def test_a_submission_after_the_backup_is_registered_with_the_file_that_it_named(ward: Ward) -> None:
    ward.start()
    ward.take("BEFORE")
    backup = ward.back_up()
    _with_file(ward, "U1", "plan.pdf", PDF)
    ward.wait_for(lambda: ward.archived("U1.json") and ward.archived("plan.pdf"), "both archived")
    ward.lose()
    accepted = ward.restore(backup).accepted
    assert [path.name for path in accepted.registered] == ["U1.json"]
    assert [path.name for path in accepted.attachments] == ["plan.pdf"]
    assert (accepted.bare, accepted.unreadable) == ((), ())
    outbox = ward.opened()
    (view,) = [one for one in outbox.messages() if one.his_id == "U1"]
    assert view.state == "unknown"
    with outbox.write() as tx:
        tx.resolve(view.message, "resend", {}, "officer", "never arrived", SystemClock().now(), _answered)
    assert outbox.content(view.submission, hashlib.sha256(PDF).hexdigest()) == PDF
    outbox.close()


def test_of_files_of_one_name_nobody_knows_whose_they_are_so_that_only_ids_are_registered(
    ward: Ward, hole: BlackHole
) -> None:
    ward.start()
    ward.take("BEFORE")
    backup = ward.back_up()
    for his_id, content in (("U1", PDF), ("U2", PDF + b"another")):
        _with_file(ward, his_id, "plan.pdf", content)
        ward.wait_for(lambda his_id=his_id: ward.archived(f"{his_id}.json"), "archived")
    ward.lose()
    sent = len(hole.requests)
    accepted = ward.restore(backup).accepted
    assert [path.name for path in accepted.bare] == ["U1.json", "U2.json"]
    assert (len(accepted.attachments), accepted.registered, accepted.unreadable) == (2, (), ())
    ward.start()
    ward.wait_for(lambda: _unknown(ward) >= {"U1", "U2"}, "results")
    assert _result(ward, "U1")["warnings"][0]["rule"] == "restored"
    offered = _result(ward, "U1")["waiting"]["choices"]
    assert [one["content"]["as"] for one in offered] == ["accepted", "rejected"]
    ward.drop("plan.pdf", PDF)
    ward.drop("again.json", upload("plan.pdf", his_id="U1"))
    again = ward.config.folders[0].rejected / "again.json"
    ward.wait_for(again.exists, "the repetition refused")
    answer = ward.results / "again.json.U1.result.json"
    ward.wait_for(lambda: answer.exists() and '"invalid"' in answer.read_text("utf-8"), "and answered")
    answer.unlink()
    refused = _decide(ward, "U1", **{"as": "resend"})
    assert refused["errors"][0]["rule"] == "control_bare"
    assert _decide(ward, "U1", **{"as": "rejected"})["state"] == "rejected"
    assert _decide(ward, "U2", **{"as": "accepted"})["state"] == "accepted"
    assert len(hole.requests) == sent
    ward.stop()
    acts = [r for r in ward_records(ward) if r["kind"].startswith("act.resolve:")]
    assert [one["kind"] for one in acts] == ["act.resolve:rejected", "act.resolve:accepted"]


def ward_records(ward: Ward) -> list[dict[str, Any]]:
    outbox = ward.opened()
    try:
        return [dict(record) for record in outbox.audit_records(0, 10_000)]
    finally:
        outbox.close()


def test_what_was_taken_and_not_filed_away_may_have_been_sent_and_is_not_sent_again(
    ward: Ward, hole: BlackHole
) -> None:
    ward.start()
    ward.take("BEFORE")
    backup = ward.back_up()
    ward.take("AFTER")
    ward.lose()
    sent = len(hole.requests)
    folder = ward.config.folders[0]
    archived = next(folder.archive.rglob("AFTER.json"))
    archived.rename(folder.taking / "20260101T093000000123abcdefa-AFTER.json")
    order = folder.taking / "20260101T093000000456abcdefa-BEFORE.resolve.json"
    order.write_text('{"as": "resend"}', encoding="utf-8")
    accepted = ward.restore(backup).accepted
    assert [path.name.partition("-")[2] for path in accepted.registered] == ["AFTER.json"]
    assert order in accepted.unreadable
    ward.start()
    ward.wait_for(lambda: _unknown(ward) == {"BEFORE", "AFTER"}, "results")
    ward.wait_for(lambda: ward.archived("AFTER.json"), "the file is filed away")
    ward.wait_for((folder.rejected / "BEFORE.resolve.json").exists, "the order is put aside")
    assert len(hole.requests) == sent


def test_what_waited_for_its_file_when_the_backup_was_made_may_be_decided_and_is_not_sent(
    ward: Ward, hole: BlackHole
) -> None:
    ward.start()
    ward.drop("U1.json", upload("plan.pdf", his_id="U1"))
    ward.wait_for(lambda: ward.call("status")["messages"], "it waits")
    backup = ward.back_up()
    ward.lose()
    done = ward.restore(backup)
    assert (done.unknown, done.bare) == (0, 1)
    ward.start()
    ward.drop("plan.pdf", PDF)
    ward.wait_for(lambda: _unknown(ward) == {"U1"}, "its result")
    told = _result(ward, "U1")
    assert "只知道编号" in told["warnings"][0]["message"]
    assert "等待附件" not in told["message"]
    assert _decide(ward, "U1", **{"as": "rejected"})["state"] == "rejected"
    assert hole.requests == []


# -- what is refused ---------------------------------------------------------------------------------


@pytest.fixture
def saved(ward: Ward) -> Any:
    """A backup with one message in it, after which the agent stopped."""
    ward.start()
    ward.take("A")
    backup = ward.back_up()
    return ward, backup


def test_a_running_agent_and_a_live_outbox_are_never_restored_over(saved: Any) -> None:
    ward, backup = saved
    with pytest.raises(StoreLocked):
        ward.restore(backup)
    ward.stop()
    before = (ward.config.data / DATABASE).read_bytes()
    with pytest.raises(StoreError, match="不会覆盖"):
        ward.restore(backup)
    assert (ward.config.data / DATABASE).read_bytes() == before


def test_a_flipped_bit_of_a_backup_is_found_and_half_a_backup_is_none(saved: Any) -> None:
    ward, backup = saved
    ward.lose()
    whole = (backup / DATABASE).read_bytes()
    for place in (0, 100, 5000, len(whole) - 1):
        content = bytearray(whole)
        content[place] ^= 4
        (backup / DATABASE).write_bytes(content)
        with pytest.raises(StoreDamaged, match="清单不符"):
            ward.restore(backup)
    for missing in (DATABASE, MANIFEST):
        (backup / missing).unlink()
        with pytest.raises(StoreDamaged):
            ward.restore(backup)
    assert not (ward.config.data / DATABASE).exists()


def test_a_backup_of_a_newer_program_is_refused_by_its_number(saved: Any) -> None:
    ward, backup = saved
    ward.lose()
    with closing(sqlite3.connect(backup / DATABASE)) as connection:
        connection.execute("PRAGMA user_version = 999")
    _restate(backup)
    with pytest.raises(StoreDamaged, match="999"):
        ward.restore(backup)
    assert not (ward.config.data / DATABASE).exists()


def _restate(backup: Path) -> None:
    from agent.backup.manifest import digest_of

    told = json.loads((backup / MANIFEST).read_text(encoding="utf-8"))
    told |= {
        "database_sm3": digest_of(backup / DATABASE),
        "database_bytes": (backup / DATABASE).stat().st_size,
    }
    (backup / MANIFEST).write_text(json.dumps(told), encoding="utf-8")


def test_without_its_data_key_a_backup_is_not_restored(saved: Any) -> None:
    ward, backup = saved
    ward.lose()
    none, another = KeyRing(backend=MemoryKeyring()), KeyRing(backend=MemoryKeyring())
    another.data_key(create=True)
    for ring in (none, another):
        with pytest.raises(KeyMissing):
            ward.restore(backup, ring=ring)
    assert DATA_KEY not in none.names()
    assert not (ward.config.data / DATABASE).exists()


@pytest.mark.kill
def test_a_kill_while_restoring_leaves_the_place_empty_and_it_can_be_begun_again(
    saved: Any, tmp_path: Path
) -> None:
    ward, backup = saved
    ward.lose()
    code = (
        "import sys; from pathlib import Path; from agent.backup.restoring import restore\n"
        "from agent.clock import SystemClock; from agent.config import load; from agent.keys import KeyRing\n"
        "from agent.keys_memory import MemoryKeyring; from agent.registry import Registry\n"
        "ring = KeyRing(backend=MemoryKeyring(), held={'agent/data-key': sys.argv[3]})\n"
        "restore(load(Path(sys.argv[1])), Registry(), ring, SystemClock(), Path(sys.argv[2]), 'x', '')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, ward.root / "a.toml", backup, ward.ring.get(DATA_KEY)],
        env=os.environ | {"HIS_AGENT_CRASH_AT": "restore.before_rename"},
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert not (ward.config.data / DATABASE).exists()
    assert ward.restore(backup).unknown == 1


# -- every unfinished row, every number -----------------------------------------------------------------


def test_every_unfinished_row_is_unknown_and_every_finished_one_stays(tmp_path: Path) -> None:
    station = Station(tmp_path)
    world = station.world
    world.message("accepted", draft(visit("v0")))
    world.deliver(rejected(), world_lane())
    world.message("lost", draft(visit("v1")))
    world.lose()
    world.message("behind the lost", draft(visit("v1")))
    world.message("parked", draft(visit("v2")))
    world.park()
    world.message("doubtful", draft(visit("v3")))
    world.doubt(world.send())
    world.message("waiting", draft(visit("v4"), lane="B"))
    world.accept("after", draft(visit("v5"), lane="C"), after="waiting")
    before = states(world.outbox)
    assert set(before.values()) == {"rejected", "unknown", "blocked", "parked", "inquiring", "ready"}
    with world.outbox.write() as tx:
        assert tx.hold_unfinished(station.clock.now()) == (6, 0)
        assert tx.hold_unfinished(station.clock.now()) == (6, 0)
    after = states(world.outbox)
    assert after == {name: "rejected" if state == "rejected" else "unknown" for name, state in before.items()}
    assert [world.turn(lane) for lane in world.outbox.lanes()] == []
    world.restart()
    for view in sorted(world.outbox.messages(), key=lambda one: one.position):
        if view.state == "unknown":
            world.resolve(view.message, "accepted")
    assert set(states(world.outbox).values()) == {"rejected", "accepted"}
    assert {result["state"] for result in world.write_results()} <= {"accepted", "rejected"}
    world.outbox.close()


def world_lane() -> Any:
    from tests.contract.outbox_world import LANE

    return LANE


DAILY, LIFELONG, SMALL = Series("daily", 8, True), Series("lifelong", 8, False), Series("small", 3, True)


def test_numbers_go_on_from_the_high_water_file_where_it_is_still_there(tmp_path: Path) -> None:
    station = Station(tmp_path)
    backup = _draw(station, 300)
    shutil.copy(station.config.data / DATABASE, tmp_path / "old.db")
    later = _draw(station, 500)
    station.world.outbox.close()
    shutil.copy(tmp_path / "old.db", station.config.data / DATABASE)
    station.world.outbox = station.world.reopen()
    again = _draw(station, 10)
    for name, numbers in again.items():
        assert min(numbers) > max(later[name]) > max(backup[name])
    station.world.outbox.close()


@pytest.mark.parametrize("drawn_before", [0, 1, 250])
def test_without_it_a_large_block_of_every_series_is_left_out_once(tmp_path: Path, drawn_before: int) -> None:
    station = Station(tmp_path)
    backup = _draw(station, drawn_before)
    shutil.copy(station.config.data / DATABASE, tmp_path / "old.db")
    later = _draw(station, 400)
    station.world.outbox.close()
    shutil.copy(tmp_path / "old.db", station.config.data / DATABASE)
    (station.config.data / NUMBERS).unlink()
    for path in station.config.data.glob(f"{DATABASE}-*"):
        path.unlink()
    station.world.outbox = station.world.reopen()
    today = station.clock.now().date()
    leave_out(station.world.outbox, today - timedelta(days=1), today)
    again = _draw(station, 10)
    for series in (DAILY, LIFELONG):
        assert min(again[series.name]) > max(later[series.name])
        assert min(again[series.name]) >= SKIPPED
    assert min(again["small"]) > max(later["small"])
    station.world.restart()
    more = _draw(station, 10)
    for name, numbers in more.items():
        assert max(again[name]) < min(numbers) < max(again[name]) + 1000, "left out once, not at every start"
    assert drawn_before == len(backup["daily"])
    station.world.outbox.close()


def _draw(station: Station, count: int) -> dict[str, list[int]]:
    numbers = Numbers(station.world.outbox, station.config.data / NUMBERS, node=0, nodes=1)
    drawn: dict[str, list[int]] = {"daily": [], "lifelong": [], "small": []}
    with station.world.outbox.write() as tx:
        for _ in range(count):
            for series in (DAILY, LIFELONG):
                drawn[series.name].append(numbers.draw(series, station.clock.now().date(), tx))
        for _ in range(min(count, 20)):
            drawn["small"].append(numbers.draw(SMALL, station.clock.now().date(), tx))
    return drawn


def test_a_lost_high_water_file_is_said(saved: Any) -> None:
    ward, backup = saved
    ward.lose(numbers=(ward.config.data / NUMBERS).exists())
    assert ward.restore(backup).numbers_left_out
    outbox = ward.opened()
    assert [name for name, _ in outbox.reserved() if name.startswith("restored:")]
    outbox.close()
