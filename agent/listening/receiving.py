"""A notice becomes a commit: what it settles is settled as an inquiry would have, the rest is noted.

A notice is an answer to an inquiry that nobody asked. It may race with the inquiry itself and with the
answer to the message; whoever commits first settles it, and the others find it settled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from agent.clock import Clock
from agent.events import Finding, Identifier, Outcome, Verdict
from agent.faults import crash_point
from agent.hookspecs import Hearing, Incoming, Notice, ProtocolAdapter
from agent.logs import get_logger
from agent.outbox.base import Outbox, Transaction
from agent.outbox.model import Head, Settled

log = get_logger("agent.listening")

HEARD: Final = "notice"
"""The fact of a notice: by what it is about, its own key as member, when it came first as value."""
_FINAL: Final = frozenset({Verdict.ACCEPTED, Verdict.PARTIAL, Verdict.REJECTED})


@dataclass(frozen=True, slots=True)
class Receiver:
    """``settled`` is told of every outcome after its commit. Safe to be called by several threads."""

    system: str
    adapter: ProtocolAdapter
    hearing: Hearing
    outbox: Outbox
    clock: Clock
    settled: Callable[[Settled], None]

    def receive(self, incoming: Incoming) -> bytes:
        """The body of a successful answer; what was heard is on disk when this returns.

        Raises AnswerRejected or CryptoError for what must not be believed, ConfigurationError and
        StoreError when it cannot be heard now: the system should say it again.
        """
        notice = self.hearing.heard(incoming)
        crash_point("listening.before_commit")
        with self.outbox.write(urgent=True) as tx:
            ended = list(self._settle(tx, notice))
            alarm = self._note(tx, notice, len(ended))
        crash_point("listening.after_commit")
        if alarm:
            log.error("notice contradicts what was told", system=self.system, alarm=alarm)
        for one in ended:
            self.settled(one)
        return notice.reply

    def _settle(self, tx: Transaction, notice: Notice) -> Iterator[Settled]:
        for head in tx.in_doubt(self.system, notice.scope):
            found = self._concluded(head, notice)
            if found is not None:
                attempt, outcome = found
                yield tx.settle(head.message, outcome, self.clock.now(), attempt=attempt)

    def _concluded(self, head: Head, notice: Notice) -> tuple[int, Outcome] | None:
        """The first attempt that the notice settles, if it answers what would be asked about it."""
        for attempt in head.doubts:
            draft = attempt.draft or head.draft
            question = self.adapter.inquire(draft, attempt.ids)
            if question is None or (question.transaction, question.body) != (
                notice.transaction,
                notice.question,
            ):
                continue
            conclusion = self.adapter.conclude(draft, attempt.ids, notice.answer)
            outcome = conclusion.outcome
            if conclusion.finding is Finding.FOUND and outcome is not None and outcome.verdict in _FINAL:
                return attempt.number, outcome
        return None

    def _note(self, tx: Transaction, notice: Notice, ended: int) -> str:
        """Keep that it was heard, once; said again it changes nothing. Returns an alarm, or ""."""
        about, now = notice.scope.key, self.clock.now()
        history = tx.history(self.system)
        if history.value(HEARD, about, notice.key) is not None:
            return ""
        noted = self.hearing.noted(notice, history, now)
        heard = Identifier(HEARD, about, now.isoformat(), notice.key)
        tx.give_facts(self.system, (*noted.identifiers, heard), noted.forgotten)
        details: dict[str, str | int] = {"system": self.system, "settled": ended}
        if noted.alarm:
            details["alarm"] = noted.alarm
        tx.record("notice.heard", details)
        return noted.alarm
