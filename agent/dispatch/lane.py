"""One worker of one stream: claim, exchange, record, and claim again in the same commit.

A step is done outside any transaction; what came of it and the choice of the next step are one
durable commit. What a worker has in hand no other worker of the stream looks at, from the commit that
claims it to the one that records what came of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from agent import pulse
from agent.catalog.model import TransactionSpec
from agent.clock import Clock
from agent.dispatch.asking import Asker
from agent.dispatch.choosing import Chooser, halt
from agent.dispatch.commits import Commits
from agent.dispatch.exchange import Exchange, answered, defect
from agent.dispatch.inquiry import Asked, PutOff, advised, ask_about, settle_asked
from agent.dispatch.judgement import (
    HELD_TOO_LONG,
    NOT_STORABLE,
    ORPHANED,
    Decision,
    Doubt,
    Expired,
    InquiryRules,
    Interrupted,
    NotProcessed,
    Settle,
    Withdraw,
    sent_again,
)
from agent.dispatch.recording import record_decision
from agent.dispatch.state import StreamState
from agent.dispatch.steps import Ask, Probe, Rest, Send, Step
from agent.errors import (
    AgentError,
    AnswerRejected,
    ConfigurationError,
    CryptoError,
    SerialsExhausted,
)
from agent.lifetimes import Lifetimes
from agent.logs import get_logger
from agent.numbers import Numbers
from agent.outbox.base import Outbox, Transaction
from agent.outbox.model import Head, SealedOutcome, Settled

log = get_logger("agent.dispatch")


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
    other: threading.Event | None = None
    """Wakes the lane's other stream: the one beside it for a doubt, the lane's own for a resend."""
    _asker: Asker = field(init=False)
    _commits: Commits = field(init=False)

    def __post_init__(self) -> None:
        state, adapter, clock = self.state, self.exchange.adapter, self.clock
        self._asker = Asker(self.exchange, self.numbers, self.outbox, clock)
        chooser = Chooser(state, adapter, self.numbers, self.lifetimes, clock)
        self._commits = Commits(state, self.outbox, chooser, clock, self.stopping, self.settled)

    def run(self) -> None:
        """Work until asked to stop; whatever was in hand is on disk when this returns."""
        step = self.begin()
        while not self.stopping.is_set():
            step = self.advance(step)
        if isinstance(step, Send):
            self._commits.record_alone(lambda tx: tx.withdraw(step.head.message, step.attempt.number))

    def begin(self) -> Step:
        """The first step. A message that was on the wire when this worker failed is in doubt."""
        broken = self._commits.step
        if not isinstance(broken, Send):
            return self._commits.start()
        message, attempt = broken.head.message, broken.attempt.number
        return self._commits.finish(
            lambda tx: tx.doubt(message, attempt, "worker failed", self.clock.now()),
            lambda _tx: None,  # what failed was what came after its commit
        )

    def advance(self, step: Step) -> Step:
        """Do one step and choose the next."""
        pulse.promise(pulse.STEP_S + 2 * self.state.settings.answer_timeout_s)
        match step:
            case Send():
                return self._send(step)
            case Ask(head):
                return self._ask(head)
            case Probe(head):
                return self._probe_halted() if head is None else self._probe(head)
            case Rest(seconds):
                pulse.idle(seconds)
                self.clock.wait(self.wakeup, seconds)
                self.wakeup.clear()
                return self._commits.start()

    # -- sending --------------------------------------------------------------------------------
    def _send(self, step: Send) -> Step:
        message, attempt = step.head.message, step.attempt.number
        last_try = self._commits.last_try(message)
        decision = self.exchange.deliver(step.head, step.draft, step.attempt.ids, step.expired)
        self._note(decision, step, last_try=last_try)
        sealed = self._sealed(step.head, decision)
        following = self._commits.finish(
            lambda tx: self._record(tx, step, decision, last_try=last_try, sealed=sealed),
            lambda tx: tx.doubt(message, attempt, "not storable", self.clock.now()),
        )
        if step.draft.beside and isinstance(decision, Doubt):
            self._wake_other()
        return following

    def _wake_other(self) -> None:
        if self.other is not None:
            self.other.set()

    def _sealed(self, head: Head, decision: Decision) -> SealedOutcome | None:
        """What the commit will store. What cannot be sealed cannot be stored either: the commit says so."""
        if not isinstance(decision, Settle):
            return None
        try:
            return self.outbox.seal(head.system, head.message, decision.outcome)
        except Exception as error:  # noqa: BLE001 - raised once more, and handled, where it is stored
            log.warning("outcome not sealed ahead", lane=self.state.key.lane, reason=type(error).__name__)
            return None

    def _record(
        self, tx: Transaction, step: Send, decision: Decision, *, last_try: bool, sealed: SealedOutcome | None
    ) -> None:
        if isinstance(decision, Settle) and self._left_an_orphan(step):
            tx.warn(step.head.message, (ORPHANED,))
        now = self.clock.now()
        self._commits.tell(*record_decision(tx, step, decision, now, last_try=last_try, sealed=sealed))

    def _left_an_orphan(self, step: Send) -> bool:
        """Sent once more after a doubt, where the system does not notice that it says the same again."""
        spec = self._spec(step.head)
        return step.draft.repeatable and bool(step.head.doubts) and spec is not None and not spec.guarded

    def _note(self, decision: Decision, step: Send, *, last_try: bool) -> None:
        """What the exchange says about the endpoint, for the whole stream."""
        state, message = self.state, step.head.message
        if not isinstance(decision, Doubt):
            state.note_heard(message)
        match decision:
            case Settle():
                state.went_well()
            case Withdraw(error, halt=True):
                halt(state, error)
            case Withdraw(error):
                state.failed(error.code)
            case NotProcessed(code, halt=halted, own_fault=own) if last_try and (halted or own):
                log.warning("message refused though its endpoint is well", lane=state.key.lane, code=code)
            case NotProcessed(code, text, halt=True):
                halt(state, _refused(code, text), message)
            case NotProcessed(code, own_fault=True):
                state.suspect(message)
            case NotProcessed(code):
                state.failed(code)
            case Doubt(why, distrusted, already_there):
                log.warning("outcome unknown", lane=state.key.lane, reason=why, trusted=not distrusted)
                if distrusted and state.distrusted():
                    halt(state, _untrusted())
                if sent_again(step.draft):
                    state.note_unheard(message)
                    state.failed(why)
                else:
                    now = self.clock.monotonic()
                    state.doubts.begin(message, step.attempt.number, now, already_there=already_there)
            case Expired() | Interrupted():
                pass

    # -- inquiring ------------------------------------------------------------------------------
    def _ask(self, head: Head) -> Step:
        watch = self.state.doubts.of(head, self.clock.monotonic())
        asked = ask_about(head, self._asker)
        now = self.clock.monotonic()
        if isinstance(asked.trouble, AgentError):
            watch.unheard()
            return self._asking_failed(asked.trouble)
        watch.heard(now)
        rules = self._rules(head)
        if isinstance(asked.trouble, PutOff):
            self.state.failed(asked.trouble.code)
            return Probe(head) if watch.heard_s > rules.hold_s else self._commits.start()
        self.state.went_well()
        following = self._commits.finish(
            lambda tx: self._settle_asked(tx, head, asked, rules),
            lambda tx: self._give_up(tx, head, NOT_STORABLE),
        )
        if self.state.beside:
            self._wake_other()
        return following

    def _settle_asked(self, tx: Transaction, head: Head, asked: Asked, rules: InquiryRules) -> None:
        """A notice of the system may have settled it while it was asked about: that stands."""
        if not tx.is_inquiring(head.message):
            self.state.forget(head.message)
            return
        now = self.clock.monotonic()
        settled, wait_s = settle_asked(
            tx,
            head,
            asked,
            rules,
            self.state.doubts.of(head, now),
            resendable=self._resendable(head),
            now=self.clock.now(),
            monotonic=now,
            advice=self._advice(head),
        )
        if settled is not None:
            self._commits.tell(settled)
        if wait_s is None:
            return
        if self.state.beside:
            self.state.doubts.of(head, now).next_at = now + wait_s
        else:
            self.state.pause(wait_s)

    def _give_up(self, tx: Transaction, head: Head, why: str) -> None:
        if tx.is_inquiring(head.message):
            self._commits.tell(tx.leave_unknown(head.message, why, self.clock.now()))
        else:
            self.state.forget(head.message)

    def _asking_failed(self, trouble: AgentError) -> Step:
        match trouble:
            case ConfigurationError() | SerialsExhausted():
                halt(self.state, trouble)
            case AnswerRejected() | CryptoError() if self.state.distrusted():
                halt(self.state, _untrusted())
            case _:
                self.state.failed(trouble.code)
        return self._commits.start()

    def _rules(self, head: Head) -> InquiryRules:
        spec = self._spec(head)
        return self.state.settings.inquiry_rules(float(spec.inquiry_hold_s) if spec else 0.0)

    def _resendable(self, head: Head) -> bool:
        spec = self._spec(head)
        guarded = spec is not None and spec.guarded
        return guarded or head.transaction in self.state.settings.resend_unguarded

    def _advice(self, head: Head) -> str:
        spec = self._spec(head)
        return spec.doubt if spec else ""

    def _spec(self, head: Head) -> TransactionSpec | None:
        """None for a message of a catalog that no longer has its transaction."""
        catalog = self.exchange.adapter.catalog
        return catalog.transaction(head.transaction) if head.transaction in catalog else None

    # -- probing --------------------------------------------------------------------------------
    def _probe_halted(self) -> Step:
        if self._endpoint_is_well() is True:
            log.info("lane resumed after a good probe", lane=self.state.key.lane)
            refused = self.state.halted_on
            self.state.resume()
            return self._commits.choose(probed=refused)
        self.state.pause(self.state.settings.probe_halted_every_s)
        return self._commits.start()

    def _probe(self, head: Head) -> Step:
        if self._endpoint_is_well() is False:
            self.state.failed("probe_failed")
            return self._commits.start()
        if head.inquiring:
            why = advised(HELD_TOO_LONG, self._advice(head))
            return self._commits.finish(lambda tx: self._give_up(tx, head, why))
        return self._commits.choose(probed=head.message)

    def _endpoint_is_well(self) -> bool | None:
        """None where the system has nothing to probe with."""
        try:
            draft = self.exchange.adapter.probe(self.state.key.lane)
        except Exception:  # noqa: BLE001 - a plugin's defect says nothing good about the endpoint
            defect("probe", "")
            return False
        return None if draft is None else answered(self._asker.ask(draft))


def _refused(code: str, text: str) -> ConfigurationError:
    return ConfigurationError(
        f"平台拒绝：{code} {text}".rstrip(),
        hint="请按提示修正密钥或配置，修正后自动继续，也可执行 his-agent outbox retry 编号",
    )


def _untrusted() -> AnswerRejected:
    return AnswerRejected(
        "连续三次收到不可信的应答（验签失败、信封损坏或不是本次请求的应答）",
        hint="请核对平台公钥是否更换、网络是否被劫持，确认后执行 his-agent outbox retry 编号",
    )
