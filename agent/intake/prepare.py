"""A dropped file becomes submissions for the outbox. Pure: bytes and values in, values out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace

from agent.errors import Fault, SubmissionInvalid
from agent.events import Attachment, Submission
from agent.hookspecs import Preparation, ProtocolAdapter
from agent.intake.awaiting import CARD, standing_in
from agent.intake.dropping import Dropped, digest, judged, unreadable
from agent.outbox.model import NewSubmission
from agent.submissions import ReadFailure, ReadingRules, read

__all__ = ["NO_FILES", "Dropped", "digest", "prepare", "unreadable"]

NO_FILES: Mapping[str, Attachment] = {}


def prepare(
    dropped: Dropped,
    rules: ReadingRules,
    adapter: ProtocolAdapter,
    preparation: Preparation | None = None,
    attachments: Mapping[str, Attachment] = NO_FILES,
) -> Iterator[NewSubmission]:
    """Every submission of the file, in its order; what cannot be sent comes with all its faults.

    One that names files ``wants`` them as long as not all of them are among ``attachments``.
    ``preparation`` is what the protocol does to a submission before it is planned; only that is not pure.
    """
    try:
        submissions = deque(
            read(dropped.raw, dropped.file_name, rules, dropped.received_at, atomic=dropped.atomic)
        )
    except SubmissionInvalid as error:
        found = _found_too(dropped, error, rules, adapter) if preparation is None else ()
        yield unreadable(dropped, rules.system, error, found)
        return
    for number in range(len(submissions)):
        # what was read is let go as soon as it is planned: a large table need not be there twice
        yield _prepared(dropped, submissions.popleft(), number, rules, adapter, preparation, attachments)


def _found_too(
    dropped: Dropped, error: SubmissionInvalid, rules: ReadingRules, adapter: ProtocolAdapter
) -> Iterator[Fault]:
    """What is wrong with the business data of a submission that could not be read for other reasons: a HIS
    hears of every fault at once. Not where a vendor's library reads codes, which it does only once, nor
    where it is not known for what the submission would wait."""
    known = {fault.pointer for fault in error.faults if fault.pointer}
    if not isinstance(error, ReadFailure) or error.rest is None or "/await" in known:
        return
    rest = _prepared(dropped, error.rest, 0, rules, adapter, None, NO_FILES)
    yield from (fault for fault in rest.faults if fault.pointer not in known)


def _prepared(
    dropped: Dropped,
    read_one: Submission,
    number: int,
    rules: ReadingRules,
    adapter: ProtocolAdapter,
    preparation: Preparation | None,
    attachments: Mapping[str, Attachment],
) -> NewSubmission:
    submission = replace(read_one, occurred_at=read_one.occurred_at or dropped.modified_at)
    if submission.wait is not None:
        stations = rules.readers if submission.wait.kind == CARD else rules.scanners
        return standing_in(dropped, submission, submission.wait, number, adapter, stations)
    if preparation is not None:
        submission = preparation.prepare(submission, dropped.received_at)
    return judged(dropped, replace(submission, attachments=attachments), number, adapter)
