"""What a worker does next, chosen and claimed within one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agent.clock import Clock
from agent.dispatch.asking import draw_number, wire_ids
from agent.dispatch.exchange import defect
from agent.dispatch.filling import fill, refusal
from agent.dispatch.state import StreamState
from agent.dispatch.steps import Ask, Probe, Rest, Send, Step
from agent.errors import AgentError, StoreError
from agent.events import Completion
from agent.hookspecs import ProtocolAdapter
from agent.lifetimes import Lifetimes
from agent.logs import get_logger
from agent.numbers import Numbers
from agent.outbox.base import Transaction
from agent.outbox.model import Head, Settled

log = get_logger("agent.dispatch")

IDLE_S = 10.0
"""How long an idle worker rests when nobody wakes it."""


def halt(state: StreamState, error: AgentError, message: int = 0) -> None:
    """Stop a stream, aloud; ``message`` is the one whose refusal stopped it."""
    log.error("lane stopped", lane=state.key.lane, code=error.code, reason=str(error))
    state.stop(error, message)


@dataclass(frozen=True, slots=True)
class Chooser:
    """Chooses for the workers of one stream."""

    state: StreamState
    adapter: ProtocolAdapter
    numbers: Numbers
    lifetimes: Lifetimes
    clock: Clock

    def standstill(self) -> Step | None:
        """A reason not to look at the queue at all."""
        rest = self.state.rest_s()
        if rest > 0:
            return Rest(rest)
        return Probe(None) if self.state.halt is not None else None

    def choose(self, tx: Transaction, *, mine: int | None, probed: int, news: list[Settled]) -> Step:
        """The next step, claimed. ``mine`` is the message that the worker had in hand, ``probed`` the
        one for which the endpoint was just found well; what ended on the way is added to ``news``."""
        while True:
            head = self._head(tx, mine)
            if head is None:
                return Rest(self._idle_s())
            if head.inquiring:
                return Ask(head)
            expired = self.lifetimes.expired(head.submission, head.valid_until)
            lost = refusal(tuple(need for need in head.missing if need.draw is None))
            if expired():
                news.append(tx.expire(head.message, self.clock.now()))
            elif lost is not None:
                news.append(tx.settle(head.message, lost, self.clock.now()))
            elif self._wants_probe(head) and head.message != probed:
                return Probe(head)
            else:
                step = self._claim(tx, head, expired, news)
                if step is not None:
                    return step

    def _head(self, tx: Transaction, mine: int | None) -> Head | None:
        state, skip = self.state, self.state.in_hand(but=mine)
        if state.beside:
            skip |= state.doubts.waiting(self.clock.monotonic())
        return tx.head(state.key, strict=state.settings.strict, skip=skip, beside=state.beside)

    def _idle_s(self) -> float:
        """Until somebody wakes the worker, or the next inquiry beside the lane is due."""
        now = self.clock.monotonic()
        due = self.state.doubts.next_at(now) if self.state.beside else None
        return IDLE_S if due is None else min(IDLE_S, due - now)

    def _wants_probe(self, head: Head) -> bool:
        failures = max(head.withdrawn, self.state.unheard(head.message))
        return failures >= self.state.settings.probe_after

    def _claim(
        self, tx: Transaction, head: Head, expired: Callable[[], bool], news: list[Settled]
    ) -> Step | None:
        """Without a whole draft or a wire id nothing is consumed: a plugin fails, numbers are used up,
        or the calendar is wrong. None when the message is not to be sent now, or ever."""
        try:
            completion = self._completed(tx, head)
            if completion.refused:
                alone, now = completion.alone, self.clock.now()
                news.append(tx.refuse(head.message, completion.refused, now, alone=alone))
                return None
            if completion.given:
                tx.give_facts(head.system, completion.given, message=head.message)
            if completion.awaits:
                tx.hold(head.message, completion.awaits)
                return None
            ids = wire_ids(self.adapter, self.numbers, completion.draft, self.clock.now(), tx)
        except StoreError:
            raise
        except AgentError as error:
            halt(self.state, error)
            return Rest(self.state.rest_s())
        if completion.warnings:
            tx.warn(head.message, completion.warnings)
        draft = completion.draft
        changed = None if draft is head.draft else draft
        return Send(head, draft, tx.begin(head.message, ids, self.clock.now(), changed), expired)

    def _completed(self, tx: Transaction, head: Head) -> Completion:
        """What earlier messages left behind, filled in. Raises InternalDefect when the plugin fails."""
        draft = fill(head.draft, self._values(tx, head))
        if head.doubts:
            draft = replace(draft, doubts=len(head.doubts))
        try:
            return self.adapter.complete(draft, tx.history(head.system), forced=head.forced)
        except AgentError:
            raise
        except Exception as error:
            raise defect("complete", head.transaction) from error

    def _values(self, tx: Transaction, head: Head) -> Mapping[str, str]:
        """What the message's slots are filled with. Numbers of ours are drawn at its first claim and kept:
        a retry says the same. Raises SerialsExhausted, ConfigurationError or StoreError."""
        wanted = [(need.slot, need.draw) for need in head.missing if need.draw is not None]
        if not wanted:
            return head.values
        now = self.clock.now()
        drawn = {slot: draw_number(self.numbers, draw, now, tx) for slot, draw in wanted}
        tx.give_slots(head.message, drawn)
        return {**head.values, **drawn}
