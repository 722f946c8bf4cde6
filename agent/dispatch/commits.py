"""The commits of one worker: what it has in hand, and how what it knows gets to the disk.

What a worker has in hand no other worker of the stream looks at, from the commit that claims it to the
one that records what came of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from agent import pulse
from agent.clock import Clock
from agent.dispatch.choosing import Chooser
from agent.dispatch.recording import may_pass
from agent.dispatch.state import StreamState
from agent.dispatch.steps import Rest, Step, message_in
from agent.errors import StoreError
from agent.faults import crash_point
from agent.logs import get_logger
from agent.outbox.base import Outbox, Transaction
from agent.outbox.model import Settled

log = get_logger("agent.dispatch")

STORE_RETRY_S = 2.0

Act = Callable[[Transaction], None]


@dataclass(slots=True)
class Commits:
    """``step`` is what the latest commit chose. ``settled`` is told of every outcome after its commit."""

    state: StreamState
    outbox: Outbox
    chooser: Chooser
    clock: Clock
    stopping: threading.Event
    settled: Callable[[Settled], None]
    step: Step = field(default=Rest(0), init=False)
    _mine: int | None = field(default=None, init=False)
    _probed: int = field(default=0, init=False)
    _news: list[Settled] = field(default_factory=list, init=False)

    def start(self) -> Step:
        """The next step, when there is nothing to record."""
        return self.chooser.standstill() or self.choose()

    def choose(self, *, probed: int = 0) -> Step:
        """As above, though the stream may have been standing; ``probed``: the endpoint was just found
        well for this message."""
        self._probed = probed or self._probed
        try:
            return self._transact(self._choose)
        except StoreError as error:
            log.error("outbox refused", code=error.code, lane=self.state.key.lane)
            return Rest(STORE_RETRY_S)

    def last_try(self, message: int) -> bool:
        """Whether a message is sent once more after the endpoint was found well; says so once."""
        last = self._probed == message
        self._probed = 0 if last else self._probed
        return last

    def finish(self, act: Act, otherwise: Act | None = None) -> Step:
        """Commit what is known, however long the disk takes: an answer in hand is never dropped
        while the agent runs; when it stops first, the attempt on disk leads to an inquiry.

        ``otherwise`` is done instead of what the outbox can never store. Returns the next step."""
        crash_point("dispatch.before_commit")
        while True:
            try:
                step = self._stored(act)
            except Exception as error:
                if isinstance(error, StoreError) and may_pass(error):
                    self._wait_for_room(error)
                elif otherwise is None:
                    raise
                else:
                    log.exception("outcome cannot be stored", lane=self.state.key.lane)
                    act, otherwise = otherwise, None
            else:
                crash_point("dispatch.after_commit")
                return step

    def record_alone(self, act: Act) -> None:
        """Commit without choosing; what a full disk prevents is found in doubt by the next start."""
        try:
            self._transact(lambda tx: _alone(tx, act))
        except StoreError as error:
            log.error("outbox refused", code=error.code, lane=self.state.key.lane)

    def tell(self, *settled: Settled) -> None:
        """Of the commit under way."""
        self._news.extend(settled)

    # -- one commit -----------------------------------------------------------------------------
    def _wait_for_room(self, error: StoreError) -> None:
        pulse.beat()
        log.error("outcome not stored yet", code=error.code, lane=self.state.key.lane)
        if self.clock.wait(self.stopping, STORE_RETRY_S):
            raise error

    def _choose(self, tx: Transaction) -> Step:
        if self.stopping.is_set():
            return Rest(0)
        return self.chooser.choose(tx, mine=self._mine, probed=self._probed, news=self._news)

    def _stored(self, act: Act) -> Step:
        """One commit with the choice of the next step; without it when choosing is what fails."""

        def both(tx: Transaction) -> Step:
            act(tx)
            return self.chooser.standstill() or self._choose(tx)

        try:
            return self._transact(both)
        except Exception as error:  # noqa: BLE001 - if it was the act, the same is raised below
            reason = type(error).__name__
            log.warning("outcome not stored with the next claim", lane=self.state.key.lane, reason=reason)
            return self._transact(lambda tx: _alone(tx, act))

    def _transact(self, act: Callable[[Transaction], Step]) -> Step:
        """One durable commit; what it took in hand and what it has to tell hold only with it."""
        self._news.clear()
        taken: int | None = None
        try:
            with self.outbox.write(urgent=True) as tx:
                step = act(tx)
                taken = message_in(step)
                if taken is not None:
                    self.state.hold(taken)
        except BaseException:
            if taken is not None and taken != self._mine:
                self.state.release(taken)
            raise
        if self._mine is not None and self._mine != taken:
            self.state.release(self._mine)
        self._mine, self.step = taken, step
        self._tell_all()
        return step

    def _tell_all(self) -> None:
        """After the commit: whoever listens cannot undo it."""
        for settled in self._news:
            self.state.forget(settled.message)
            try:
                self.settled(settled)
            except Exception:
                log.exception("listener failed", lane=self.state.key.lane)
        self._news.clear()


def _alone(tx: Transaction, act: Act) -> Step:
    act(tx)
    return Rest(0)
