"""A hospital's agent and the rehearsed platform in one process: outbox, lanes, adapter and simulator are the
real ones, between them a wire that loses what the platform's fault switches say.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.clock import BEIJING
from agent.dispatch.exchange import Exchange
from agent.dispatch.lane import Lane
from agent.dispatch.state import StreamState
from agent.dispatch.steps import Rest
from agent.errors import MaybeSent
from agent.events import JsonObject, Request, Response, Submission
from agent.outbox.model import LaneKey, State
from agent.rehearsal.exchange import Rehearsal
from agent.rehearsal.faults import Switch, read_switch
from agent.rehearsal.server import Call, Delivery
from plugins.ministry.adapter import MinistryAdapter, build
from plugins.ministry.simulator.serve import build as build_platform
from tests.unit.dispatch.lane_bench import Bench, WindingClock
from tests.unit.ministry.ministry_desk import URL, Keyring, key
from tests.unit.ministry.simulator.forms import SAMPLES

ACCESS_KEY = "510000001"
LANE = LaneKey("ministry", ACCESS_KEY)
NOW = datetime(2026, 3, 15, 10, 0, 0, 123000, tzinfo=BEIJING)
PDF = base64.b64encode(b"%PDF-1.4 plan").decode()
LOST = (Delivery.NOTHING, Delivery.RESET, Delivery.CUT)


@dataclass
class Wire:
    """From here on it is the platform's: the request arrives, the answer may not."""

    platform: Rehearsal

    def prepare(self, url: str) -> None:
        assert url == URL

    def send(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers}
        answer = self.platform(Call(request.method, "/" + URL.split("/", 3)[3], "", headers, request.body))
        if answer.delivery in LOST:
            raise MaybeSent("no answer")
        return Response(answer.status, {}, answer.body)

    def drop(self, url: str) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


@dataclass
class House(Bench):
    """One access key's lane and its queries, wound by hand."""

    clock: WindingClock = field(default_factory=lambda: WindingClock(NOW))
    key: LaneKey = LANE
    options: JsonObject = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = {"url": URL, "access_key": ACCESS_KEY, **self.options}
        self.adapter: MinistryAdapter = build(settings, Keyring())
        keys = {"own_private": key("platform").to_pem(), "peer_public": key("agent").public.to_pem()}
        self.rehearsal = build_platform(keys, self.clock).rehearsal
        self.wire = Wire(self.rehearsal)
        self.asking = StreamState(LaneKey(*self.key_names, parallel=True), self.clock, self.settings)
        super().__post_init__()

    @property
    def key_names(self) -> tuple[str, str]:
        return self.key.system, self.key.lane

    def worker(self) -> Lane:
        return self._lane(self.state)

    def _lane(self, state: StreamState) -> Lane:
        exchange = Exchange(self.adapter, self.wire, self.clock, self.stopping)
        return Lane(
            state,
            self.world.outbox,
            exchange,
            self.numbers,
            self.lifetimes,
            self.clock,
            self.stopping,
            self.settled.append,
        )

    # -- the HIS ------------------------------------------------------------------------------------
    def submit(self, transaction: str, data: JsonObject, **more: Any) -> int:
        """A submission as intake stores it; its number."""
        submission = Submission("ministry", transaction, "x", data, occurred_at=self.clock.now())
        plan = self.adapter.plan(submission, self.clock.now())
        name = f"HIS-{len(self.world.outbox.messages(limit=10_000))}"
        accepted = self.world.accept(
            name, *plan.drafts, transaction=transaction, warnings=plan.warnings, **more
        )
        return accepted.submission

    def sample(self, transaction: str, *rows: JsonObject, **head: Any) -> JsonObject:
        """The platform's own sample of a transaction, changed; its files are what their names say."""
        changed = [{"filecont": PDF, **row} if transaction == "GYU002" else row for row in rows or [{}]]
        return SAMPLES[transaction].data(changed, head)

    def done(self, transaction: str, *rows: JsonObject, **head: Any) -> JsonObject:
        """Submit a sample and let the lanes work; its result, which must be acceptance."""
        result = self.told(self.submit(transaction, self.sample(transaction, *rows, **head)))
        assert result["state"] == "accepted", result
        return result

    def told(self, submission: int) -> JsonObject:
        """Let everybody work, and the HIS read all results; the submission's."""
        self.work()
        self.world.write_results()
        return self.world.result(submission)

    # -- the agent ----------------------------------------------------------------------------------
    def work(self, *, hours: float = 2) -> None:
        """Let the lane and the queries beside it work until nothing is left to do, or time is over."""
        until = self.clock.monotonic() + hours * 3600
        query = self._lane(self.asking)
        while self.clock.monotonic() < until:
            self.go()
            step = query.begin()
            while not isinstance(step, Rest):
                step = query.advance(step)
            busy = {view.state for view in self.world.outbox.messages(limit=10_000)}
            if not busy & {State.READY, State.IN_FLIGHT, State.INQUIRING}:
                return
            self.clock.advance(max(1.0, self.state.rest_s()))

    # -- the platform ---------------------------------------------------------------------------------
    def fault(self, name: str, *on: str, **more: Any) -> None:
        """The next call of these transactions suffers from it once."""
        switch: Switch = read_switch({"name": name, "on": list(on), "times": 1, **more})
        self.rehearsal.board.replace((switch,))

    def calls(self, transaction: str) -> list[str]:
        """The REFIDs under which a transaction came to the platform, in order."""
        return [call.wire_id for call in self.rehearsal.ledger.calls() if call.transaction == transaction]

    def effects(self, transaction: str) -> list[str]:
        """What a transaction changed on the platform."""
        return [entry.key for entry in self.rehearsal.ledger.entries() if entry.transaction == transaction]

    # -- what the agent remembers -------------------------------------------------------------------
    def facts(self, kind: str, *of: str) -> dict[str, str]:
        with self.world.outbox.write() as tx:
            return dict(tx.history("ministry").values(kind, of))

    def fact(self, kind: str, *of: str) -> str | None:
        with self.world.outbox.write() as tx:
            return tx.history("ministry").value(kind, of)


def house(folder: Path, **options: Any) -> House:
    return House(folder, options=options)


def states(results: Iterable[JsonObject]) -> list[str]:
    return [str(result["state"]) for result in results]
