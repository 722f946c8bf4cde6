"""A submission of a dropped file, planned or refused, as the outbox takes it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from agent import jsontext
from agent.errors import CatalogError, Fault, SubmissionInvalid
from agent.events import Plan, Submission
from agent.hookspecs import ProtocolAdapter
from agent.outbox.model import NewSubmission, ReplyAddress
from agent.submissions import ReadFailure


@dataclass(frozen=True, slots=True)
class Dropped:
    """A claimed file with its bytes. ``modified_at`` is when the HIS wrote it."""

    event_id: str
    folder: str
    file_name: str = field(repr=False)
    received_at: datetime
    modified_at: datetime
    raw: bytes = field(repr=False)
    atomic: bool = True
    """Renamed into place or marked: it cannot be a part of a file."""

    def with_content(self, raw: bytes) -> Dropped:
        return replace(self, raw=raw)


def unreadable(
    dropped: Dropped, system: str, error: SubmissionInvalid, more: Iterable[Fault] = ()
) -> NewSubmission:
    """The record of a file that is no submission, or one that nobody can read; ``more`` was found besides."""
    known = error if isinstance(error, ReadFailure) else None
    return NewSubmission(
        event_id=dropped.event_id,
        system=system,
        transaction=known.transaction if known else "",
        id=known.id if known else "",
        digest=hashlib.sha256(dropped.raw).digest(),
        reply=ReplyAddress(dropped.folder, dropped.file_name),
        received_at=dropped.received_at,
        occurred_at=dropped.modified_at,
        faults=(*error.faults, *more),
    )


def judged(dropped: Dropped, submission: Submission, number: int, adapter: ProtocolAdapter) -> NewSubmission:
    named = tuple(dict.fromkeys(one.name for one in adapter.attachments(submission)))
    try:
        plan = adapter.plan(submission, dropped.received_at)
    except SubmissionInvalid as error:
        return replace(invalid(dropped, submission, number, adapter, error), wants=named)
    except CatalogError:
        unknown = Fault("/transaction", "unknown_transaction", "本系统没有这个交易编号，请核对 transaction")
        return invalid(dropped, submission, number, adapter, SubmissionInvalid([unknown]))
    new = _planned(dropped, submission, number, plan)
    if named:
        there = submission.attachments.keys() >= set(named)
        new = replace(new, files=True, wants=() if there else named)
    return new


def _planned(dropped: Dropped, submission: Submission, number: int, plan: Plan) -> NewSubmission:
    occurred_at = submission.occurred_at or dropped.modified_at
    ends = [end for end in (submission.valid_until, plan.valid_until) if end is not None]
    valid_until = min(ends, default=None)
    within = [deadline.after_s for draft in plan.drafts for deadline in draft.deadlines]
    return NewSubmission(
        event_id=_event_id(dropped, number),
        system=submission.system,
        transaction=submission.transaction,
        id=submission.id,
        digest=digest(submission, plan),
        reply=ReplyAddress(dropped.folder, dropped.file_name),
        received_at=dropped.received_at,
        occurred_at=occurred_at,
        drafts=plan.drafts,
        warnings=plan.warnings,
        valid_until=valid_until,
        expired_says=plan.expired_says if valid_until == plan.valid_until else "",
        deadline_at=occurred_at + timedelta(seconds=min(within)) if within else None,
        after=submission.after,
        replaces=submission.replaces,
        now=submission.now,
        forced=submission.force,
        seq=submission.seq,
        files=bool(plan.contents),
        contents=plan.contents,
        rows_total=max((draft.rows[1] for draft in plan.drafts if draft.rows), default=0),
    )


def invalid(
    dropped: Dropped,
    submission: Submission,
    number: int,
    adapter: ProtocolAdapter,
    error: SubmissionInvalid,
) -> NewSubmission:
    return NewSubmission(
        event_id=_event_id(dropped, number),
        system=submission.system,
        transaction=submission.transaction,
        id=submission.id,
        digest=hashlib.sha256(jsontext.write_canonical(submission.data)).digest(),
        reply=ReplyAddress(dropped.folder, dropped.file_name),
        received_at=dropped.received_at,
        occurred_at=submission.occurred_at or dropped.modified_at,
        faults=error.faults,
        scopes=adapter.scopes(submission),
        replaces=submission.replaces,
    )


def digest(submission: Submission, plan: Plan) -> bytes:
    """What makes two submissions the same: transaction and normalised data, never bytes or times."""
    content = {"transaction": submission.transaction, "data": plan.normalised}
    taken = hashlib.sha256()
    for part in jsontext.canonical_parts(content):
        taken.update(part)
    return taken.digest()


def _event_id(dropped: Dropped, number: int) -> str:
    return dropped.event_id if number == 0 else f"{dropped.event_id}.{number}"
