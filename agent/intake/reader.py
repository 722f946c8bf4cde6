"""The helper process for large files: an order on standard input, frames on standard output."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from agent import jsontext
from agent.errors import SubmissionInvalid
from agent.events import Attachment, JsonObject
from agent.hookspecs import ProtocolAdapter
from agent.intake.frames import frames_of, write_frame
from agent.intake.prepare import Dropped, prepare, unreadable
from agent.outbox.model import NewSubmission
from agent.sources.base import Claimed, SourceError
from agent.sources.content import read_claimed
from agent.submissions import ReadingRules

CHUNK = 20
"""Drafts in one frame, at most."""

NICE = 10
"""How far behind the agent itself it stands for the processor."""

Build = Callable[[JsonObject], tuple[ProtocolAdapter, ReadingRules]]


def give_way() -> None:
    """Leave the processor to who serves people at a desk. On Windows the agent starts it so."""
    if sys.platform != "win32":
        os.nice(NICE)


def serve(source: BinaryIO, out: BinaryIO, build: Build) -> None:
    """Read one order, answer with the file's submissions, end.

    The last frame is ``done``; ``unreadable``: the file cannot be read now; or ``failed`` with the kind
    and place of a defect, never its text, which may hold what the file holds.
    """
    gc.disable()
    with contextlib.redirect_stdout(sys.stderr):
        try:
            for new in _submissions(jsontext.read_object(source.read().decode("utf-8")), build):
                for frame in frames_of(new, CHUNK):
                    write_frame(out, frame)
            write_frame(out, {"done": True})
        except SourceError as error:
            write_frame(out, {"unreadable": error.details.get("errno")})
        except Exception as error:  # noqa: BLE001 - the border of this process: told to the agent
            write_frame(out, {"failed": _place(error)})


def _submissions(order: JsonObject, build: Build) -> Iterator[NewSubmission]:
    adapter, rules = build(order)
    received_at = datetime.fromisoformat(order["received_at"])
    modified_at = datetime.fromisoformat(order["modified_at"])
    claimed = Claimed(
        event_id=order["event_id"],
        name=order["file_name"],
        path=Path(order["path"]),
        size=order["size"],
        seen_at=received_at,
        modified_at=modified_at,
        atomic=order["atomic"],
    )
    dropped = Dropped(
        event_id=order["event_id"],
        folder=order["folder"],
        file_name=order["file_name"],
        received_at=received_at,
        modified_at=modified_at,
        raw=b"",
        atomic=order["atomic"],
    )
    try:
        raw = read_claimed(claimed, rules.max_bytes)
    except SubmissionInvalid as error:
        return iter((unreadable(dropped, rules.system, error),))
    beside = {name: Attachment(*file) for name, file in order["attachments"].items()}
    return prepare(dropped.with_content(raw), rules, adapter, attachments=beside)


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
