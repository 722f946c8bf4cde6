"""Once a day: the audit trail's head is signed and told to the system log, and old things are purged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from agent import pulse
from agent.audit import system_log
from agent.audit.heads import signer
from agent.audit.model import Head
from agent.clock import BEIJING, Clock
from agent.crypto.keys import PrivateKey, load_private
from agent.errors import AgentError, ConfigurationError, StoreError
from agent.keys import KeyRing
from agent.logs import get_logger
from agent.outbox.base import Outbox
from agent.retention.plan import Retention

log = get_logger("agent.upkeep")

FIRST_S: Final = 60.0
"""After a start there is more urgent work than clearing up."""
EVERY_S: Final = 600.0


@dataclass(slots=True)
class Upkeep:
    """A slow loop. ``tell`` writes a line to the system's log."""

    outbox: Outbox
    keys: KeyRing
    clock: Clock
    retention: Retention
    stopping: threading.Event
    tell: Callable[[str], object] = system_log.write
    wakeup: threading.Event = field(default_factory=threading.Event)
    _purged_on: date | None = field(default=None, init=False)

    def run(self) -> None:
        pulse.promise(FIRST_S + pulse.FOREIGN_STEP_S)
        self.clock.wait(self.wakeup, FIRST_S)
        while not self.stopping.is_set():
            pulse.promise(EVERY_S + pulse.FOREIGN_STEP_S)
            self.look_after()
            self.clock.wait(self.wakeup, EVERY_S)
            self.wakeup.clear()

    def look_after(self) -> None:
        """What is due today and has not been done yet."""
        try:
            self.sign_if_due()
            self.purge_if_due()
        except AgentError as error:
            log.error("upkeep put off", code=error.code)
        except OSError as error:
            log.error("upkeep put off", errno=error.errno)

    def started(self) -> None:
        """Record the start. Raises StoreError."""
        self._make_audit_key()
        with self.outbox.write() as tx:
            tx.record("agent.started", {})
        self.sign_if_due()

    def stopped(self) -> None:
        """Record the stop, and leave the end of the trail in the system log."""
        try:
            with self.outbox.write() as tx:
                tx.record("agent.stopped", {})
            self._tell(self.outbox.audit_head())
        except StoreError as error:
            log.error("stop not recorded", code=error.code)

    def sign_if_due(self) -> None:
        """Sign the head once a day. Raises StoreError."""
        last, now = self.outbox.last_signed(), self.clock.now()
        if last is not None and last.astimezone(BEIJING).date() == now.date():
            return
        with self.outbox.write() as tx:
            head = tx.sign_audit(signer(self._audit_key), now)
        self._tell(head)

    def purge_if_due(self) -> None:
        """Purge once a day. Raises StoreError, OSError."""
        today = self.clock.now().date()
        if self._purged_on != today:
            self.retention.carry_out()
            self._purged_on = today

    def _tell(self, head: Head) -> None:
        log.info("audit head", number=head.number, head=head.hash.hex()[:32])
        self.tell(head.line())

    def _audit_key(self) -> PrivateKey:
        return load_private(self.keys.audit_key())

    def _make_audit_key(self) -> None:
        try:
            self.keys.audit_key(create=True)
        except ConfigurationError as error:
            log.warning("audit trail goes unsigned", code=error.code)
