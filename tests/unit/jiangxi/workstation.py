"""A workstation in one thread: real outbox, numbers and lanes, the real adapter, the rehearsed province
behind a wire that loses what the province drops. The clock is wound, nothing waits."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent import jsontext
from agent.crypto.at_rest import DataKey, generate
from agent.dispatch.exchange import Exchange
from agent.dispatch.lane import Lane
from agent.dispatch.state import LaneSettings, StreamState
from agent.dispatch.steps import Rest, Step
from agent.errors import MaybeSent
from agent.events import JsonObject, Request, Response, Submission
from agent.lifetimes import Lifetimes
from agent.numbers import Numbers
from agent.outbox.model import LaneKey, NewSubmission, ReplyAddress, State
from agent.outbox.store import SqliteOutbox
from agent.rehearsal.exchange import Rehearsal
from agent.rehearsal.faults import parse_switch
from agent.rehearsal.messages import Call, Delivery
from plugins.jiangxi.adapter import JiangxiAdapter, build
from plugins.jiangxi.simulator.serve import build as build_province
from tests.unit.dispatch.lane_bench import WindingClock
from tests.unit.jiangxi.province import HOSPITAL, SAFE, URL, NoKeys

MOST_STEPS = 2000


@dataclass
class Wire:
    """The transport: what the province drops is lost, everything else arrives."""

    province: Rehearsal
    sent: list[tuple[str, JsonObject]] = field(default_factory=list)

    def prepare(self, url: str) -> None:
        assert url == URL

    def send(self, request: Request) -> Response:
        nodes = jsontext.read_object(request.body.decode("utf-8"))
        self.sent.append((nodes["ywlx"], nodes["input"]))
        answer = self.province(Call(request.method, "/gsyl/rest/service", "", {}, request.body))
        if answer.delivery in (Delivery.NOTHING, Delivery.RESET):
            raise MaybeSent("no answer")
        return Response(answer.status, {}, answer.body)

    def drop(self, url: str) -> None:
        assert url == URL

    def close(self) -> None:
        return

    def abort(self) -> None:
        return

    def bodies(self, transaction: str) -> list[JsonObject]:
        return [body for code, body in self.sent if code == transaction]


@dataclass
class Workstation:
    folder: Path
    adapter: JiangxiAdapter
    province: Rehearsal
    clock: WindingClock
    settings: LaneSettings = field(default_factory=LaneSettings)
    data_key: DataKey = field(default_factory=lambda: generate(1))
    _events: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.wire = Wire(self.province)
        self.outbox = SqliteOutbox(
            self.folder / "outbox.db", self.data_key, clock=self.clock, answer_within_s=20
        )
        self.numbers = Numbers(self.outbox, self.folder / "numbers.json", node=0, nodes=1)
        self.submissions: dict[str, int] = {}
        self.lanes = [self._lane(parallel=False), self._lane(parallel=True)]
        self.steps: list[Step] = [Rest(0), Rest(0)]

    def _lane(self, *, parallel: bool) -> Lane:
        stopping = threading.Event()
        return Lane(
            StreamState(LaneKey("jiangxi", HOSPITAL, parallel), self.clock, self.settings),
            self.outbox,
            Exchange(self.adapter, self.wire, self.clock, stopping),
            self.numbers,
            Lifetimes(self.clock),
            self.clock,
            stopping,
            lambda settled: None,
        )

    # -- the HIS ----------------------------------------------------------------------------------
    def drop(self, his_id: str, transaction: str, data: JsonObject, *, force: bool = False) -> int:
        """What intake does with a file; the submission's number."""
        now = self.clock.now()
        plan = self.adapter.plan(Submission("jiangxi", transaction, his_id, data, occurred_at=now), now)
        new = NewSubmission(
            event_id=f"event-{next(self._events)}",
            system="jiangxi",
            transaction=transaction,
            id=his_id,
            digest=his_id.encode(),
            reply=ReplyAddress("inbox", f"{his_id}.json"),
            received_at=now,
            occurred_at=now,
            drafts=plan.drafts,
            warnings=plan.warnings,
            forced=force,
            rows_total=max((draft.rows[1] for draft in plan.drafts if draft.rows), default=0),
        )
        with self.outbox.write() as tx:
            self.submissions[his_id] = tx.accept(new).submission
        return self.submissions[his_id]

    def result(self, his_id: str) -> JsonObject:
        result = self.outbox.result(self.submissions[his_id])
        assert result is not None
        return result

    def fault(self, *switches: str) -> None:
        self.province.board.replace([parse_switch(text) for text in switches])

    def resolve(self, his_id: str, verdict: str, **data: Any) -> None:
        """A person decides about the message that waits."""
        number = self.submissions[his_id]
        waiting = [
            view.message
            for view in self.outbox.messages(state=State.UNKNOWN, limit=100)
            if view.submission == number
        ]
        with self.outbox.write(urgent=True) as tx:
            tx.resolve(
                waiting[0],
                verdict,
                data,
                "operator",
                "asked the office",
                self.clock.now(),
                lambda _system, draft, ids, given: self.adapter.resolved(draft, ids, given),
            )

    # -- time -------------------------------------------------------------------------------------
    def run(self, his_id: str) -> JsonObject:
        """Work until a submission waits for nobody but a person or another; its result."""
        self.steps = [Rest(0) if isinstance(step, Rest) else step for step in self.steps]
        for _ in range(MOST_STEPS):
            if self.result(his_id)["final"] or self.result(his_id)["state"] in ("unknown", "parked"):
                return self.result(his_id)
            self._advance()
        raise AssertionError(f"nothing becomes of {his_id}: {self.result(his_id)}")

    def do(self, his_id: str, transaction: str, data: JsonObject, *, force: bool = False) -> JsonObject:
        self.drop(his_id, transaction, data, force=force)
        return self.run(his_id)

    def settle_down(self) -> None:
        """Work as long as anything can be done at once."""
        self.steps = [Rest(0) if isinstance(step, Rest) else step for step in self.steps]
        self._advance()
        while not all(isinstance(step, Rest) for step in self.steps):
            self._advance()

    def _advance(self) -> None:
        self.steps = [lane.advance(step) for lane, step in zip(self.lanes, self.steps, strict=True)]

    def close(self) -> None:
        self.outbox.close()


@contextmanager
def workstation(
    folder: Path, lanes: LaneSettings | None = None, settings: JsonObject | None = None, **province: str
) -> Iterator[Workstation]:
    clock = WindingClock()
    adapter = build({"url": URL, "institutions": [f"{HOSPITAL}={SAFE}"], **(settings or {})}, NoKeys())
    built = Workstation(
        folder, adapter, build_province(province, clock).rehearsal, clock, lanes or LaneSettings()
    )
    yield built
    built.close()
