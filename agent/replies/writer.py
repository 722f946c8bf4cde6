"""Writes results: aside, flushed, renamed, the folder flushed; then marked in the outbox.

A crash between rename and mark writes the same result again over itself; nothing is lost and
nothing is given twice. While the HIS has a result open (Windows) the replacement is tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.clock import Clock
from agent.disk import flush_folder, write_flushed
from agent.errors import StoreError
from agent.faults import crash_point
from agent.logs import get_logger
from agent.outbox.base import Outbox
from agent.outbox.model import DueReply
from agent.replies.render import render, suffix

log = get_logger("agent.replies")

BATCH = 200
RETRY_S = 1.0
LONGEST_REST_S = 5.0


@dataclass(frozen=True, slots=True)
class ResultFolder:
    """Where the results of one inbox go, and in which form."""

    path: Path
    form: str = "json"
    encoding: str = "utf-8"


@dataclass(slots=True)
class ReplyWriter:
    """The reply thread. ``wakeup`` is set after every commit that may have made a result due."""

    outbox: Outbox
    folders: Mapping[str, ResultFolder]
    clock: Clock
    stopping: threading.Event
    wakeup: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stopping.is_set():
            self.wakeup.clear()
            if self.write_due() < BATCH:
                self.clock.wait(self.wakeup, self._rest_s())

    def write_due(self) -> int:
        """Write what is due now, mark what got written; returns how many were due."""
        try:
            due = self.outbox.due_replies(self.clock.now(), BATCH)
            written = [reply for reply in due if self._write(reply)]
            for folder in {self.folders[reply.address.folder].path for reply in written}:
                flush_folder(folder)
            crash_point("replies.before_mark")
            if written:
                with self.outbox.write() as tx:
                    tx.mark_replied([(reply.reply, reply.revision) for reply in written])
            crash_point("replies.after_mark")
        except StoreError as error:
            log.error("results cannot be marked yet", code=error.code)
            self.clock.wait(self.stopping, RETRY_S)
            return 0
        if len(written) < len(due):
            self.clock.wait(self.stopping, RETRY_S)
        return len(due)

    def _write(self, reply: DueReply) -> bool:
        folder = self.folders.get(reply.address.folder)
        if folder is None:
            log.error("no such folder in the configuration any more", folder=reply.address.folder)
            return False
        target = folder.path / result_name(reply.address.file_name, str(reply.result["id"]), folder.form)
        aside = folder.path / f".{reply.reply}.writing"
        try:
            folder.path.mkdir(parents=True, exist_ok=True, mode=0o750)
            write_flushed(aside, render(reply.result, folder.form, folder.encoding))
            crash_point("replies.before_rename")
            aside.replace(target)
            crash_point("replies.after_rename")
        except OSError as error:
            log.warning("result not written yet", folder=reply.address.folder, errno=error.errno)
            return False
        return True

    def _rest_s(self) -> float:
        next_at = self.outbox.next_reply_at()
        if next_at is None:
            return LONGEST_REST_S
        return min(LONGEST_REST_S, max(0.05, (next_at - self.clock.now()).total_seconds()))


def result_name(file_name: str, his_id: str, form: str) -> str:
    """``<full input name>.<id>.result.json``; without the id where none could be read."""
    stem = f"{file_name}.{his_id}" if his_id else file_name
    return stem + suffix(form)
