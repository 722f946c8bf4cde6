"""Large files: a helper process reads and judges them, the agent stores what it says in chunks.

The helper holds no keys and opens nothing but the claimed file. When it dies, the file is answered
as unreadable, with the reason, and may be dropped again under the same id.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import Fault, SubmissionInvalid
from agent.events import JsonObject
from agent.intake.frames import drafts_of, read_frame, submission_from_json
from agent.intake.prepare import Dropped, unreadable
from agent.logs import get_logger
from agent.outbox.base import Transaction
from agent.outbox.model import Accepted, NewSubmission, Receipt

log = get_logger("agent.intake")

FRAMES_AHEAD = 4
"""Frames read from the helper before they are stored: bounds the memory, the pipe does the rest."""


@dataclass(slots=True)
class Job:
    """One large file on its way. Frames arrive on a thread of their own and set ``wakeup``."""

    dropped: Dropped
    system: str
    process: subprocess.Popen[bytes]
    wakeup: threading.Event
    finished: bool = False
    accepted: bool = True
    _frames: queue.Queue[JsonObject] = field(default_factory=lambda: queue.Queue(FRAMES_AHEAD), init=False)
    _current: tuple[NewSubmission, Accepted] | None = field(default=None, init=False)
    _staged: list[Any] = field(default_factory=list, init=False)

    def next_frame(self) -> JsonObject | None:
        """A frame that has arrived, or None while there is none."""
        try:
            return self._frames.get_nowait()
        except queue.Empty:
            return None

    def pump(self) -> None:
        """Move frames from the helper to the queue until it ends; the thread's work."""
        stdout = self.process.stdout
        ended = False
        while stdout is not None and (frame := read_frame(stdout)) is not None:
            ended = "done" in frame
            self._frames.put(frame)
            self.wakeup.set()
        status = self.process.wait()
        if not ended:
            self._frames.put({"failed": status})
            self.wakeup.set()

    def store(self, tx: Transaction, frame: JsonObject) -> list[tuple[NewSubmission, Accepted]]:
        """Store one frame; returns submissions that are now whole."""
        if "begin" in frame:
            return self._begin(tx, submission_from_json(frame["begin"]))
        if "drafts" in frame:
            return self._extend(tx, frame)
        if "end" in frame:
            return self._end(tx)
        if "failed" in frame:
            return self._fail(tx, frame["failed"])
        self.finished = True
        return []

    def cancel(self) -> None:
        """Stop reading: the stage is removed, and the file taken again, at the next start."""
        self.process.kill()
        self.next_frame()

    def _begin(self, tx: Transaction, new: NewSubmission) -> list[tuple[NewSubmission, Accepted]]:
        if new.faults:
            accepted = tx.accept(new)
            self.accepted = False
        else:
            accepted = tx.stage(new)
            self.accepted = self.accepted and accepted.receipt is not Receipt.REFUSED
        self._current = (new, accepted)
        return []

    def _extend(self, tx: Transaction, frame: JsonObject) -> list[tuple[NewSubmission, Accepted]]:
        new, accepted = self._begun()
        if accepted.receipt is Receipt.STORED and not new.faults:
            drafts = tuple(drafts_of(frame))
            self._staged.extend({(draft.lane, draft.parallel): draft for draft in drafts}.values())
            tx.extend(accepted.submission, drafts)
        return []

    def _end(self, tx: Transaction) -> list[tuple[NewSubmission, Accepted]]:
        new, accepted = self._begun()
        self._current = None
        if accepted.receipt is Receipt.STORED and not new.faults:
            accepted = tx.publish(accepted.submission)
        return [(new, accepted)]

    def _fail(self, tx: Transaction, status: object) -> list[tuple[NewSubmission, Accepted]]:
        log.error("reader process failed", status=str(status), folder=self.dropped.folder)
        fault = Fault("", "reader_failed", "文件无法读取：读取进程异常退出，请拆分为较小的文件后重新提交")
        self.finished, self.accepted = True, False
        if self._current is not None and self._current[1].receipt is Receipt.STORED:
            new, accepted = self._current
            tx.abandon(accepted.submission, [fault])
            return [(new, accepted)]
        new = unreadable(self.dropped, self.system, SubmissionInvalid([fault]))
        return [(new, tx.accept(new))]

    def _begun(self) -> tuple[NewSubmission, Accepted]:
        if self._current is None:
            raise ValueError("a frame before its submission")
        return self._current


@dataclass(frozen=True, slots=True)
class HeavyReader:
    """Starts the helper for one system: what it has to know goes to it on its standard input."""

    system: str
    options: Mapping[str, Any]
    rules: Mapping[str, Any]

    def begin(self, dropped: Dropped, path: Path, wakeup: threading.Event) -> Job:
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell, arguments fixed
            helper_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        job = Job(dropped, self.system, process, wakeup)
        if process.stdin is not None:
            process.stdin.write(json.dumps(self._order(dropped, path)).encode("utf-8"))
            process.stdin.close()
        threading.Thread(target=job.pump, name=f"reader {dropped.folder}", daemon=True).start()
        return job

    def _order(self, dropped: Dropped, path: Path) -> JsonObject:
        return {
            "system": self.system,
            "options": dict(self.options),
            "rules": dict(self.rules),
            "path": str(path),
            "event_id": dropped.event_id,
            "folder": dropped.folder,
            "file_name": dropped.file_name,
            "received_at": dropped.received_at.isoformat(),
            "modified_at": dropped.modified_at.isoformat(),
            "atomic": dropped.atomic,
        }


def helper_command() -> list[str]:
    """This program again, as the reader; the frozen build has no ``-m``."""
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "agent"]
    return [*program, "read-file"]
