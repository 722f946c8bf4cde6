"""The room where submissions wait: takes every event of every device, and ends what waited too long.

What waits stands in the database and is read anew for each event, so that a cancellation, a restart or a
second scanner cannot meet an old picture. Only how long one has waited is also counted by monotonic time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from agent import courtesy, pulse
from agent.clock import Clock
from agent.config.device_model import UnaskedConfig
from agent.devices.cards.model import from_payload
from agent.devices.classify import UNKNOWN, Code, CodeTable, classify
from agent.devices.model import ScanVerdict
from agent.errors import StoreError
from agent.events import Event, EventKind, Proofs, Reading, WaitItem
from agent.faults import crash_point
from agent.hookspecs import Preparation, ProtocolAdapter
from agent.intake.awaiting import completed, submission_of
from agent.intake.stored import Stored, lanes_with_work
from agent.lifetimes import Lifetimes
from agent.logs import get_logger
from agent.outbox.base import Outbox
from agent.outbox.model import Accepted, NewSubmission, Settled, State, WaitView
from agent.waiting.counting import Judged, Tally
from agent.waiting.feedback import Feedback
from agent.waiting.keeping import code_content, keep
from agent.waiting.unasked import Addressed, unasked

log = get_logger("agent.waiting")

TRACECODE: Final = "tracecode"
CARD: Final = "card"
LOOK_S: Final = 1.0
RETRY_S: Final = 2.0
_NEW: Final = Code((UNKNOWN,), "")


@dataclass(frozen=True, slots=True)
class Speaker:
    """How one system's submissions are completed; ``folder`` takes the results of what came unasked."""

    adapter: ProtocolAdapter
    preparation: Preparation | None
    folder: str


class Cards(Protocol):
    """The devices: told what waits, and what the platform answered about a card that is held for it."""

    def want(self, waits: Sequence[WaitView]) -> None: ...

    def hold(self, view: WaitView, event: Event) -> None: ...

    def holds(self, submission: int) -> bool: ...

    def answered(self, submission: int, proofs: Proofs | None) -> None: ...


