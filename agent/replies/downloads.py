"""Leaves downloads as files: aside, flushed, renamed, the folder flushed; then marked in the outbox.

Only the mark opens the gate of what confirms a download, so a crash anywhere before it writes the same
file again over itself and confirms nothing that is not on disk. A file is never removed here: that the
HIS has removed it, or put a mark beside it, is how it says that it was read.
"""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from agent import jsontext, pulse
from agent.clock import Clock
from agent.disk import SHARED, flush_folder, make_folder, write_flushed
from agent.errors import StoreError
from agent.faults import crash_point
from agent.logs import get_logger
from agent.outbox.base import Outbox
from agent.outbox.model import DueDownload

log = get_logger("agent.replies")

BATCH: Final = 20
RETRY_S: Final = 5.0
READ: Final = ".ack"
"""A file ``<name>.ack`` beside a page says that it was read, as its removal does."""
LOOK_S: Final = 10.0
"""How often the writer looks which files the HIS has taken."""


@dataclass(slots=True)
class DownloadWriter:
    """The thread that writes downloads below ``root``. ``wakeup`` is set after every commit that may have
    brought one, ``opened`` is told when files are on disk and gates may have opened."""

    outbox: Outbox
    root: Path
    clock: Clock
    stopping: threading.Event
    opened: Callable[[], None]
    unread_after: timedelta = timedelta(hours=24)
    wakeup: threading.Event = field(default_factory=threading.Event)
    trouble: int = field(default=0, init=False)
    """The error number of the last file that could not be written; 0 when all could."""
    _failed: dict[int, float] = field(default_factory=dict, init=False)
    _looked_at: float | None = field(default=None, init=False)
    _warned: set[tuple[str, datetime]] = field(default_factory=set, init=False)

    def run(self) -> None:
        while not self.stopping.is_set():
            pulse.promise(pulse.FOREIGN_STEP_S)
            self.wakeup.clear()
            try:
                if self.write_due():
                    continue
                self.look_for_taken()
            except StoreError as error:
                log.error("downloads wait for the outbox", code=error.code)
            self.clock.wait(self.wakeup, RETRY_S if self._failed else LOOK_S)

    def write_due(self) -> int:
        """Write what is not on disk yet and mark it; returns how many files were written.
        Raises StoreError."""
        now = self.clock.monotonic()
        self._failed = {number: until for number, until in self._failed.items() if until > now}
        due = self.outbox.due_downloads(BATCH, skip=frozenset(self._failed))
        written = [one for one in due if self._written(one)]
        if not written:
            return 0
        for folder in {self._folder(one.transaction) for one in written}:
            flush_folder(folder)
        crash_point("downloads.before_mark")
        with self.outbox.write() as tx:
            tx.mark_downloaded([one.number for one in written])
        crash_point("downloads.after_mark")
        self.trouble = 0 if not self._failed else self.trouble
        log.info("downloads written", files=len(written), records=sum(one.records for one in written))
        self.opened()
        return len(written)

    def _written(self, due: DueDownload) -> bool:
        folder = self._folder(due.transaction)
        aside = folder / f".{due.number}.writing"
        try:
            if not folder.exists():
                make_folder(folder, SHARED)
                flush_folder(self.root)
            write_flushed(aside, file_content(due))
            crash_point("downloads.before_rename")
            aside.replace(folder / due.name)
            crash_point("downloads.after_rename")
        except OSError as error:
            self.trouble = error.errno or -1
            self._failed[due.number] = self.clock.monotonic() + RETRY_S
            log.warning("download not written yet", transaction=due.transaction, errno=error.errno)
            return False
        return True

    def look_for_taken(self) -> None:
        """Forget the files that the HIS has taken, every now and then. Raises StoreError."""
        now = self.clock.monotonic()
        if self._looked_at is not None and now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        taken = self._taken()
        if taken:
            with self.outbox.write() as tx:
                tx.mark_taken(taken)
        self._warn_of_unread()

    def _warn_of_unread(self) -> None:
        """Log what the HIS has left for long, once for each oldest file of a transaction."""
        before = self.clock.now() - self.unread_after
        old = {
            (tally.transaction, tally.oldest_at): tally
            for tally in self.outbox.download_tallies()
            if tally.oldest_at is not None and tally.oldest_at <= before
        }
        for key, tally in old.items():
            if key not in self._warned:
                since = key[1].isoformat()
                log.warning("downloads unread", transaction=key[0], files=tally.unread, since=since)
        self._warned = set(old)

    def _taken(self) -> list[int]:
        """A folder that cannot be read now, a share that is away, says nothing about its files."""
        there: dict[str, frozenset[str] | None] = {}
        taken: list[int] = []
        for left in self.outbox.left_downloads():
            if left.transaction not in there:
                there[left.transaction] = self._names(left.transaction)
            names = there[left.transaction]
            if names is not None and (left.name not in names or left.name + READ in names):
                taken.append(left.number)
        return taken

    def _names(self, transaction: str) -> frozenset[str] | None:
        try:
            return frozenset(path.name for path in self._folder(transaction).iterdir())
        except OSError as error:
            log.warning("downloads folder cannot be read", transaction=transaction, errno=error.errno)
            return None

    def _folder(self, transaction: str) -> Path:
        return self.root / transaction


def file_content(due: DueDownload) -> bytes:
    """The bytes of a download's file: an attachment as it is, a page as JSON in UTF-8."""
    if due.attachment:
        return b64decode(due.attachment)
    told = {
        "system": due.system,
        "transaction": due.transaction,
        "records": due.records,
        "downloaded_at": due.received_at.isoformat(),
        **due.content,
    }
    return (jsontext.write_readable(told) + "\n").encode("utf-8")
