"""A lane that tests drive step by step: real outbox, real numbers, a clock that is wound, no threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.clock import ManualClock
from agent.crypto.at_rest import DataKey, generate
from agent.dispatch.exchange import Exchange
from agent.dispatch.lane import Lane
from agent.dispatch.state import LaneSettings, StreamState
from agent.dispatch.steps import Rest, Send, Step
from agent.events import Draft
from agent.lifetimes import Lifetimes
from agent.numbers import Numbers
from agent.outbox.model import LaneKey, Settled, State
from agent.outbox.store import SqliteOutbox
from tests.contract.outbox_world import LANE, World, visit
from tests.unit.dispatch.scripted import PAY, Platform

MOST_STEPS = 400


class WindingClock(ManualClock):
    """Waiting winds it, so that a test without threads waits in no time. ``meanwhile`` happens then."""

    meanwhile: Callable[[], object] | None = None

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        if not event.is_set():
            assert timeout is not None, "waits for ever"
            self.advance(timeout)
            if timeout and self.meanwhile is not None:
                self.meanwhile()
        return event.is_set()


@dataclass
class Bench:
    """One stream of one system; ``settings`` before the first lane is made."""

    folder: Path
    clock: WindingClock = field(default_factory=WindingClock)
    platform: Platform = field(default_factory=Platform)
    settings: LaneSettings = field(default_factory=LaneSettings)
    key: LaneKey = LANE
    stopping: threading.Event = field(default_factory=threading.Event)
    settled: list[Settled] = field(default_factory=list)
    data_key: DataKey = field(default_factory=lambda: generate(1))

    def __post_init__(self) -> None:
        self.world = World(self._open(), self.clock, self._open)
        self.build()

    def _open(self) -> SqliteOutbox:
        return SqliteOutbox(self.folder / "outbox.db", self.data_key, clock=self.clock, answer_within_s=20)

    def build(self) -> None:
        """Everything that a process makes anew when it starts."""
        self.lifetimes = Lifetimes(self.clock)
        self.numbers = Numbers(self.world.outbox, self.folder / "numbers.json", node=0, nodes=1)
        self.state = StreamState(self.key, self.clock, self.settings)
        self.lane = self.worker()
        self.step: Step = Rest(0)

    def worker(self) -> Lane:
        """One more worker of the same stream."""
        exchange = Exchange(self.platform, self.platform, self.clock, self.stopping)
        return Lane(
            self.state,
            self.world.outbox,
            exchange,
            self.numbers,
            self.lifetimes,
            self.clock,
            self.stopping,
            self.settled.append,
        )

    def restart(self) -> None:
        """The process ends, however, and another one starts."""
        self.world.restart()
        self.stopping.clear()
        self.build()

    # -- the HIS --------------------------------------------------------------------------------
    def drop(self, his_id: str, transaction: str = PAY, **more: Any) -> int:
        """A submission of one message; its number."""
        submission = {
            name: more.pop(name)
            for name in ("valid_until", "after", "replaces", "now", "forced")
            if name in more
        }
        scopes = more.pop("scopes", (visit(more.pop("about", his_id)),))
        settings = {"body": {"row": his_id}, "scopes": scopes, **more}
        return self.world.message(his_id, Draft(transaction, self.key.lane, **settings), **submission)

    # -- the lane -------------------------------------------------------------------------------
    def go(self) -> Rest:
        """Work until there is nothing to do but rest."""
        if isinstance(self.step, Rest):
            self.step = Rest(0)
        for _ in range(MOST_STEPS):
            self.step = self.lane.advance(self.step)
            if isinstance(self.step, Rest):
                return self.step
        raise AssertionError("the lane never rests")

    def claim(self) -> Send:
        """Choose until a message is claimed; nothing of it has left."""
        self.step = self.lane.advance(Rest(0))
        assert isinstance(self.step, Send), self.step
        return self.step

    def wait_and_go(self, times: int = 1) -> Rest:
        """Rest as long as the lane wants to, and work again."""
        for _ in range(times):
            self.clock.advance(self.state.rest_s())
            rest = self.go()
        return rest

    def go_until(self, done: Callable[[], bool]) -> float:
        """Work and rest until something holds; the seconds that passed."""
        started = self.clock.monotonic()
        for _ in range(MOST_STEPS):
            if done():
                return self.clock.monotonic() - started
            self.step = self.lane.advance(self.step)
        raise AssertionError("it never came about")

    def go_until_state(self, message: int, state: State) -> float:
        return self.go_until(lambda: self.state_of(message) == state)

    # -- what is to be seen -----------------------------------------------------------------------
    def state_of(self, message: int) -> State:
        return self.world.state(message)

    def attempts(self, message: int) -> list[str]:
        """The states of a message's attempts, in order."""
        return [entry["state"] for entry in self.world.outbox.history(message) if "attempt" in entry]

    def close(self) -> None:
        self.world.outbox.close()
