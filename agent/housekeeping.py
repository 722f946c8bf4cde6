"""What has to happen though nothing arrives: expiry of what no lane comes to, and deadline warnings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agent import pulse
from agent.clock import Clock
from agent.errors import StoreError
from agent.logs import get_logger
from agent.outbox.base import Outbox
from agent.outbox.model import Settled

EVERY_S: Final = 1.0

log = get_logger("agent.housekeeping")


@dataclass(slots=True)
class Housekeeping:
    """A slow loop. ``settled`` is told of what expired."""

    outbox: Outbox
    clock: Clock
    stopping: threading.Event
    settled: Callable[[Settled], None]
    ended: Callable[[], bool] = lambda: False
    """Whether the database was moved away: what it says counts no more."""
    wakeup: threading.Event = field(default_factory=threading.Event)
    _warned: set[tuple[int, str]] = field(default_factory=set, init=False)

    def run(self) -> None:
        while not self.stopping.is_set():
            pulse.promise(pulse.FOREIGN_STEP_S)
            if self.ended():
                return
            try:
                self.expire_lapsed()
                self.warn_of_deadlines()
            except StoreError as error:
                log.error("housekeeping waits for the outbox", code=error.code)
            self.clock.wait(self.wakeup, EVERY_S)
            self.wakeup.clear()

    def expire_lapsed(self) -> None:
        """Expire what is blocked, parked or waiting and may not be sent any more."""
        now = self.clock.now()
        if not self.outbox.lapsed(now, 1):
            return
        with self.outbox.write() as tx:
            ended = tx.expire_lapsed(now)
        for settled in ended:
            self.settled(settled)

    def warn_of_deadlines(self) -> None:
        """Log each deadline of a submission that is near or past, once."""
        near = self.outbox.near_deadline(self.clock.now())
        for view in near:
            if (view.submission, view.deadline) not in self._warned:
                log.warning(
                    "deadline near",
                    message=view.message,
                    transaction=view.transaction,
                    lane=view.lane,
                    deadline=view.deadline,
                    deadline_at=view.deadline_at.isoformat() if view.deadline_at else None,
                )
        self._warned = {(view.submission, view.deadline) for view in near}
