"""Large files: a helper process reads and judges them, the agent stores what it says in chunks.

The helper holds no keys and opens nothing but the claimed file. When it dies, the file is answered
as unreadable, with the reason, and may be dropped again under the same id.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.errors import Fault, SubmissionInvalid
from agent.events import Attachment, Draft, JsonObject
from agent.intake.frames import CONTENT, packed_of, read_frame, submission_from_json
from agent.intake.prepare import NO_FILES, Dropped, unreadable
from agent.logs import get_logger
from agent.outbox.base import Transaction
from agent.outbox.model import Accepted, NewSubmission, Receipt
from agent.sources.base import Claimed

log = get_logger("agent.intake")

FRAMES_AHEAD = 4
"""Frames read from the helper before they are stored: bounds the memory, the pipe does the rest."""

OFFER_S = 0.5
"""How often a reader whose frames nobody takes looks whether it was cancelled."""

GIVES_WAY: int = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
"""Windows gives a process its priority when it starts; elsewhere the helper gives way by itself."""

FAILED = Fault("", "reader_failed", "文件无法读取：读取进程异常退出，请拆分为较小的文件后重新提交")

Told = tuple[NewSubmission, Accepted]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a large file is stored: the submission under way with one draft of each of its lanes,
    whether all so far was taken, and ``told``, the submissions that the latest frame made whole."""

    current: Told | None = None
    lanes: Mapping[tuple[str, bool], Draft] = field(default_factory=dict, repr=False)
    begun: bool = False
    accepted: bool = True
    finished: bool = False
    told: tuple[Told, ...] = ()
    waiting: tuple[Told, ...] = ()
    """Submissions that wait for files that they name."""


