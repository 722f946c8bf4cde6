"""Submissions that name files: they keep their place in the outbox until the files are there, and take them.

One small act a step, so that whatever else lies in the folder goes on meanwhile: look, take the files by
rename, describe them, plan anew with what they are, keep their contents one commit each, and let the plan
take the place of the stand-in. Every act may be repeated after a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agent.clock import Clock
from agent.errors import Fault
from agent.events import Attachment, JsonObject
from agent.faults import crash_point
from agent.intake.frames import CONTENT, drafts_of, submission_from_json
from agent.intake.heavy import FAILED, HeavyReader, Job
from agent.intake.preparing import Preparer
from agent.logs import get_logger
from agent.outbox.base import Outbox
from agent.outbox.model import Accepted, NewSubmission, Receipt
from agent.protocol.attachments import attachment_of
from agent.sources.base import Claimed, SourceError
from agent.sources.beside import Beside

log = get_logger("agent.intake")

PATIENCE_S: Final = 600.0
LOOK_S: Final = 0.25
"""How often it is looked for files that are not there."""

UNREADABLE = Fault(
    "/data",
    "attachment_missing",
    "附件在 10 分钟内一直读不出来（没有权限或被别的程序占用）；请连同附件重新提交",
    name="附件",
)

Told = tuple[NewSubmission, Accepted]


@dataclass(slots=True)
class Entry:
    """One submission of a claimed file. ``found`` are the files that are known, ``plan`` what they made."""

    new: NewSubmission
    submission: int
    taken: bool = False
    found: dict[str, Attachment] = field(default_factory=dict)
    plan: NewSubmission | None = None
    kept: int = 0
    unreadable_since: float | None = None


@dataclass(slots=True)
class Holder:
    """A claimed file with the submissions of it that wait. ``accepted``: whether the others were."""

    claimed: Claimed
    heavy: bool
    entries: list[Entry]
    accepted: bool
    reader: Again | None = None


@dataclass(slots=True)
class Waiting:
    """Those of one inbox. ``done`` is told of each that came to its end, ``finished`` of each file of which
    no submission waits any more."""

    folder: str
    beside: Beside
    preparer: Preparer
    heavy: HeavyReader
    outbox: Outbox
    clock: Clock
    done: Callable[[list[Told]], None]
    finished: Callable[[Claimed, bool], None]
    _holders: list[Holder] = field(default_factory=list, init=False)
    _look_at: float = field(default=0.0, init=False)

    def add(self, claimed: Claimed, told: list[Told], *, heavy: bool, accepted: bool) -> None:
        entries = [Entry(new, one.submission) for new, one in told]
        self._holders.append(Holder(claimed, heavy, entries, accepted))
        self._look_at = 0.0

    def due_in(self) -> float:
        """Seconds until it is worth a look; endless when nothing waits."""
        return max(0.0, self._look_at - self.clock.monotonic()) if self._holders else float("inf")

    def names(self) -> set[str]:
        """The files that are waited for, and not taken yet."""
        return {
            name
            for holder in self._holders
            for entry in holder.entries
            if not entry.taken
            for name in entry.new.wants
        }

    def event_ids(self) -> set[str]:
        return {holder.claimed.event_id for holder in self._holders}

    def close(self) -> None:
        for holder in self._holders:
            if holder.reader is not None:
                holder.reader.job.close()

    def step(self, named: set[str]) -> bool:
        """One act for the first that can go on; ``named`` are files that others in hand name. False when
        all that can be done is to wait. Raises StoreError, OSError."""
        if not self._holders or self.clock.monotonic() < self._look_at:
            return False
        for holder in list(self._holders):
            for entry in list(holder.entries):
                if self._attempt(holder, entry, named):
                    return True
        self._look_at = self.clock.monotonic() + LOOK_S
        return False

    def _attempt(self, holder: Holder, entry: Entry, named: set[str]) -> bool:
        """As _advance. What cannot be read now lets others pass, and ends its submission in the end."""
        try:
            moved = self._advance(holder, entry, named)
        except SourceError as error:
            return self._unread(holder, entry, error)
        if moved:
            entry.unreadable_since = None
        return moved

    def _unread(self, holder: Holder, entry: Entry, error: SourceError) -> bool:
        now = self.clock.monotonic()
        if entry.unreadable_since is None:
            log.warning("an attachment cannot be read now", folder=self.folder, **error.details)
            entry.unreadable_since = now
        if now - entry.unreadable_since < PATIENCE_S:
            return False
        self._fulfil(holder, entry, replace(entry.new, faults=(UNREADABLE,), drafts=()))
        return True

    @property
    def unreadable(self) -> bool:
        """Whether files that were taken cannot be read now."""
        return any(one.unreadable_since is not None for holder in self._holders for one in holder.entries)

    # -- one submission ----------------------------------------------------------------------------
    def _advance(self, holder: Holder, entry: Entry, named: set[str]) -> bool:
        if not entry.taken:
            return self._take(holder, entry, named)
        unknown = next((name for name in entry.new.wants if name not in entry.found), None)
        if unknown is not None:
            entry.found[unknown] = attachment_of(self.beside.read(holder.claimed.event_id, unknown))
            return True
        if entry.plan is None:
            return self._plan(holder, entry)
        files = () if entry.plan.faults else entry.new.wants
        if entry.kept < len(files):
            self._keep(holder, entry, files[entry.kept])
        else:
            self._fulfil(holder, entry, entry.plan)
        return True

    def _take(self, holder: Holder, entry: Entry, named: set[str]) -> bool:
        event_id, wants = holder.claimed.event_id, entry.new.wants
        missing = self.beside.missing(event_id, wants)
        if missing:
            waited = (self.clock.now() - holder.claimed.seen_at).total_seconds()
            if waited < PATIENCE_S:
                return False
            self._fulfil(holder, entry, replace(entry.new, faults=tuple(map(_missing, missing)), drafts=()))
            return True
        try:
            self.beside.take(event_id, wants, self._others(holder, entry) | named)
        except FileNotFoundError:
            return False
        entry.taken = True
        return True

    def _others(self, holder: Holder, entry: Entry) -> set[str]:
        """What other submissions want; those of the same file share its folder."""
        return {
            name
            for other in self._holders
            if other is not holder
            for one in other.entries
            if not one.taken
            for name in one.new.wants
        }

    def _plan(self, holder: Holder, entry: Entry) -> bool:
        """Plan anew with what the files are; a large file by its helper process."""
        known = {name: file for one in holder.entries for name, file in one.found.items()}
        if not holder.heavy:
            entry.plan = _of(entry, self.preparer.prepared(holder.claimed, known))
            return True
        if holder.reader is None:
            dropped, wakeup = self.preparer.dropped(holder.claimed), self.preparer.source.wakeup
            holder.reader = Again(self.heavy.begin(dropped, holder.claimed, wakeup, known))
        ended = holder.reader.advance()
        if ended:
            entry.plan = _of(entry, tuple(holder.reader.plans))
            holder.reader = None
        return ended

    def _keep(self, holder: Holder, entry: Entry, name: str) -> None:
        content = self.beside.read(holder.claimed.event_id, name)
        file = attachment_of(content)
        if file != entry.found[name]:
            entry.found, entry.plan, entry.kept = {}, None, 0
            raise SourceError("附件在读取时被改动", hint="请写完后改名放入")
        with self.outbox.write() as tx:
            tx.keep_file(entry.submission, file.digest, content)
        crash_point("waiting.after_keep")
        entry.kept += 1

    def _fulfil(self, holder: Holder, entry: Entry, plan: NewSubmission) -> None:
        with self.outbox.write() as tx:
            for digest, content in plan.contents.items():
                tx.keep_file(entry.submission, digest, content)
            accepted = tx.fulfil(entry.submission, plan)
        crash_point("waiting.after_fulfil")
        holder.entries.remove(entry)
        holder.accepted &= not plan.faults and accepted.receipt is not Receipt.REFUSED
        self.done([(plan, accepted)])
        if not holder.entries:
            self._holders.remove(holder)
            self.beside.file_away(holder.claimed.event_id, holder.accepted, self.clock.now())
            self.finished(holder.claimed, holder.accepted)


@dataclass(slots=True)
class Again:
    """A large file that its helper process reads once more, now that the files beside it are known."""

    job: Job
    plans: list[NewSubmission] = field(default_factory=list)

    def advance(self) -> bool:
        """Take what the helper has said so far; true when it has ended. Raises SourceError."""
        while (frame := self.job.frame()) is not None:
            self.job.stored(self.job.progress)
            if "begin" in frame:
                self.plans.append(submission_from_json(frame["begin"]))
            elif "file" in frame:
                self._add(contents={**self.plans[-1].contents, frame["file"]: frame[CONTENT]})
            elif "drafts" in frame:
                self._add(drafts=(*self.plans[-1].drafts, *drafts_of(frame)))
            elif "end" not in frame:
                self._end(frame)
                return True
        return False

    def _add(self, **more: Any) -> None:
        self.plans[-1] = replace(self.plans[-1], **more)

    def _end(self, frame: JsonObject) -> None:
        if "done" in frame:
            return
        reason = frame.get("failed", "unreadable")
        log.error("reader process failed", reason=reason)
        self.plans.clear()


def _of(entry: Entry, plans: tuple[NewSubmission, ...]) -> NewSubmission:
    """The plan of one submission among those of its file; a file that can be read no more ends it."""
    own = next((new for new in plans if new.event_id == entry.new.event_id), None)
    if own is not None:
        return own
    faults = plans[0].faults if plans and plans[0].faults else (FAILED,)
    return replace(entry.new, faults=faults, drafts=())


def _missing(name: str) -> Fault:
    return Fault(
        "/data",
        "attachment_missing",
        f"附件 {name} 在 10 分钟内没有放入同一文件夹；请连同附件重新提交",
        name="附件",
    )
