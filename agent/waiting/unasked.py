"""What nobody waits for becomes a submission of its own, as configured (GYU010, CX003, ST020). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agent.errors import SubmissionInvalid
from agent.events import Event, JsonObject, Reading, Submission
from agent.hookspecs import Preparation, ProtocolAdapter
from agent.intake.dropping import Dropped, invalid, judged
from agent.outbox.model import NewSubmission


@dataclass(frozen=True, slots=True)
class Addressed:
    """Where it goes. ``data`` are the fixed fields that it needs, ``folder`` whose results tell of it."""

    system: str
    transaction: str
    data: JsonObject = field(repr=False)
    folder: str


def unasked(
    event: Event,
    target: Addressed,
    reading: Reading,
    adapter: ProtocolAdapter,
    preparation: Preparation | None,
) -> NewSubmission:
    """Its id is ``SCAN-<event>``; its result is ``SCAN-<station>….<id>.result.json``."""
    at = event.received_at
    station = re.sub(r"[^\w-]", "_", event.name)
    name = f"SCAN-{station}-{at:%Y%m%d%H%M%S}.json"
    dropped = Dropped(event.id, target.folder, name, at, at, b"")
    submission = Submission(
        system=target.system,
        transaction=target.transaction,
        id=f"SCAN-{event.id}",
        data=target.data,
        occurred_at=at,
        scanned_at=at,
    )
    try:
        whole = adapter.awaited(submission, reading)
    except SubmissionInvalid as error:
        return invalid(dropped, submission, 0, adapter, error)
    if preparation is not None:
        whole = preparation.prepare(whole, at)
    return judged(dropped, whole, 0, adapter)