class Job:
    """One large file on its way. Frames arrive on a thread of their own and set ``wakeup``.

    A frame stays the next one until :meth:`stored` says that what :meth:`store` did is committed, so
    that a commit that fails is simply done again.
    """

    def __init__(
        self, dropped: Dropped, system: str, process: subprocess.Popen[bytes], wakeup: threading.Event
    ) -> None:
        self.progress = Progress()
        self._dropped = dropped
        self._system = system
        self._process = process
        self._wakeup = wakeup
        self._frames: queue.Queue[JsonObject] = queue.Queue(FRAMES_AHEAD)
        self._next: JsonObject | None = None
        self._closed = threading.Event()
        self._pump = threading.Thread(target=self._run, name=f"reader {dropped.folder}", daemon=True)
        self._pump.start()

    def frame(self) -> JsonObject | None:
        """The first frame that is not stored yet, or None while there is none."""
        if self._next is None:
            with contextlib.suppress(queue.Empty):
                self._next = self._frames.get_nowait()
        return self._next

    def store(self, tx: Transaction, frame: JsonObject) -> Progress:
        """Store a frame; changes nothing here."""
        if "begin" in frame:
            return self._begin(tx, submission_from_json(frame["begin"]))
        if "file" in frame:
            return self._keep(tx, frame)
        if "drafts" in frame:
            return self._extend(tx, frame)
        if "end" in frame:
            return self._end(tx)
        if "failed" in frame:
            return self._fail(tx)
        return replace(self.progress, told=(), finished=True)

    def stored(self, progress: Progress) -> None:
        """What ``store`` did is durable."""
        self.progress = progress
        self._next = None

    def fail(self, why: str) -> None:
        """Give the file up: the next frame says so, whatever the helper still has to say."""
        self._end_helper()
        self._next = {"failed": why}

    def close(self) -> None:
        """Stop reading: the stage is removed, and the file taken again, at the next start."""
        self._end_helper()
        self._pump.join()

    # -- frames -----------------------------------------------------------------------------------
    def _end_helper(self) -> None:
        self._closed.set()
        self._process.kill()

    def _run(self) -> None:
        """Move frames from the helper to the queue until it ends."""
        stdout = self._process.stdout
        ended = False
        while stdout is not None and (frame := read_frame(stdout)) is not None:
            ended = not frame.keys().isdisjoint({"done", "unreadable", "failed"})
            self._offer(frame)
        status = self._process.wait()
        if stdout is not None:
            stdout.close()
        if not ended:
            self._offer({"failed": f"exit status {status}"})

    def _offer(self, frame: JsonObject) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._frames.put(frame, timeout=OFFER_S)
                self._wakeup.set()
                return

    # -- storing ------------------------------------------------------------------------------------
    def _begin(self, tx: Transaction, new: NewSubmission) -> Progress:
        accepted = tx.accept(new) if new.faults else tx.stage(new)
        taken = not new.faults and accepted.receipt is not Receipt.REFUSED
        return Progress(
            current=(new, accepted),
            begun=True,
            accepted=self.progress.accepted and taken,
            waiting=self.progress.waiting,
        )

    def _keep(self, tx: Transaction, frame: JsonObject) -> Progress:
        new, accepted = self._current()
        if _staged(new, accepted):
            tx.keep_file(accepted.submission, frame["file"], frame[CONTENT])
        return replace(self.progress, told=())

    def _extend(self, tx: Transaction, frame: JsonObject) -> Progress:
        new, accepted = self._current()
        if not _staged(new, accepted):
            return replace(self.progress, told=())
        drafts = tuple(packed_of(frame))
        tx.extend(accepted.submission, drafts)
        lanes = {(each.head.lane, each.head.parallel): each.head for each in drafts}
        return replace(self.progress, told=(), lanes={**self.progress.lanes, **lanes})

    def _end(self, tx: Transaction) -> Progress:
        new, accepted = self._current()
        if _staged(new, accepted) and new.wants:
            tx.await_files(accepted.submission)
            accepted = replace(accepted, waiting=True)
        elif _staged(new, accepted):
            accepted = tx.publish(accepted.submission)
        whole = replace(new, drafts=tuple(self.progress.lanes.values()))
        taken = self.progress.accepted and accepted.receipt is not Receipt.REFUSED
        waiting = (*self.progress.waiting, (whole, accepted)) if accepted.waiting else self.progress.waiting
        return replace(
            self.progress,
            told=((whole, accepted),),
            current=None,
            lanes={},
            accepted=taken,
            waiting=waiting,
        )

    def _fail(self, tx: Transaction) -> Progress:
        """What is whole stays; the rest of the file is answered once."""
        current = self.progress.current
        if current is not None and _staged(*current):
            tx.abandon(current[1].submission, [FAILED])
            told: Told = (replace(current[0], faults=(FAILED,)), current[1])
        else:
            new = unreadable(self._dropped, self._system, SubmissionInvalid([FAILED]))
            if self.progress.begun:
                new = replace(new, event_id=f"{new.event_id}.failed")
            told = (new, tx.accept(new))
        return Progress(
            told=(told,), begun=True, accepted=False, finished=True, waiting=self.progress.waiting
        )

    def _current(self) -> Told:
        if self.progress.current is None:
            raise ValueError("a frame before its submission")
        return self.progress.current


def _staged(new: NewSubmission, accepted: Accepted) -> bool:
    return not new.faults and accepted.receipt is Receipt.STORED


@dataclass(frozen=True, slots=True)
class HeavyReader:
    """Starts the helper for one system: what it has to know goes to it on its standard input."""

    system: str
    options: Mapping[str, Any]
    rules: Mapping[str, Any]

    def begin(
        self,
        dropped: Dropped,
        claimed: Claimed,
        wakeup: threading.Event,
        attachments: Mapping[str, Attachment] = NO_FILES,
    ) -> Job:
        """``attachments``: what is known of the files that it names. Raises OSError when the machine lets
        no process start now."""
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell, arguments fixed
            helper_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, creationflags=GIVES_WAY
        )
        beside = {name: [file.type, file.size, file.digest] for name, file in attachments.items()}
        order = json.dumps({**self._order(dropped, claimed), "attachments": beside}).encode("utf-8")
        if process.stdin is not None:
            # A helper that has died already is seen by the end of its frames.
            with contextlib.suppress(OSError), process.stdin as stdin:
                stdin.write(order)
        return Job(dropped, self.system, process, wakeup)

    def _order(self, dropped: Dropped, claimed: Claimed) -> JsonObject:
        return {
            "system": self.system,
            "options": dict(self.options),
            "rules": dict(self.rules),
            "path": str(claimed.path),
            "size": claimed.size,
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
