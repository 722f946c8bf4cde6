"""The loop of one inbox: take what is complete, in order; commit it; file it away; wake the lanes.

Files are committed in the order in which the source gives them. A large one is prepared by a
helper process; while that lasts, only harmless queries from behind it are let past, since what the
large file is about is not known before it has been read.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from agent import courtesy, pulse
from agent.clock import Clock
from agent.disk import reason
from agent.errors import AgentError, StoreError, SubmissionInvalid
from agent.faults import crash_point
from agent.hookspecs import Preparation, ProtocolAdapter
from agent.intake.control_files import ControlFiles
from agent.intake.heavy import HeavyReader, Job
from agent.intake.items import Item, passing
from agent.intake.preparing import Preparer
from agent.intake.stored import Stored, lanes_with_work
from agent.intake.waiting import Waiting
from agent.lifetimes import Lifetimes
from agent.logs import get_logger
from agent.outbox.base import Outbox
from agent.outbox.model import Accepted, NewSubmission, Receipt
from agent.sources.base import Claimed, ClaimKind, Source, SourceError
from agent.sources.beside import Beside
from agent.submissions import ReadingRules, in_sequence

log = get_logger("agent.intake")

BATCH = 64
RETRY_S = 2.0


@dataclass(slots=True)
class FolderIntake:
    """One inbox. ``stored`` is told what was committed, after the commit."""

    folder: str
    source: Source
    rules: ReadingRules
    adapter: ProtocolAdapter
    outbox: Outbox
    heavy: HeavyReader
    control: ControlFiles
    lifetimes: Lifetimes
    clock: Clock
    stopping: threading.Event
    stored: Stored
    preparation: Preparation | None = None
    beside: Beside | None = None
    """The files that submissions may name; None where a source has none."""
    ended: Callable[[], bool] = lambda: False
    """Whether nothing may be taken any more, asked before each step: a step may make folders anew."""
    _preparer: Preparer = field(init=False)
    _waiting: Waiting | None = field(init=False)
    _queue: deque[Item] = field(default_factory=deque, init=False)
    _unread: deque[Claimed] = field(default_factory=deque, init=False)
    _again_at: float = field(default=0.0, init=False)
    _held_up: str = field(default="", init=False)
    """The trouble that this step has met without an error."""
    _unreadable: str = field(default="", init=False, repr=False)
    """The name of the file that could not be read at the latest try."""
    heard_until: float = field(default=-inf, init=False)
    """The monotonic moment up to which everything that lay in the folder was taken and committed."""
    trouble: str = field(default="", init=False)
    """Why nothing is taken in for the moment, in Chinese; "" when nothing is in the way."""

    def __post_init__(self) -> None:
        self._preparer = Preparer(self.folder, self.source, self.rules, self.adapter, self.preparation)
        self._waiting = None
        if self.beside is not None:
            self._waiting = Waiting(
                self.folder,
                self.beside,
                self._preparer,
                self.heavy,
                self.outbox,
                self.clock,
                self._tell,
                self._file_away,
            )

    def run(self) -> None:
        """Take files until asked to stop; what is claimed but not committed is taken again at start.

        What is in hand when this fails stays in hand for its next run."""
        self.source.start()
        if self.beside is not None:
            self.beside.sweep(self.clock.now())
        try:
            while not self.stopping.is_set():
                pulse.promise(pulse.FOREIGN_STEP_S)
                if not self.step():
                    self._rest()
        finally:
            if self.stopping.is_set():
                self._close_jobs()
            self.source.stop()

    def step(self) -> bool:
        """Take and commit what can be; false when there is nothing to do but wait."""
        self._held_up = ""
        if self.ended():
            return False
        try:
            taken = self._take()
            readable = self._read()
            if self.stopping.is_set():
                return False  # what the stop may have cut short is read again at the next start
            moved = self._advance() or self._attend() or (taken and readable)
            if not (self._queue or self._unread):
                self.heard_until = max(self.heard_until, self.source.taken_until())
        except StoreError as error:
            why = f"{error.message}；{error.hint}"
            self._stopped("intake stopped until the outbox can store again", why, code=error.code)
        except OSError as error:
            self._stopped("the operating system refused", reason(error), errno=error.errno)
        else:
            self.trouble = self._held_up
            return moved
        self._again_at = self.clock.monotonic() + RETRY_S
        return False

    def _stopped(self, event: str, why: str, **details: object) -> None:
        """Nothing can be taken in now; told to the log once for each reason."""
        trouble = f"暂停收件，恢复后自动继续：{why}"
        if trouble != self.trouble:
            log.error(event, folder=self.folder, **details)
        self.trouble = trouble

    def _rest(self) -> None:
        pause = self._again_at - self.clock.monotonic()
        if pause > 0:
            self.clock.wait(self.stopping, pause)
        else:
            waiting_s = self._waiting.due_in() if self._waiting is not None else inf
            self.clock.wait(self.source.wakeup, min(self.source.due_in(), waiting_s))

    # -- reading --------------------------------------------------------------------------------
    def _take(self) -> bool:
        in_hand = {item.claimed.event_id for item in self._queue} | {c.event_id for c in self._unread}
        if self._waiting is not None:
            in_hand |= self._waiting.event_ids()
        room = BATCH - len(self._queue) - len(self._unread)
        claimed = self.source.take(room) if room > 0 else []
        self._unread.extend(one for one in claimed if one.event_id not in in_hand)
        return bool(claimed)

    def _read(self) -> bool:
        """Prepare what was taken; false when a file cannot be read now."""
        while self._unread:
            try:
                with courtesy.first():
                    item = self._preparer.item(self._unread[0])
            except SourceError as error:
                self._give_back(len(self._queue), self._unread[0], error)
                return False
            self._queue.append(item)
            self._unread.popleft()
        ordered = in_sequence(self._queue, lambda item: item.seq, lambda item: not item.small)
        self._queue = deque(ordered)
        return True

    def _give_back(self, kept: int, unreadable: Claimed, error: SourceError) -> None:
        """A file that cannot be read now keeps its place, and so does what came after it: all but the
        first ``kept`` of the queue goes back, the latest first. The source offers it again, several times a
        second: the log is told once."""
        if unreadable.name != self._unreadable:
            log.warning("a claimed file cannot be read now", folder=self.folder, **error.details)
        self._unreadable = unreadable.name
        self._held_up = "有文件读不了，它后面的文件都在等：请检查文件权限，或是否被别的程序占用"
        for claimed in reversed(self._unread):
            self.source.give_back(claimed)
        self._unread.clear()
        while len(self._queue) > kept:
            self.source.give_back(self._queue.pop().claimed)

    # -- committing -----------------------------------------------------------------------------
    def _advance(self) -> bool:
        """Commit from the front of the queue; true when something moved."""
        if not self._queue:
            return False
        first = self._queue[0]
        if first.claimed.kind is ClaimKind.CONTROL:
            return self._carry_out(first)
        if first.heavy:
            return self._advance_heavy(first) or self._let_queries_past()
        run: list[Item] = []
        for item in self._queue:
            if not item.small:
                break
            run.append(item)
        self._commit(run)
        return True

    def _commit(self, items: list[Item]) -> None:
        """One durable commit for many small files, then their way into the archive."""
        try:
            receipts = self._store(items)
        except AgentError:
            raise
        except Exception:
            log.exception("defect while files were stored", folder=self.folder, files=len(items))
            self._commit_one_by_one(items)
            return
        for item in items:
            self._queue.remove(item)
        self._tell(receipts)
        taken = {new.event_id: accepted.receipt for new, accepted in receipts}
        told = {new.event_id: (new, accepted) for new, accepted in receipts}
        for item in items:
            ended = all(_taken(new, taken[new.event_id]) for new in item.prepared)
            waiting = [told[new.event_id] for new in item.prepared if told[new.event_id][1].waiting]
            self._leave(item, waiting, ended)
        crash_point("intake.after_archive")

    def _store(self, items: list[Item]) -> list[tuple[NewSubmission, Accepted]]:
        crash_point("intake.before_commit")
        with courtesy.first(), self.outbox.write() as tx:
            receipts = [(new, tx.accept(new)) for item in items for new in item.prepared]
        crash_point("intake.after_commit")
        return receipts

    def _commit_one_by_one(self, items: list[Item]) -> None:
        """One file that cannot be stored holds up no other: it is answered instead."""
        if len(items) > 1:
            for item in items:
                self._commit([item])
            return
        (item,) = items
        answer = self._preparer.defective(item.claimed)
        if item.prepared == (answer,):
            raise StoreError("文件无法登记", hint="请将日志交给开发商")
        item.prepared = (answer,)
        self._commit(items)

    def _carry_out(self, item: Item) -> bool:
        try:
            raw = self._preparer.content(item.claimed)
        except SubmissionInvalid as error:
            accepted = self.control.refuse(item.claimed, error.faults)
        except SourceError as error:
            self._give_back(0, item.claimed, error)
            return False
        else:
            accepted = self.control.carry_out(item.claimed, raw)
        self._queue.remove(item)
        self._file_away(item.claimed, accepted)
        return True

    def _let_queries_past(self) -> bool:
        past = passing(self._queue)
        if past:
            self._commit(past)
        return bool(past)

    def _tell(self, receipts: list[tuple[NewSubmission, Accepted]]) -> None:
        self.stored(receipts, lanes_with_work(receipts, self.lifetimes))

    def _leave(self, item: Item, waiting: list[tuple[NewSubmission, Accepted]], accepted: bool) -> None:
        """A file is done with, unless submissions of it wait for files that they name."""
        if waiting and self._waiting is not None:
            self._waiting.add(item.claimed, waiting, heavy=item.heavy, accepted=accepted)
            return
        named = {name for new in item.prepared for name in new.wants}
        if self.beside is not None and named:
            names = () if accepted else named - self._named()
            self.beside.dismiss(item.claimed.event_id, names, accepted, self.clock.now())
        self._file_away(item.claimed, accepted)

    def _named(self) -> set[str]:
        """The files that submissions in hand name."""
        return {name for item in self._queue for new in item.prepared for name in new.wants}

    def _attend(self) -> bool:
        """One act for a submission that waits for files."""
        if self._waiting is None:
            return False
        moved = self._waiting.step(self._named())
        if self._waiting.unreadable:
            self._held_up = "有附件读不了，等它的提交在等：请检查文件权限，或是否被别的程序占用"
        return moved

    def _file_away(self, claimed: Claimed, accepted: bool) -> None:
        """A file that cannot be moved now stays claimed: its event is known, so it does no harm."""
        self.source.acknowledge(claimed, accepted, self.clock.now())

    # -- large files ----------------------------------------------------------------------------
    def _advance_heavy(self, item: Item) -> bool:
        if item.job is None:
            item.job = self.heavy.begin(
                self._preparer.dropped(item.claimed), item.claimed, self.source.wakeup
            )
        moved = False
        while (frame := item.job.frame()) is not None:
            if "unreadable" in frame:
                item.job.close()
                self.source.unreadable(item.claimed)
                details = {"event_id": item.claimed.event_id, "errno": frame["unreadable"]}
                self._give_back(0, item.claimed, SourceError("", details=details))
                return False
            moved = self._store_frame(item.job)
            if item.job.progress.finished:
                self._queue.remove(item)
                self._leave(item, list(item.job.progress.waiting), item.job.progress.accepted)
                return True
            if self._let_queries_past():
                return True
        return moved

    def _store_frame(self, job: Job) -> bool:
        """True; what cannot be stored ends the job instead, and is told at its next frame."""
        frame = job.frame() or {}
        if "failed" in frame:
            log.error("reader process failed", folder=self.folder, reason=frame["failed"])
        courtesy.give_way()
        try:
            with self.outbox.write() as tx:
                progress = job.store(tx, frame)
        except AgentError:
            raise
        except Exception:
            log.exception("defect while a large file was stored", folder=self.folder)
            if "failed" in frame:
                raise
            job.fail("defect while it was stored")
            return True
        crash_point("intake.after_stage")
        job.stored(progress)
        self._tell(list(progress.told))
        return True

    def _close_jobs(self) -> None:
        for item in self._queue:
            if item.job is not None:
                item.job.close()
        if self._waiting is not None:
            self._waiting.close()


def _taken(new: NewSubmission, receipt: Receipt) -> bool:
    return not new.faults and receipt is not Receipt.REFUSED
