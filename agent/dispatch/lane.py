"""One worker of one stream: claim, exchange, record, and claim again in the same commit.

Every step is a value: :class:`Send`, :class:`Ask`, :class:`Probe` or :class:`Rest`. A step is done
outside any transaction; what came of it and the choice of the next step are one durable commit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.clock import Clock
from agent.dispatch.exchange import Exchange, answered
from agent.dispatch.filling import fill, refusal
from agent.dispatch.inquiry import Asked, ask_about, settle_asked
from agent.dispatch.judgement import Decision, Doubt, Expired, Interrupted, NotProcessed, Settle, Withdraw
from agent.dispatch.state import StreamState
from agent.errors import (
    AgentError,
    AnswerRejected,
    ConfigurationError,
    CryptoError,
    SerialsExhausted,
    StoreError,
)
from agent.events import Draft
from agent.faults import crash_point
from agent.hookspecs import ProtocolAdapter
from agent.lifetimes import Lifetimes
from agent.logs import get_logger
from agent.numbers import Numbers
from agent.outbox.base import Outbox, Transaction
from agent.outbox.model import Attempt, Head, Settled

log = get_logger("agent.dispatch")

STORE_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Send:
    """A claimed message: its attempt is on disk, no byte of it has left."""

    head: Head
    draft: Draft = field(repr=False)
    attempt: Attempt
    expired: Callable[[], bool] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """A message whose earlier attempts are of unknown fate."""

    head: Head


@dataclass(frozen=True, slots=True)
class Probe:
    """Is the endpoint well, though this message does not get through, or the lane stands still?"""

    head: Head | None


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do for ``seconds``, or until woken."""

    seconds: float | None


Step = Send | Ask | Probe | Rest


