"""agent.intake.schedules: what the agent does by itself, when, and never twice at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.control.download_handlers import DownloadHandlers
from agent.control.verbs import complete
from agent.crypto.at_rest import generate
from agent.errors import ControlError, Fault, StoreFull, SubmissionInvalid
from agent.events import Download, Schedule, Submission
from agent.intake.schedules import RETRY_S, Scheduler
from agent.outbox.model import LaneKey
from agent.outbox.store import SqliteOutbox
from plugins.ministry.adapter import MinistryAdapter
from tests.contract.outbox_world import World, accepted
from tests.unit.ministry.ministry_desk import adapter

LANE = LaneKey("ministry", "519900001")
OWNER: dict[str, Any] = {"download_roles": ["treating"], "download_sole_owner": True}
JITTER_S = 7.0
HALF_HOUR_S = 1800.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock, key = ManualClock(), generate(1)

    def opened() -> SqliteOutbox:
        return SqliteOutbox(tmp_path / "outbox.db", key, clock=clock, answer_within_s=20)

    built = World(opened(), clock, opened)
    yield built
    built.outbox.close()


class Bench:
    """A scheduler, what it may be late by, and what it told the lanes."""

    def __init__(self, world: World, **options: Any) -> None:
        self.world = world
        self.woken: list[LaneKey] = []
        self.asked: list[float] = []
        self.scheduler = Scheduler(
            {"ministry": adapter(**{**OWNER, **options})},
            world.outbox,
            world.clock,
            threading.Event(),
            lambda _receipts, lanes: self.woken.extend(lanes),
            self._jitter,
        )

    def _jitter(self, seconds: float) -> float:
        self.asked.append(seconds)
        return JITTER_S if seconds else 0.0

    def started(self) -> Bench:
        self.scheduler.plan()
        self.scheduler.tick()
        return self

    def after(self, seconds: float) -> list[str]:
        """What ticks begin in that time."""
        known = len(self.messages())
        self.world.clock.advance(seconds)
        self.scheduler.tick()
        return self.messages()[known:]

    def messages(self) -> list[str]:
        return [m.transaction for m in sorted(self.world.outbox.messages(limit=999), key=lambda m: m.message)]

    def deliver_all(self) -> None:
        self.world.deliver_all(LANE)


@pytest.fixture
def bench(world: World) -> Bench:
    return Bench(world)


def test_a_start_asks_first_what_is_unconfirmed_of_every_download(bench: Bench) -> None:
    assert bench.started().messages() == ["GYD008"] * 12
    assert set(bench.woken) == {LANE}


def test_a_download_that_never_ran_runs_soon_after_the_start_but_not_at_once(bench: Bench) -> None:
    assert "GYD006" not in bench.started().messages()
    assert bench.after(JITTER_S - 1) == []
    assert bench.after(1) == ["GYD006"]
    assert 180 in bench.asked


def test_a_download_runs_again_after_its_period_and_its_jitter(bench: Bench) -> None:
    bench.started().after(JITTER_S)
    bench.deliver_all()
    assert bench.after(HALF_HOUR_S + JITTER_S - 1) == []
    assert bench.after(1) == ["GYD006"]


def test_a_run_that_is_still_under_way_is_not_joined_by_another(bench: Bench) -> None:
    bench.started().after(JITTER_S)
    assert bench.after(HALF_HOUR_S + JITTER_S) == []
    bench.deliver_all()
    assert bench.after(HALF_HOUR_S + JITTER_S) == ["GYD006"]


def test_a_restart_goes_on_with_the_period_of_the_last_run(world: World, bench: Bench) -> None:
    bench.started().after(JITTER_S)
    bench.deliver_all()
    world.clock.advance(600)
    world.restart()
    again = Bench(world).started()
    again.deliver_all()
    assert again.after(1200 + JITTER_S - 1) == []
    assert again.after(1) == ["GYD006"]


def test_questions_of_a_former_start_that_are_still_open_are_not_asked_twice(
    world: World, bench: Bench
) -> None:
    bench.started()
    world.restart()
    assert len(Bench(world).started().messages()) == 12


def test_a_clock_that_was_set_back_delays_a_run_by_no_more_than_its_period(
    world: World, bench: Bench
) -> None:
    bench.started().after(JITTER_S)
    bench.deliver_all()
    world.clock.set_wall(world.clock.now() - timedelta(days=3))
    world.restart()
    again = Bench(world).started()
    again.deliver_all()
    assert again.after(HALF_HOUR_S + JITTER_S) == ["GYD006"]


def test_a_clock_set_forward_while_it_runs_starts_nothing_early(world: World, bench: Bench) -> None:
    bench.started().after(JITTER_S)
    bench.deliver_all()
    world.clock.set_wall(world.clock.now() + timedelta(days=3))
    assert bench.after(60) == []


def test_nothing_runs_by_itself_without_a_role(world: World) -> None:
    quiet = Bench(world, download_roles=[], download_sole_owner=False).started()
    assert quiet.messages() == quiet.after(10 * HALF_HOUR_S) == []


def test_a_full_disk_puts_a_run_off_and_loses_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_how: object) -> Any:
        raise StoreFull("磁盘空间不足")

    with monkeypatch.context() as broken:
        broken.setattr(bench.scheduler.outbox, "write", full)
        assert bench.started().messages() == []
    assert bench.after(RETRY_S) == ["GYD008"] * 12


@pytest.mark.parametrize(
    "failure", [SubmissionInvalid([Fault("/x", "y", "z")]), ValueError("a defect")], ids=repr
)
def test_a_run_that_cannot_be_planned_stops_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    scheduled = MinistryAdapter.scheduled

    def failing(self: MinistryAdapter, schedule: Schedule, given: Any, now: datetime) -> Submission:
        if schedule.name == "GYD008-GYD101":
            raise failure
        return scheduled(self, schedule, given, now)

    monkeypatch.setattr(MinistryAdapter, "scheduled", failing)
    assert bench.started().messages() == ["GYD008"] * 11


# -- by a person --------------------------------------------------------------------------------------
class Desk:
    def __init__(self, bench: Bench) -> None:
        world = bench.world
        handlers = DownloadHandlers(world.outbox, bench.scheduler, lambda: 28, world.clock, 24)
        self._handlers = handlers.handlers()

    def call(self, verb: str, **args: object) -> Any:
        return self._handlers[verb](complete(verb, {"who": "tester", **args} if "list" not in verb else args))


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench)


def code_of(caught: pytest.ExceptionInfo[ControlError]) -> object:
    return caught.value.details["code"]


def test_a_person_runs_a_download_now_and_the_trail_says_who(world: World, bench: Bench, desk: Desk) -> None:
    (submission,) = desk.call("download.run", name="GYD101", why="audit")["submissions"]
    assert bench.messages() == ["GYD101"]
    (record,) = [r for r in world.outbox.audit_records(0, 999) if r["kind"] == "download.asked"]
    assert (record["who"], record["why"]) == ("tester", "audit")
    assert record["details"] == {"schedule": "GYD101", "submission": submission}


def test_a_download_under_way_is_not_run_a_second_time(desk: Desk) -> None:
    desk.call("download.run", name="GYD101")
    with pytest.raises(ControlError) as caught:
        desk.call("download.run", name="GYD101")
    assert code_of(caught) == "under_way"


def test_given_fields_are_asked_for_beside_what_is_under_way(bench: Bench, desk: Desk) -> None:
    desk.call("download.run", name="GYD101")
    desk.call("download.run", name="GYD101", fields={"akb020": "51990000001"})
    assert bench.messages() == ["GYD101", "GYD101"]


@pytest.mark.parametrize("name", ["GYD001", "GYU101", ""])
def test_what_is_no_download_of_this_agent_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(ControlError) as caught:
        desk.call("download.run", name=name)
    assert code_of(caught) == "not_found"


def test_fields_that_are_missing_or_wrong_are_named(desk: Desk) -> None:
    with pytest.raises(ControlError, match="/akc190"):
        desk.call("download.run", name="GYD102", fields={"akb020": "51990000001"})


def test_what_was_handed_out_is_asked_for_again(bench: Bench, desk: Desk) -> None:
    desk.call("download.again", name="GYD101", since="2026-01-01T08:00:00", until="2026-01-01T09:00:00")
    assert bench.messages() == ["GYR005"]
    draft = bench.world.head(LANE).draft  # type: ignore[union-attr]
    assert draft.body["aae030"] == "20260101080000"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"name": "GYD053"}, "not_found"),
        ({"name": "GYD101", "since": "yesterday"}, "bad_arguments"),
        ({"name": "GYD101", "since": "2026-01-01T08:00:00"}, "invalid"),
    ],
)
def test_a_repetition_that_cannot_be_is_refused(desk: Desk, args: dict[str, str], code: str) -> None:
    with pytest.raises(ControlError) as caught:
        desk.call("download.again", **args)
    assert code_of(caught) == code


def test_the_list_tells_when_each_schedule_ran_and_runs_next(bench: Bench, desk: Desk) -> None:
    bench.started().after(JITTER_S)
    bench.world.clock.advance(60)
    listed = desk.call("download.list")
    (schedule,) = listed["schedules"]
    assert (schedule["name"], schedule["every_s"], schedule["ran_s_ago"]) == ("GYD006", 1800, 60)
    assert schedule["due_in_s"] == HALF_HOUR_S + JITTER_S - 60
    assert listed["trouble"] == 28


def test_the_list_says_when_a_file_was_left_for_long(bench: Bench, desk: Desk) -> None:
    world = bench.world
    desk.call("download.run", name="GYD101")
    world.send(LANE)
    world.settle(1, accepted(downloads=(Download("GYD101", "GYD101-1.json"),)))
    with world.outbox.write() as tx:
        tx.mark_downloaded([1])
    assert desk.call("download.list")["files"][0]["late"] is False
    world.clock.advance(25 * 3600)
    assert desk.call("download.list")["files"][0]["late"] is True


def test_the_thread_begins_what_is_due_and_ends_when_it_is_told(bench: Bench) -> None:
    running = threading.Thread(target=bench.scheduler.run)
    running.start()
    while len(bench.woken) < 12:
        assert running.is_alive()
    bench.scheduler.stopping.set()
    bench.scheduler.wakeup.set()
    running.join(20)
    assert not running.is_alive()
