"""The threads of all lanes of one system: made when a lane first has work, stopped together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.clock import Clock
from agent.dispatch.asking import Asker
from agent.dispatch.exchange import Exchange
from agent.dispatch.judgement import Halt
from agent.dispatch.lane import Lane
from agent.dispatch.state import LaneSettings, StreamState
from agent.errors import AgentError
from agent.events import Draft, Outcome
from agent.lifetimes import Lifetimes
from agent.numbers import Numbers
from agent.outbox.base import Outbox
from agent.outbox.model import LaneKey, Settled
from agent.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """A stream as the status shows it."""

    key: LaneKey
    halt: Halt | None
    trouble: str
    rest_s: float


@dataclass(slots=True)
class Dispatcher:
    """Lanes of one system. ``wake`` makes and wakes them; it may be called from any thread."""

    system: str
    settings: LaneSettings
    outbox: Outbox
    exchange: Exchange
    numbers: Numbers
    lifetimes: Lifetimes
    clock: Clock
    stopping: threading.Event
    supervisor: Supervisor
    settled: Callable[[Settled], None]
    _streams: dict[LaneKey, StreamState] = field(default_factory=dict, init=False)
    _beside: dict[LaneKey, StreamState] = field(default_factory=dict, init=False)
    _lanes: dict[LaneKey, list[Lane]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def wake(self, key: LaneKey) -> None:
        """There is, or may be, work in this lane."""
        with self._lock:
            lanes = self._lanes.get(key) or self._open(key)
        for lane in lanes:
            lane.wakeup.set()

    def wake_all(self) -> None:
        """Wake every lane that has work: a message that one lane settled may have been what a message
        of another waited for, and follow-ups may be the first work of theirs."""
        for key in self.outbox.lanes():
            if key.system == self.system:
                self.wake(key)

    def resume(self) -> None:
        """Let halted and backed-off lanes go on at once, after a person mended something."""
        with self._lock:
            streams = [*self._streams.values(), *self._beside.values()]
        for stream in streams:
            stream.resume()
        self.wake_all()

    def status(self) -> tuple[LaneStatus, ...]:
        with self._lock:
            ailing = [state for state in self._beside.values() if state.halt or state.trouble]
            streams = [*self._streams.values(), *ailing]
        return tuple(LaneStatus(s.key, s.halt, s.trouble, s.rest_s()) for s in streams)

    def halt(self, key: LaneKey) -> Halt | None:
        """Why a stream has stopped; None while it goes on."""
        with self._lock:
            stream = self._streams.get(key)
        return stream.halt if stream is not None else None

    def ask(self, draft: Draft) -> Outcome | AgentError:
        """Send a harmless transaction outside any lane (``his-agent check``)."""
        return Asker(self.exchange, self.numbers, self.outbox, self.clock).ask(draft)

    def interrupt(self) -> None:
        """Wake every worker there is, so that it looks again."""
        with self._lock:
            lanes = [lane for group in self._lanes.values() for lane in group]
        for lane in lanes:
            lane.wakeup.set()

    def _open(self, key: LaneKey) -> list[Lane]:
        state = StreamState(key, self.clock, self.settings)
        self._streams[key] = state
        workers = self.settings.parallel if key.parallel else 1
        self._lanes[key] = [self._lane(state, number) for number in range(workers)]
        if not key.parallel and self._inquires_beside():
            self._open_beside(key, state)
        return self._lanes[key]

    def _inquires_beside(self) -> bool:
        catalog = self.exchange.adapter.catalog
        return any(catalog.transaction(code).inquiry_beside for code in catalog.transactions)

    def _open_beside(self, key: LaneKey, state: StreamState) -> None:
        """A second worker for what is inquired about while the lane goes on."""
        self._beside[key] = StreamState(key, self.clock, self.settings, state.doubts, beside=True)
        (lane,) = self._lanes[key]
        beside = self._lane(self._beside[key], 0)
        lane.other, beside.other = beside.wakeup, lane.wakeup
        self._lanes[key].append(beside)

    def _lane(self, state: StreamState, number: int) -> Lane:
        lane = Lane(
            state=state,
            outbox=self.outbox,
            exchange=self.exchange,
            numbers=self.numbers,
            lifetimes=self.lifetimes,
            clock=self.clock,
            stopping=self.stopping,
            settled=self.settled,
        )
        beside = f"/query-{number}" if state.key.parallel else "/doubts" if state.beside else ""
        self.supervisor.run(f"lane {self.system}/{state.key.lane}{beside}", lane.run, lane.wakeup)
        return lane
