"""agent.intake.schedules: what the facts demand, done once, in one commit, after the inboxes were read."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from agent.clock import ManualClock
from agent.crypto.at_rest import generate
from agent.errors import SubmissionInvalid
from agent.events import Draft, Duty, Forget, History, Identifier, Plan, Submission, Watched
from agent.intake.schedules import Scheduler
from agent.outbox.store import SqliteOutbox
from tests.contract.outbox_world import FAULT
from tests.unit.dispatch.scripted import PAY, Platform

EVERY_S = 2.0
OWED = Identifier("owed", ("till",), "yes", "D1")


class Dutiful(Platform):
    """Pays what is owed, once the inboxes were read."""

    def __init__(self) -> None:
        super().__init__()
        self.watched: list[Watched] = []

    def duties_every_s(self) -> float:
        return EVERY_S

    def duties(self, history: History, watched: Watched) -> tuple[Duty, ...]:
        self.watched.append(watched)
        if watched.heard is None:
            return ()
        paid = Forget("owed", ("till",), "D1")
        owed = history.values("owed", ("till",))
        return tuple(Duty(f"pay {one}", Submission("alpha", PAY, "", {}), forgotten=(paid,)) for one in owed)

    def plan(self, submission: Submission, today: object) -> Plan:
        if submission.data:
            raise SubmissionInvalid([FAULT])
        return Plan((Draft(PAY, "AK-1", {}),), {})


class Bench:
    def __init__(self, root: Path) -> None:
        self.clock = ManualClock()
        self.outbox = SqliteOutbox(root / "outbox.db", generate(1), clock=self.clock, answer_within_s=20)
        self.plugin = Dutiful()
        self.heard_until = math.inf
        self.scheduler = Scheduler(
            {"alpha": self.plugin},
            self.outbox,
            self.clock,
            threading.Event(),
            lambda _receipts, _lanes: None,
            lambda _seconds: 0.0,
            lambda _system: self.heard_until,
        )

    def owe(self) -> None:
        with self.outbox.write() as tx:
            tx.give_facts("alpha", (OWED,))

    def tick(self, seconds: float = 0.0) -> int:
        """How many messages there are after it."""
        self.clock.advance(seconds)
        self.scheduler.tick()
        return len(self.outbox.messages(limit=99))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    built = Bench(tmp_path)
    yield built
    built.outbox.close()


def test_a_duty_that_cannot_be_planned_holds_up_no_other_and_is_logged_once(bench: Bench) -> None:
    whole = bench.plugin.duties

    def duties(history: History, watched: Watched) -> tuple[Duty, ...]:
        odd = Duty(
            "odd", Submission("alpha", PAY, "", {"aae139": "2"}), forgotten=(Forget("owed", ("till",), "D1"),)
        )
        return (odd, *whole(history, watched))

    bench.plugin.duties = duties  # type: ignore[method-assign]
    bench.owe()
    with structlog.testing.capture_logs() as logged:
        assert [bench.tick(), bench.tick(EVERY_S), bench.tick(EVERY_S)] == [1, 1, 1]
    told = [
        (entry["duty"], entry["fields"]) for entry in logged if entry["event"] == "duty cannot be planned"
    ]
    assert told == [("odd", ["akb020"])]


def test_what_a_fact_demands_is_done_once_and_the_fact_goes_with_it(bench: Bench) -> None:
    bench.owe()
    assert [bench.tick(), bench.tick(EVERY_S), bench.tick(EVERY_S)] == [1, 1, 1]
    with bench.outbox.write() as tx:
        assert tx.history("alpha").values("owed", ("till",)) == {}


def test_a_duty_under_way_is_not_begun_again_and_keeps_its_facts(bench: Bench) -> None:
    bench.owe()
    bench.tick()
    bench.owe()
    assert bench.tick(EVERY_S) == 1
    with bench.outbox.write() as tx:
        assert tx.history("alpha").values("owed", ("till",)) == {"D1": "yes"}


def test_duties_are_asked_for_as_often_as_the_protocol_wants_and_know_the_first_time(bench: Bench) -> None:
    bench.tick()
    bench.tick(EVERY_S - 0.5)
    bench.tick(0.5)
    assert [one.first for one in bench.plugin.watched] == [True, False]


def test_until_the_inboxes_were_read_the_protocol_is_told_so(bench: Bench) -> None:
    bench.owe()
    bench.heard_until = -math.inf
    assert bench.tick() == 0
    bench.heard_until = bench.clock.monotonic()
    assert bench.tick(EVERY_S) == 1


def test_up_to_when_the_inboxes_were_read_is_told_by_the_wall_clock_as_it_goes_now(bench: Bench) -> None:
    began = bench.clock.now()
    bench.tick(EVERY_S)
    bench.heard_until = bench.clock.monotonic() + 3.0
    bench.tick(8.0)
    bench.clock.set_wall(began - timedelta(hours=1))
    bench.tick(EVERY_S)
    early, late, after = bench.plugin.watched
    assert (early.heard, early.started, early.clock_set) == (early.now, began, None)
    assert (late.heard, late.started, late.clock_set) == (began + timedelta(seconds=5), began, None)
    assert after.clock_set == after.now
    assert after.heard == after.now - timedelta(seconds=7)
    assert after.started == after.now - timedelta(seconds=12)


@pytest.mark.parametrize(("set_by_s", "seen"), [(-1.5, True), (1.5, True), (-0.5, False), (0.5, False)])
def test_a_clock_that_jumps_is_seen_and_one_that_is_steered_is_not(
    bench: Bench, set_by_s: float, seen: bool
) -> None:
    for _ in range(3):
        bench.tick(EVERY_S)
        bench.clock.set_wall(bench.clock.now() + timedelta(seconds=set_by_s))
    bench.tick(EVERY_S)
    assert [one.clock_set is not None for one in bench.plugin.watched] == [False, seen, seen, seen]
