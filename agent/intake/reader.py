"""The helper process for large files: an order on standard input, frames on standard output."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from agent import jsontext
from agent.events import JsonObject
from agent.hookspecs import ProtocolAdapter
from agent.intake.frames import frames_of, write_frame
from agent.intake.prepare import Dropped, prepare
from agent.submissions import ReadingRules

CHUNK = 20
"""Drafts in one frame: about one commit of the agent."""


def serve(
    source: BinaryIO,
    out: BinaryIO,
    build: Callable[[JsonObject], tuple[ProtocolAdapter, ReadingRules]],
) -> None:
    """Read one order, answer with the file's submissions, end."""
    gc.disable()
    order = jsontext.read_object(source.read().decode("utf-8"))
    adapter, rules = build(order)
    dropped = Dropped(
        event_id=order["event_id"],
        folder=order["folder"],
        file_name=order["file_name"],
        received_at=datetime.fromisoformat(order["received_at"]),
        modified_at=datetime.fromisoformat(order["modified_at"]),
        raw=Path(order["path"]).read_bytes(),
        atomic=order["atomic"],
    )
    for new in prepare(dropped, rules, adapter):
        for frame in frames_of(new, CHUNK):
            write_frame(out, frame)
    write_frame(out, {"done": True})