@dataclass(slots=True)
class WaitingRoom:
    """``deliver`` is called by the devices' threads and returns when the event is durable. ``cards`` is told
    what waits whenever that may have changed. ``tables`` are by scanner."""

    outbox: Outbox
    speakers: Mapping[str, Speaker]
    tables: Mapping[str, CodeTable]
    unasked: tuple[UnaskedConfig, ...]
    scans: Path
    lifetimes: Lifetimes
    clock: Clock
    stopping: threading.Event
    stored: Stored
    ended: Callable[[], None]
    feedback: Feedback
    cards: Cards
    wakeup: threading.Event = field(default_factory=threading.Event)
    _patience: Lifetimes = field(init=False)
    _shown: dict[int, int] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._patience = Lifetimes(self.clock)

    # -- time ---------------------------------------------------------------------------------------
    def run(self) -> None:
        while not self.stopping.is_set():
            pulse.promise(pulse.FOREIGN_STEP_S)
            self.wakeup.clear()
            try:
                self.look()
                pause = LOOK_S
            except StoreError as error:
                log.error("what waits cannot be read now", code=error.code)
                pause = RETRY_S
            self.clock.wait(self.wakeup, pause)

    def look(self) -> None:
        """End what waited too long; tell the devices what waits. Raises StoreError."""
        with self._lock:
            waits = self.outbox.waits()
            late = [view for view in waits if self._patience.expired(view.submission, view.until)()]
            for view in late:
                self._lapse(view)
            self.cards.want([view for view in waits if view not in late])
        if late:
            self.ended()

    def _lapse(self, view: WaitView) -> None:
        with self.outbox.write() as tx:
            lapsed = tx.lapse(view.submission, self.clock.now())
        if lapsed:
            self._tell(view.station, "", view.kind, "expired", "等待超时，没有发送；需要时请重新提交")

    # -- events -------------------------------------------------------------------------------------
    def deliver(self, event: Event) -> ScanVerdict:
        """Take one event. Raises StoreError and OSError, after which the same event may be given again."""
        with courtesy.first(), self._lock:
            if self._known(event):
                return ScanVerdict.TAKEN
            code = self._code(event)
            kinds = (CARD,) if event.kind is EventKind.CARD else code.kinds
            waiting = {view.kind: view for view in self._waiting_at(event.name)}
            view = next((waiting[kind] for kind in kinds if kind in waiting), None)
            if view is not None:
                judged = self._join(view, event, code)
            else:
                judged = self._unasked(event, code, kinds, waiting=bool(waiting))
        kind = view.kind if view else kinds[0]
        self._tell(event.name, event.source, kind, judged.verdict, judged.says)
        self.wakeup.set()
        return judged.verdict

    def _code(self, event: Event) -> Code:
        if event.kind is EventKind.CARD:
            return _NEW
        return classify(event.payload, self.tables.get(event.source, CodeTable()))

    def _waiting_at(self, station: str) -> list[WaitView]:
        views = [view for view in self.outbox.waits() if view.station == station]
        return [view for view in views if not self._patience.expired(view.submission, view.until)()]

    def _join(self, view: WaitView, event: Event, code: Code) -> Judged:
        if view.kind == TRACECODE:
            return self._count(view, event, code)
        values = _card_values(event) if view.kind == CARD else {}
        reading = Reading(view.kind, code.text, values)
        return self._complete(view, event, code, reading, Judged(ScanVerdict.TAKEN, "已采用"))

    def _count(self, view: WaitView, event: Event, code: Code) -> Judged:
        tally = self.tally(view)
        judged = tally.judge(code, self._shown.get(view.submission))
        if judged.counted is None:
            if judged.verdict is ScanVerdict.WRONG_KIND:
                self._keep(event, code, judged.verdict)
            return judged
        whole = Tally(tally.items, (*tally.scans, judged.counted))
        if not whole.open:
            reading = Reading(TRACECODE, codes=whole.codes)
            return self._complete(view, event, code, reading, judged)
        with self.outbox.write(urgent=True) as tx:
            taken = tx.take_scan(view.submission, event.id, judged.counted.as_json())
            crash_point("waiting.before_scan")
        crash_point("waiting.after_scan")
        return judged if taken else self._too_late(event, code)

    def _complete(self, view: WaitView, event: Event, code: Code, reading: Reading, judged: Judged) -> Judged:
        """The scan and what it completes are one commit."""
        speaker = self.speakers[view.system]
        new = completed(view, reading, event.received_at, speaker.adapter, speaker.preparation)
        if new.faults and self.stopping.is_set():
            raise StoreError("代理程序正在停止，这次扫码没有登记", hint="启动后请再扫一次")
        if self.authenticates(view) and not new.faults:
            self.cards.hold(view, event)
        content = judged.counted.as_json() if judged.counted else {}
        with self.outbox.write(urgent=True) as tx:
            taken = tx.take_scan(view.submission, event.id, content)
            if taken:
                accepted = tx.fulfil(view.submission, new)
            elif not tx.scan_known(event.id):
                self.cards.answered(view.submission, None)
                return self._too_late(event, code)
            crash_point("waiting.before_complete")
        crash_point("waiting.after_complete")
        if taken:
            self._shown.pop(view.submission, None)
            self._told([(new, accepted)])
        if new.faults:
            return Judged(ScanVerdict.WRONG_KIND, f"内容没有通过校验，没有发送：{new.faults[0].message}")
        return judged

    def _too_late(self, event: Event, code: Code) -> Judged:
        """It was cancelled in between: nobody waits any more, and nothing is lost."""
        self._keep(event, code, ScanVerdict.NOBODY_WAITS)
        return _OVER

    # -- cards that are held for the platform ----------------------------------------------------------
    def authenticates(self, view: WaitView) -> bool:
        """Whether the card that it waits for has to make a challenge."""
        return self.speakers[view.system].adapter.proofs(view.transaction, None) is not None

    def settled(self, settled: Settled) -> None:
        """A message ended: if a card is held for its answer, the card is given it."""
        if not self.cards.holds(settled.submission):
            return
        answer = self.outbox.result(settled.submission) if settled.state is State.ACCEPTED else None
        adapter = self.speakers[settled.system].adapter
        proofs = adapter.proofs(settled.transaction, answer["data"]) if answer else None
        self.cards.answered(settled.submission, proofs)

    # -- what nobody waits for ------------------------------------------------------------------------
    def _unasked(self, event: Event, code: Code, kinds: tuple[str, ...], *, waiting: bool) -> Judged:
        for kind in kinds:
            if (target := self._target(kind, event.name)) is not None:
                return self._submit(event, kind, code, target)
        verdict = ScanVerdict.WRONG_KIND if waiting else ScanVerdict.NOBODY_WAITS
        self._keep(event, code, verdict)
        says = "扫到的不是正在等待的码，已另存文件" if waiting else "没有业务在等待，已另存文件"
        return Judged(verdict, says)

    def _keep(self, event: Event, code: Code, verdict: ScanVerdict) -> None:
        if event.kind is EventKind.CARD:
            keep(self.scans, event, verdict, {"kind": CARD, "values": from_payload(event.payload)})
        else:
            keep(self.scans, event, verdict, code_content(code))

    def _target(self, kind: str, station: str) -> UnaskedConfig | None:
        """What is configured for this station, else for all."""
        fitting = [one for one in self.unasked if one.kind == kind and one.station in ("", station)]
        return min(fitting, key=lambda one: not one.station, default=None)

    def _submit(self, event: Event, kind: str, code: Code, target: UnaskedConfig) -> Judged:
        speaker = self.speakers[target.system]
        values = _card_values(event) if kind == CARD else {}
        addressed = Addressed(target.system, target.transaction, dict(target.data), speaker.folder)
        reading = Reading(kind, code.text, values)
        new = unasked(event, addressed, reading, speaker.adapter, speaker.preparation)
        with self.outbox.write(urgent=True) as tx:
            accepted = tx.accept(new)
            crash_point("waiting.before_unasked")
        crash_point("waiting.after_unasked")
        self._told([(new, accepted)])
        if new.faults:
            return Judged(ScanVerdict.WRONG_KIND, f"内容没有通过校验，没有发送：{new.faults[0].message}")
        return Judged(ScanVerdict.TAKEN, f"没有业务在等待，已作为 {target.transaction} 提交")

    # -- what people ask ------------------------------------------------------------------------------
    def tally(self, view: WaitView) -> Tally:
        items: tuple[WaitItem, ...] = self.speakers[view.system].adapter.items(submission_of(view))
        return Tally.of(items, view.scans)

    def shown(self, view: WaitView) -> int | None:
        return self._shown.get(view.submission)

    def show(self, view: WaitView, row: int) -> None:
        """The item that the next code goes to which says nothing else."""
        self._shown[view.submission] = row

    def undo(self, view: WaitView, who: str) -> bool:
        """Forget the last code of a wait; false when there is none. Raises StoreError."""
        with self._lock, self.outbox.write() as tx:
            undone = tx.undo_scan(view.submission, who)
        if undone:
            self._tell(view.station, "", view.kind, "undone", "已撤销最后一次扫码")
        return undone

    # -- small things ---------------------------------------------------------------------------------
    def _known(self, event: Event) -> bool:
        return self.outbox.scan_known(event.id)

    def _told(self, receipts: list[tuple[NewSubmission, Accepted]]) -> None:
        self.stored(receipts, lanes_with_work(receipts, self.lifetimes))

    def _tell(self, station: str, source: str, kind: str, verdict: str, says: str) -> None:
        self.feedback.tell(self.clock.now(), station, source, kind, verdict, says)
        log.info("scan judged", station=station, source=source, kind=kind, verdict=str(verdict))


_OVER: Final = Judged(ScanVerdict.NOBODY_WAITS, "等待已经结束，请重新提交")


def _card_values(event: Event) -> dict[str, str]:
    return {name: value for name, value in from_payload(event.payload).items() if isinstance(value, str)}