@dataclass(slots=True)
class Lane:
    """The loop. ``wakeup`` is set by whoever adds work; ``settled`` is told of every outcome."""

    state: StreamState
    outbox: Outbox
    exchange: Exchange
    numbers: Numbers
    lifetimes: Lifetimes
    clock: Clock
    stopping: threading.Event
    settled: Callable[[Settled], None]
    wakeup: threading.Event = field(default_factory=threading.Event)
    _probed: int = field(default=0, init=False)
    _asking: tuple[int, float] = field(default=(0, 0.0), init=False)
    _news: list[Settled] = field(default_factory=list, init=False)
    _chosen: Head | None = field(default=None, init=False)

    def run(self) -> None:
        """Work until asked to stop; whatever was in hand is on disk when this returns."""
        step = self._start()
        while not self.stopping.is_set():
            step = self.advance(step)
        if isinstance(step, Send):
            self._take_back(step)

    def advance(self, step: Step) -> Step:
        """Do one step and choose the next."""
        match step:
            case Send():
                return self._send(step)
            case Ask():
                return self._ask(step.head)
            case Probe():
                return self._probe(step.head)
            case Rest(seconds):
                self.clock.wait(self.wakeup, seconds)
                self.wakeup.clear()
                return self._start()

    # -- steps ----------------------------------------------------------------------------------
    def _start(self) -> Step:
        return self._standstill() or self._commit(self._choose)

    def _send(self, step: Send) -> Step:
        decision = self.exchange.deliver(step.head, step.draft, step.attempt.ids, step.expired)
        self._note(decision, step.head)

        def record(tx: Transaction) -> Step:
            self._apply(tx, step, decision)
            return self._standstill() or self._choose(tx)

        return self._finish(step.head, record)

    def _ask(self, head: Head) -> Step:
        asked = ask_about(head, self.exchange, self._fresh_ids)
        if asked.trouble is not None:
            return self._asking_failed(head, asked)
        self.state.went_well()
        rules = self.state.settings.inquiry_rules(self._hold_s(head))
        waited = self._asked_for(head)

        def record(tx: Transaction) -> Step:
            settled, wait_s = settle_asked(
                tx, head, asked, rules, waited, self._resendable(head), self.clock.now()
            )
            if settled is not None:
                self._news.append(settled)
            if wait_s is not None:
                self.state.pause(wait_s)
            return self._standstill() or self._choose(tx)

        return self._finish(head, record)

    def _asking_failed(self, head: Head, asked: Asked) -> Step:
        match asked.trouble:
            case ConfigurationError() as error:
                self._halt(error)
            case AnswerRejected() | CryptoError() if self.state.suspicion.note():
                self._halt(_untrusted())
            case AgentError() as error:
                self.state.failed(error.code)
        self._let_go(head)
        return self._start()

    def _probe(self, head: Head | None) -> Step:
        draft = self.exchange.adapter.probe(self.state.key.lane)
        result = self.exchange.ask(draft, self._fresh_ids(draft)) if draft else None
        well = draft is None or (result is not None and answered(result))
        if head is None:
            if well and draft is not None:
                log.info("lane resumed after a good probe", lane=self.state.key.lane)
                self.state.resume()
            else:
                self.state.pause(self.state.settings.probe_halted_every_s)
            return self._start()
        self._let_go(head)
        if not well:
            self.state.failed("probe_failed")
            return self._start()
        self._probed = head.message
        return self._commit(self._choose)

    # -- choosing -------------------------------------------------------------------------------
    def _standstill(self) -> Step | None:
        """A reason not to look at the queue at all."""
        rest = self.state.rest_s()
        if self.state.halt is not None:
            return Rest(rest) if rest > 0 else Probe(None)
        return Rest(rest) if rest > 0 else None

    def _choose(self, tx: Transaction) -> Step:
        """The next step, claimed within this transaction."""
        while True:
            head = tx.head(
                self.state.key, strict=self.state.settings.strict, skip=frozenset(self.state.in_hand)
            )
            if head is None:
                return Rest(None)
            if head.inquiring:
                return self._in_hand(head, Ask(head))
            expired = self.lifetimes.expired(head.submission, head.valid_until)
            lost = refusal(head.missing)
            if expired():
                self._news.append(tx.expire(head.message, self.clock.now()))
            elif lost is not None:
                self._news.append(tx.settle(head.message, lost, self.clock.now()))
            elif self._wants_probe(head):
                return self._in_hand(head, Probe(head))
            else:
                return self._claim(tx, head, expired)

    def _claim(self, tx: Transaction, head: Head, expired: Callable[[], bool]) -> Step:
        draft = fill(head.draft, head.values)
        try:
            ids = self._ids(tx, draft)
        except SerialsExhausted as error:
            self._halt(error)
            return Rest(self.state.settings.probe_halted_every_s)
        attempt = tx.begin(head.message, ids, self.clock.now())
        return self._in_hand(head, Send(head, draft, attempt, expired))

    def _wants_probe(self, head: Head) -> bool:
        after = self.state.settings.probe_after
        unheard = head.tries if head.draft.harmless else head.withdrawn
        return unheard >= after and self._probed != head.message

    def _ids(self, tx: Transaction, draft: Draft) -> Mapping[str, str]:
        return wire_ids(self.exchange.adapter, self.numbers, draft, self.clock.now(), tx)

    def _fresh_ids(self, draft: Draft) -> Mapping[str, str]:
        with self.outbox.write(urgent=True) as tx:
            return self._ids(tx, draft)

    # -- recording ------------------------------------------------------------------------------
    def _apply(self, tx: Transaction, step: Send, decision: Decision) -> None:
        message, attempt, now = step.head.message, step.attempt.number, self.clock.now()
        match decision:
            case Settle(outcome):
                self._news.append(tx.settle(message, outcome, now))
            case NotProcessed(code, text):
                tx.retry(message, attempt, code, text)
            case Doubt(why):
                tx.doubt(message, attempt, why, now)
            case Withdraw() if self._probed == message and not decision.halt:
                tx.withdraw(message, attempt)
                self._news.append(tx.park(message, decision.error.code, now))
            case Withdraw() | Interrupted():
                tx.withdraw(message, attempt)
            case Expired():
                tx.withdraw(message, attempt)
                self._news.append(tx.expire(message, now))

    def _note(self, decision: Decision, head: Head) -> None:
        """What the exchange says about the endpoint, for the whole stream."""
        match decision:
            case Settle() | Expired() | Interrupted():
                self.state.went_well()
            case Withdraw(error, halt=True):
                self._halt(error)
            case Withdraw(error):
                self.state.failed(error.code)
            case NotProcessed(code, text, halt=True):
                self._halt(
                    ConfigurationError(
                        f"平台拒绝：{code} {text}", hint="按提示修正密钥或配置后执行 his-agent outbox retry"
                    )
                )
            case NotProcessed(code):
                self.state.failed(code)
            case Doubt(why, distrusted=True):
                log.warning("answer not trusted", lane=self.state.key.lane, reason=why)
                if self.state.suspicion.note():
                    self._halt(_untrusted())
            case Doubt(why):
                log.warning("outcome unknown", lane=self.state.key.lane, reason=why)
                if head.draft.harmless:
                    self.state.failed(why)

    def _halt(self, error: AgentError) -> None:
        log.error("lane stopped", lane=self.state.key.lane, code=error.code, reason=str(error))
        self.state.stop(error)
        self.state.pause(self.state.settings.probe_halted_every_s)

    def _finish(self, head: Head, record: Callable[[Transaction], Step]) -> Step:
        """Commit what is known, however long the disk takes: an answer in hand is never dropped
        while the agent runs; when it stops first, the attempt on disk leads to an inquiry."""
        crash_point("dispatch.before_commit")
        self._let_go(head)
        while True:
            try:
                step = self._transact(record)
            except StoreError as error:
                log.error("outcome not stored yet", code=error.code, lane=self.state.key.lane)
                if self.clock.wait(self.stopping, STORE_RETRY_S):
                    raise
            else:
                crash_point("dispatch.after_commit")
                return step

    def _commit(self, act: Callable[[Transaction], Step]) -> Step:
        """Commit what can be done again later."""
        try:
            return self._transact(act)
        except StoreError as error:
            log.error("outbox refused", code=error.code, lane=self.state.key.lane)
            return Rest(STORE_RETRY_S)

    def _transact(self, act: Callable[[Transaction], Step]) -> Step:
        """One durable commit; what it took in hand and what it has to tell hold only with it."""
        try:
            with self.outbox.write(urgent=True) as tx:
                step = act(tx)
        except StoreError:
            self._news.clear()
            if self._chosen is not None:
                self._let_go(self._chosen)
            raise
        finally:
            self._chosen = None
        for settled in self._news:
            self.lifetimes.forget(settled.submission)
            self.settled(settled)
        self._news.clear()
        return step

    def _take_back(self, step: Send) -> None:
        def withdraw(tx: Transaction) -> Step:
            tx.withdraw(step.head.message, step.attempt.number)
            return Rest(None)

        self._commit(withdraw)
        self._let_go(step.head)

    # -- small things -----------------------------------------------------------------------------
    def _in_hand(self, head: Head, step: Step) -> Step:
        self.state.in_hand.add(head.message)
        self._chosen = head
        return step

    def _let_go(self, head: Head) -> None:
        self.state.in_hand.discard(head.message)

    def _hold_s(self, head: Head) -> float:
        return float(self.exchange.adapter.catalog.transaction(head.transaction).inquiry_hold_s)

    def _resendable(self, head: Head) -> bool:
        guarded = self.exchange.adapter.catalog.transaction(head.transaction).guarded
        return guarded or head.transaction in self.state.settings.resend_unguarded

    def _asked_for(self, head: Head) -> float:
        """Seconds for which an answering endpoint has been asked about this message."""
        now = self.clock.monotonic()
        if self._asking[0] != head.message:
            self._asking = (head.message, now)
        return now - self._asking[1]


def wire_ids(
    adapter: ProtocolAdapter, numbers: Numbers, draft: Draft, now: datetime, tx: Transaction
) -> Mapping[str, str]:
    """Fresh wire ids for one attempt, reserved on disk. Raises SerialsExhausted."""
    serials = {series.name: numbers.draw(series, now.date(), tx) for series in adapter.series(draft)}
    return adapter.stamp(draft, serials, now)


def _untrusted() -> AnswerRejected:
    return AnswerRejected(
        "连续三次收到不可信的应答（验签失败、信封损坏或不是本次请求的应答）",
        hint="核对平台公钥是否更换、网络是否被劫持，确认后执行 his-agent outbox retry",
    )
