"""The loop of one inbox: take what is complete, in order; commit it; file it away; wake the lanes.

Files are committed in the order in which the source gives them. A large one is prepared by a
helper process; while that lasts, only harmless queries from behind it are let past, since what the
large file is about is not known before it has been read.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from agent.clock import Clock
from agent.errors import Fault, StoreError, SubmissionInvalid
from agent.faults import crash_point
from agent.hookspecs import ProtocolAdapter
from agent.intake.control_files import ControlFiles
from agent.intake.heavy import HeavyReader, Job
from agent.intake.prepare import Dropped, prepare, unreadable
from agent.lifetimes import Lifetimes
from agent.logs import get_logger
from agent.outbox.base import Outbox
from agent.outbox.model import Accepted, LaneKey, NewSubmission, Receipt
from agent.sources.base import Claimed, ClaimKind, Source, SourceError
from agent.submissions import ReadingRules

log = get_logger("agent.intake")

HEAVY_BYTES = 256 * 1024
"""From this size on a helper process reads: below it, reading takes less than a few milliseconds."""

BATCH = 64
CHUNK = 20
"""Drafts of a large submission in one commit: some 15 ms of the writer's time."""

STORE_RETRY_S = 2.0

INCOMPLETE = Fault(
    "",
    "incomplete_file",
    "文件在规定时间内没有写完（大小仍在变化、被占用，或缺少标记文件），已移入 rejected；请写完后改名放入",
)


@dataclass(slots=True)
class Item:
    """A claimed file on its way: prepared, being prepared, or a control file."""

    claimed: Claimed
    prepared: tuple[NewSubmission, ...] = ()
    job: Job | None = None
    heavy: bool = False

    @property
    def harmless(self) -> bool:
        """Whether all of it may overtake anything: queries only."""
        drafts = [draft for new in self.prepared for draft in new.drafts]
        return bool(drafts) and all(draft.harmless for draft in drafts)


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
    stored: Callable[[list[tuple[NewSubmission, Accepted]], set[LaneKey]], None]
    _queue: deque[Item] = field(default_factory=deque, init=False)
    _unread: deque[Claimed] = field(default_factory=deque, init=False)

    def run(self) -> None:
        """Take files until asked to stop; what is claimed but not committed is taken again at start."""
        self.source.start()
        try:
            while not self.stopping.is_set():
                if not self.step():
                    self.clock.wait(self.source.wakeup, self.source.due_in())
        finally:
            for item in self._queue:
                if item.job is not None:
                    item.job.cancel()
            self.source.stop()

    def step(self) -> bool:
        """Take and commit what can be; false when there is nothing to do but wait."""
        room = BATCH - len(self._queue)
        claimed = self.source.take(room) if room > 0 else []
        self._unread.extend(claimed)
        try:
            while self._unread:
                self._queue.append(self._item(self._unread[0]))
                self._unread.popleft()
            return self._advance() or bool(claimed)
        except SourceError as error:
            log.warning("a claimed file cannot be read yet", folder=self.folder, code=error.code)
            self.clock.wait(self.stopping, STORE_RETRY_S)
            return True
        except StoreError as error:
            log.error("intake stopped until the outbox can store again", folder=self.folder, code=error.code)
            self.clock.wait(self.stopping, STORE_RETRY_S)
            return True

    def _item(self, claimed: Claimed) -> Item:
        if claimed.kind is ClaimKind.CONTROL:
            return Item(claimed)
        if claimed.size > HEAVY_BYTES and not claimed.incomplete:
            return Item(claimed, heavy=True)
        return Item(claimed, prepared=tuple(self._prepared(claimed)))

    def _prepared(self, claimed: Claimed) -> Iterable[NewSubmission]:
        dropped = self._dropped(claimed)
        try:
            if claimed.incomplete:
                raise SubmissionInvalid([INCOMPLETE])
            raw = self.source.read(claimed)
        except SubmissionInvalid as error:
            return (unreadable(dropped, self.rules.system, error),)
        return prepare(replace(dropped, raw=raw), self.rules, self.adapter)

    def _dropped(self, claimed: Claimed) -> Dropped:
        return Dropped(
            event_id=claimed.event_id,
            folder=self.folder,
            file_name=claimed.name,
            received_at=claimed.seen_at,
            modified_at=claimed.modified_at,
            raw=b"",
            atomic=claimed.atomic,
        )

    # -- committing -------------------------------------------------------------------------------
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
            if item.heavy or item.claimed.kind is ClaimKind.CONTROL:
                break
            run.append(item)
        self._commit(run)
        return True

    def _commit(self, items: list[Item]) -> None:
        """One durable commit for many small files, then their way into the archive."""
        news = [new for item in items for new in item.prepared]
        crash_point("intake.before_commit")
        with self.outbox.write() as tx:
            receipts = [(new, tx.accept(new)) for new in news]
        crash_point("intake.after_commit")
        for item in items:
            self._queue.remove(item)
        self._tell(receipts)
        taken = {new.event_id: accepted.receipt for new, accepted in receipts}
        for item in items:
            self._file_away(item.claimed, all(_taken(new, taken[new.event_id]) for new in item.prepared))
        crash_point("intake.after_archive")

    def _carry_out(self, item: Item) -> bool:
        accepted = self.control.carry_out(item.claimed, self.source.read(item.claimed))
        self._queue.remove(item)
        self._file_away(item.claimed, accepted)
        return True

    def _let_queries_past(self) -> bool:
        past = [item for item in self._queue if not item.heavy and item.harmless]
        if past:
            self._commit(past)
        return bool(past)

    def _tell(self, receipts: list[tuple[NewSubmission, Accepted]]) -> None:
        lanes: set[LaneKey] = set()
        for new, accepted in receipts:
            if accepted.receipt is Receipt.STORED:
                self.lifetimes.note(accepted.submission, new.valid_until)
                lanes |= {LaneKey(new.system, draft.lane, draft.parallel) for draft in new.drafts}
        self.stored(receipts, lanes)

    def _file_away(self, claimed: Claimed, accepted: bool) -> None:
        """A file that cannot be moved now stays claimed: its event is known, so it does no harm."""
        self.source.acknowledge(claimed, accepted, self.clock.now())

    # -- large files ------------------------------------------------------------------------------
    def _advance_heavy(self, item: Item) -> bool:
        if item.job is None:
            item.job = self.heavy.begin(self._dropped(item.claimed), item.claimed.path, self.source.wakeup)
        moved = False
        while (frame := item.job.next_frame()) is not None:
            moved = True
            with self.outbox.write() as tx:
                told = item.job.store(tx, frame)
            crash_point("intake.after_stage")
            self._tell(told)
            if item.job.finished:
                self._queue.remove(item)
                self._file_away(item.claimed, item.job.accepted)
                return True
            if self._let_queries_past():
                return True
        return moved


def _taken(new: NewSubmission, receipt: Receipt) -> bool:
    return not new.faults and receipt is not Receipt.REFUSED
