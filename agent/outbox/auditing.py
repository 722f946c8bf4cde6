"""Writes the audit trail: what a commit did, in that commit, at its end.

Steps note what they did while they do it (``Work.note``); the notes become records, chained in their order,
just before the commit. So there is no step without its record and no record without its step.
"""

from __future__ import annotations

import json
import secrets
from datetime import datetime

from agent.audit.chain import link, note_digest
from agent.audit.model import Head, Sign
from agent.outbox.moments import to_micros
from agent.outbox.work import Note, Work

_encoder = json.JSONEncoder(separators=(",", ":"))


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
