"""Writes results: aside, flushed, renamed, the folder flushed; then marked in the outbox.

A crash between rename and mark writes the same result again over itself; nothing is lost and
nothing is given twice. While the HIS has a result open (Windows) the replacement is tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent import pulse
from agent.clock import Clock
from agent.disk import SHARED, flush_folder, make_folder, write_all, write_flushed
from agent.errors import StoreError
from agent.events import JsonObject
from agent.faults import crash_point
from agent.logs import get_logger
from agent.outbox.base import Outbox
from agent.outbox.model import NOBODY, DueReply, LaneKey
from agent.replies.naming import place
from agent.replies.render import render

log = get_logger("agent.replies")

BATCH = 200
RETRY_S = 1.0
LONGEST_REST_S = 5.0
BUSY_REST_S = 0.05
"""Between two batches under load: what ends meanwhile is written, flushed and marked together."""
MARK_WITHIN_S = 0.2
"""When no other commit has marked written results by then, they are marked by one of their own."""


@dataclass(frozen=True, slots=True)
class ResultFolder:
    """Where the results of one inbox go, and in which form."""

    path: Path
    form: str = "json"
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A result on its way: its bytes, aside and at its place."""

    reply: DueReply
    aside: Path
    target: Path
    data: bytes = field(repr=False)


@dataclass(slots=True)
class ReplyWriter:
    """The reply thread. ``wakeup`` is set after every commit that may have made a result due."""

    outbox: Outbox
    folders: Mapping[str, ResultFolder]
    clock: Clock
    stopping: threading.Event
    halted: Callable[[LaneKey], str] = lambda _lane: ""
    """Why a lane has stopped, in Chinese; "" while it goes on."""
    wakeup: threading.Event = field(default_factory=threading.Event)
    _unmarked_since: float | None = field(default=None, init=False)
    _failed: dict[int, float] = field(default_factory=dict, init=False)
    _unwritten: dict[int, str] = field(default_factory=dict, init=False)
    """Results that could not be written at the latest try, and the folders that they belong to."""

    def run(self) -> None:
        while not self.stopping.is_set():
            pulse.promise(pulse.FOREIGN_STEP_S)
            self.wakeup.clear()
            if self.write_due():
                self.clock.wait(self.stopping, BUSY_REST_S)
            else:
                self._mark_if_late()
                self.clock.wait(self.wakeup, self._rest_s())

    def write_due(self) -> int:
        """Write what is due now and note what got written; returns how many were due."""
        try:
            due = self.outbox.due_replies(self.clock.now(), BATCH, skip=self._put_off())
            written = self._write(due)
            self._put_off_failed(due, written)
            crash_point("replies.before_mark")
            if written:
                self.outbox.note_replied([(reply.reply, reply.revision) for reply in written])
                if self._unmarked_since is None:
                    self._unmarked_since = self.clock.monotonic()
            crash_point("replies.after_mark")
        except StoreError as error:
            log.error("results cannot be told from the outbox yet", code=error.code)
            self.clock.wait(self.stopping, RETRY_S)
            return 0
        return len(due)

    def _put_off(self) -> frozenset[int]:
        """Results whose file or folder was in the way lately: others go before them."""
        now = self.clock.monotonic()
        self._failed = {reply: until for reply, until in self._failed.items() if until > now}
        return frozenset(self._failed)

    def _put_off_failed(self, due: list[DueReply], written: list[DueReply]) -> None:
        done = {reply.reply for reply in written}
        until = self.clock.monotonic() + RETRY_S
        failed = [reply for reply in due if reply.reply not in done]
        self._failed.update({reply.reply: until for reply in failed})
        for number in done:
            self._unwritten.pop(number, None)
        self._unwritten.update({reply.reply: reply.address.folder for reply in failed})

    def unwritten(self, folder: str) -> int:
        """How many results of a folder could not be written at the latest try."""
        return tuple(self._unwritten.values()).count(folder)

    def mark(self) -> None:
        """Mark what is written, with a commit of its own if no other has done so."""
        self._unmarked_since = None
        try:
            self.outbox.flush_replied()
        except StoreError as error:
            log.error("results cannot be marked yet", code=error.code)

    def _mark_if_late(self) -> None:
        since = self._unmarked_since
        if since is not None and self.clock.monotonic() - since >= MARK_WITHIN_S:
            self.mark()

    def _write(self, due: list[DueReply]) -> list[DueReply]:
        """All aside and flushed together, then each to its place, then the folders flushed. What nobody
        is to be told counts as written."""
        taken: dict[Path, DueReply] = {}
        told = [reply for reply in due if reply.address != NOBODY]
        prepared = [one for reply in told if (one := self._prepared(reply, taken)) is not None]
        flushed = self._flushed(prepared)
        crash_point("replies.before_rename")
        written = [one.reply for one in flushed if self._placed(one)]
        written += [reply for reply in due if reply.address == NOBODY]
        for folder in {one.target.parent for one in flushed}:
            flush_folder(folder)
        return written

    def _prepared(self, reply: DueReply, taken: dict[Path, DueReply]) -> Prepared | None:
        folder = self.folders.get(reply.address.folder)
        if folder is None:
            log.error("no such folder in the configuration any more", folder=reply.address.folder)
            return None
        others = {path for path, one in taken.items() if not _same(one, reply)}
        try:
            target = place(folder.path, reply.address.file_name, folder.form, reply.result, others)
        except OSError as error:
            log.warning("result not placed yet", folder=reply.address.folder, errno=error.errno)
            return None
        taken[target] = reply
        data = render(self._told(reply), folder.form, folder.encoding)
        return Prepared(reply, folder.path / f".{reply.reply}.writing", target, data)

    def _told(self, reply: DueReply) -> JsonObject:
        """The result; of one whose lane has stopped, with the reason."""
        reasons = dict.fromkeys(reason for lane in reply.lanes if (reason := self.halted(lane)))
        if not reasons:
            return reply.result
        message = f"通道已停止：{'；'.join(reasons)}。处理后自动继续，请勿重复提交"
        return {**reply.result, "message": message}

    def _flushed(self, prepared: list[Prepared]) -> list[Prepared]:
        """Those that are safe aside; when they do not all go together, one that cannot stops no other."""
        try:
            write_all((one.aside, one.data) for one in prepared)
        except OSError:
            return [one for one in prepared if self._flushed_alone(one)]
        return prepared

    def _flushed_alone(self, one: Prepared) -> bool:
        try:
            make_folder(one.target.parent, SHARED)
            write_flushed(one.aside, one.data)
        except OSError as error:
            log.warning("result not written yet", folder=one.reply.address.folder, errno=error.errno)
            return False
        return True

    def _placed(self, one: Prepared) -> bool:
        try:
            one.aside.replace(one.target)
        except OSError as error:
            log.warning("result not replaced yet", folder=one.reply.address.folder, errno=error.errno)
            return False
        crash_point("replies.after_rename")
        return True

    def _rest_s(self) -> float:
        if self._unmarked_since is not None:
            return MARK_WITHIN_S
        if self._failed:
            return RETRY_S
        next_at = self.outbox.next_reply_at()
        if next_at is None:
            return LONGEST_REST_S
        return min(LONGEST_REST_S, max(0.05, (next_at - self.clock.now()).total_seconds()))


def _same(one: DueReply, other: DueReply) -> bool:
    """Whether two results tell of the same submission: it was dropped twice."""
    return all(one.result[key] == other.result[key] for key in ("received_at", "transaction"))
