"""Whatever is lost, wherever the process dies: each business row takes effect once, in order, and each
submission has one final result.

A real lane over a real outbox, driven step by step against a platform in memory that does not deduplicate,
loses answers before or after their effect, and may commit long after it was asked. A crash drops every
Python object and goes on with a copy of the files.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from agent.dispatch import commits, exchange, inquiry
from agent.dispatch.steps import Rest
from agent.errors import MaybeSent, NotSent
from agent.outbox import writer
from agent.outbox.model import State
from tests.contract.outbox_world import visit
from tests.unit.dispatch.lane_bench import Bench
from tests.unit.dispatch.scripted import INQUIRY, PAY, THERE, TOO_OFTEN, UNCLEAR, Lost, Platform

NO_ANSWER = MaybeSent("no answer")
VISITS = ("V1", "V2", "V3")
MOST_STEPS = 600


class Crash(BaseException):
    """The process is gone at this instruction."""


@dataclass
class Working(Lost):
    """The platform is still working on it: it takes effect ``seconds`` or ``calls`` later."""

    seconds: float = 0.0
    calls: int = 0


@dataclass
class Late(Platform):
    """Commits what it works on within the answer time-out, whoever asks meanwhile, and refuses nothing;
    what takes longer than that it refuses when the row is there ("already there")."""

    clock: Any = None
    working: list[tuple[float, int, str, Any]] = field(default_factory=list)
    late: set[str] = field(default_factory=set)

    def _send(self, request: Any) -> Any:
        self.commit_due()
        self.next = self.script[0] if self.script else None
        return super()._send(request)

    def commit_due(self, *, all_of_it: bool = False) -> None:
        calls, now = len(self.sent), self.clock.monotonic()
        for one in list(self.working):
            at, call, wire_id, body = one
            if all_of_it or now >= at >= 0 or calls >= call >= 0:
                self.working.remove(one)
                self._commit(wire_id, body, guarded=call >= 0)

    def _commit(self, wire_id: str, body: Any, *, guarded: bool) -> None:
        if body["row"] in self.late or (guarded and body["row"] in self.rows()):
            self.stored[wire_id] = THERE
            return
        super()._take_effect(wire_id, body)
        if guarded:
            self.late.add(body["row"])

    def _truth(self, code: str, body: Any) -> Any:
        if code == PAY and body["row"] in self.late:
            return THERE
        return super()._truth(code, body)

    def _take_effect(self, wire_id: str, body: Any, *, late: bool = False) -> None:
        if isinstance(self.next, Working):
            at = self.clock.monotonic() + self.next.seconds if self.next.seconds else -1
            call = len(self.sent) + self.next.calls if self.next.calls else -1
            self.working.append((at, call, wire_id, body))
        elif body["row"] in self.late:
            self.stored[wire_id] = THERE
        else:
            super()._take_effect(wire_id, body)

    def rows(self) -> list[str]:
        return [body["row"] for _, body in self.effects]


BEHAVIOURS = {
    "never arrived": NO_ANSWER,
    "answer lost": Lost(NO_ANSWER),
    "answer lost, still at work": Working(NO_ANSWER, seconds=25.0),
    "answer lost, at work for minutes": Working(NO_ANSWER, calls=4),
    "refused connection": NotSent("refused"),
    "too often": TOO_OFTEN,
    "unclear, not done": UNCLEAR,
    "unclear, done": Lost(NO_ANSWER),
}
INQUIRY_BEHAVIOURS = {"no answer": NO_ANSWER, "too often": TOO_OFTEN, "unclear": UNCLEAR}
ANSWERS = st.lists(st.sampled_from(sorted(BEHAVIOURS)), max_size=3)
INQUIRIES = st.lists(st.sampled_from(sorted(INQUIRY_BEHAVIOURS)), max_size=2)
POINTS = (
    "dispatch.after_claim",
    "dispatch.before_send",
    "dispatch.after_answer",
    "dispatch.before_commit",
    "dispatch.after_commit",
    "inquiry.before_send",
    "inquiry.after_answer",
    "outbox.before_commit",
    "outbox.after_commit",
)


class Delivery(RuleBasedStateMachine):
    """One hospital, one lane, one platform."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="delivery-"))
        self.platform = Late()
        self.runs = 0
        self.dropped: list[tuple[str, str]] = []
        self.finals: dict[str, dict[str, Any]] = {}
        self.armed: tuple[str, int] | None = None
        self.patch = pytest.MonkeyPatch()
        for module in (commits, exchange, inquiry, writer):
            self.patch.setattr(module, "crash_point", self._point)

    @initialize(visits=st.lists(st.sampled_from(VISITS), min_size=2, max_size=5))
    def begin(self, visits: list[str]) -> None:
        (self.root / "0").mkdir()
        self.bench = Bench(self.root / "0", platform=self.platform)
        self.platform.clock = self.bench.clock
        self.old: list[Bench] = []
        self.drop(visits)

    def teardown(self) -> None:
        try:
            if hasattr(self, "bench"):
                self.heal()
                self.judge()
        finally:
            self.patch.undo()
            for bench in [*getattr(self, "old", []), *([self.bench] if hasattr(self, "bench") else [])]:
                bench.close()
            shutil.rmtree(self.root)

    # -- the world --------------------------------------------------------------------------------
    @rule(visits=st.lists(st.sampled_from(VISITS), min_size=1, max_size=4))
    def drop(self, visits: list[str]) -> None:
        for about in visits:
            his_id = f"R{len(self.dropped):03}"
            self.bench.drop(his_id, body={"row": his_id}, scopes=(visit(about),))
            self.dropped.append((about, his_id))

    @rule(hours=st.sampled_from([-5000, -1, 1, 5000]))
    def set_the_wall_clock(self, hours: int) -> None:
        self.bench.clock.set_wall(self.bench.clock.now() + timedelta(hours=hours))

    # -- the agent --------------------------------------------------------------------------------
    @rule(steps=st.integers(1, 12), answers=ANSWERS, inquiries=INQUIRIES)
    def work(self, steps: int, answers: list[str], inquiries: list[str]) -> None:
        """Some steps; what the platform does with the next messages and inquiries."""
        self.platform.script.extend(BEHAVIOURS[name] for name in answers)
        self.platform.inquiry_script.extend(INQUIRY_BEHAVIOURS[name] for name in inquiries)
        for _ in range(steps):
            self.bench.step = self.bench.lane.advance(self.bench.step)

    @rule()
    def hurry(self) -> None:
        self.bench.state.resume()
        self.bench.step = Rest(0) if isinstance(self.bench.step, Rest) else self.bench.step

    @rule()
    def write_results(self) -> None:
        self._write(mark=True)

    @rule()
    def write_results_and_die_before_they_are_marked(self) -> None:
        self._write(mark=False)
        self.crash()

    @rule(point=st.sampled_from(POINTS), nth=st.integers(1, 3), answers=ANSWERS)
    def die_at(self, point: str, nth: int, answers: list[str]) -> None:
        self.armed = (point, nth)
        try:
            self.work(12, answers, [])
        except Crash:
            self.crash()
        finally:
            self.armed = None

    @rule()
    def crash(self) -> None:
        """Nothing is closed; the next process finds what is on the disk."""
        self.runs += 1
        target = self.root / str(self.runs)
        shutil.copytree(self.bench.folder, target)
        (target / "outbox.db.lock").unlink(missing_ok=True)
        self._open(target)

    @rule()
    def stop_and_start(self) -> None:
        """In order: what is claimed and was not sent is taken back."""
        self.bench.stopping.set()
        self.bench.lane.run() if isinstance(self.bench.step, Rest) else self._finish_step()
        self.bench.restart()

    # -- machinery --------------------------------------------------------------------------------
    def _finish_step(self) -> None:
        self.bench.step = self.bench.lane.advance(self.bench.step)
        self.bench.lane.run()

    def _open(self, folder: Path) -> None:
        self.old.append(self.bench)
        clock, key = self.bench.clock, self.bench.data_key
        self.bench = Bench(folder, platform=self.platform, clock=clock, data_key=key)
        self.bench.world._events = self.old[-1].world._events

    def _point(self, name: str) -> None:
        if self.armed is not None and self.armed[0] == name:
            self.armed = (name, self.armed[1] - 1)
            if self.armed[1] == 0:
                self.armed = None
                raise Crash

    def _write(self, *, mark: bool) -> None:
        outbox = self.bench.world.outbox
        due = outbox.due_replies(self.bench.clock.now(), 1000)
        for reply in due:
            known = self.finals.get(reply.address.file_name)
            if known is not None:
                assert (reply.final, reply.result) == (True, known), "a final result never changes"
            if reply.final:
                self.finals[reply.address.file_name] = reply.result
        if mark and due:
            with outbox.write() as tx:
                tx.mark_replied([(reply.reply, reply.revision) for reply in due])

    # -- the end ----------------------------------------------------------------------------------
    def heal(self) -> None:
        """Everything answers again; a person settles what no inquiry could."""
        self.armed = None
        self.platform.script.clear()
        self.platform.inquiry_script.clear()
        self.platform.commit_due(all_of_it=True)
        for _ in range(MOST_STEPS):
            if self._all_ended():
                break
            self.bench.step = self.bench.lane.advance(self.bench.step)
            if isinstance(self.bench.step, Rest):
                self._decide()
        self._write(mark=True)

    def _all_ended(self) -> bool:
        return all(view.state == State.ACCEPTED for view in self.bench.world.outbox.messages(limit=1000))

    def _decide(self) -> None:
        for view in self.bench.world.outbox.messages(limit=1000):
            if view.state in {State.UNKNOWN, State.PARKED}:
                there = view.his_id in self.platform.rows()
                self.bench.world.resolve(view.message, "accepted" if there else "resend")

    def judge(self) -> None:
        rows = self.platform.rows()
        assert sorted(rows) == sorted(his_id for _, his_id in self.dropped)
        for about in VISITS:
            expected = [his_id for place, his_id in self.dropped if place == about]
            assert [row for row in rows if row in expected] == expected
        attempts = [wire_id for code, wire_id, _ in self.platform.sent]
        assert len(attempts) == len(set(attempts))
        assert {name: result["state"] for name, result in self.finals.items()} == {
            f"{his_id}.json": "accepted" for _, his_id in self.dropped
        }
        assert all(result["id"] == name[:-5] for name, result in self.finals.items())
        assert INQUIRY not in {result["transaction"] for result in self.finals.values()}


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(
    max_examples=80,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # making a failure small takes many minutes
)
