"""Writes the audit trail: what a commit did, in that commit, at its end.

Steps note what they did while they do it (``Work.note``); the notes become records, chained in their order,
just before the commit. So there is no step without its record and no record without its step.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from agent.audit.chain import GENESIS, link, note_digest
from agent.audit.model import Head, Sign
from agent.outbox.moments import to_micros

if TYPE_CHECKING:
    from agent.outbox.work import Work

Details = Mapping[str, str | int]
"""Codes and counts, nobody's data."""


@dataclass(frozen=True, slots=True)
class Note:
    """A step to be recorded; ``who`` and ``why`` of what a person did."""

    kind: str
    submission: int | None
    message: int | None
    details: Details
    who: str = field(default="", repr=False)
    why: str = field(default="", repr=False)


_encoder = json.JSONEncoder(separators=(",", ":"))


def last_head(work: Work) -> Head:
    """Where the chain ends: at the last record, or, when all were purged, at the last head."""
    row = work.one("last_record") or work.one("last_checkpoint")
    return Head(0, GENESIS) if row is None else Head(row["number"], bytes(row["hash"]))


def flush(work: Work) -> None:
    """Turn what was noted into records."""
    if not work.notes:
        return
    now, head = work.now(), work.head
    rows: list[tuple[object, ...]] = []
    for note in work.notes:
        number = head.number + 1
        facts = _encoder.encode(note.details) if note.details else ""
        sealed, digest = _sealed(work, number, note)
        content = (number, now, note.kind, note.submission, note.message, facts, digest)
        head = Head(number, link(head.hash, *content))
        rows.append((*content, sealed, head.hash))
    work.run_many("add_record", rows)
    work.notes.clear()
    work.head = head


def _sealed(work: Work, number: int, note: Note) -> tuple[bytes | None, bytes]:
    if not note.who:
        return None, b""
    salt = secrets.token_hex(16)
    sealed = work.border.seal("audit|note", number, [salt, note.who, note.why])
    return sealed, note_digest(salt, note.who, note.why)


def checkpoint(work: Work, sign: Sign, now: datetime) -> Head:
    """Sign the head, what this commit did up to here included."""
    flush(work)
    head, at = work.head, to_micros(now)
    seal = sign(head.content(at))
    work.run("add_checkpoint", head.number, at, head.hash, seal.signature, seal.public)
    return head


def purge(work: Work, before: datetime) -> int:
    """Remove whole segments behind the last signed head of before a time; the head stays. Returns how many
    records there were."""
    row = work.one("purgeable_checkpoint", to_micros(before))
    if row is None:
        return 0
    work.run("mark_checkpoint_purged", row["number"])
    removed = work.run("purge_records", row["number"])
    work.note("audit.purged", details={"through": row["number"], "records": removed})
    return removed
