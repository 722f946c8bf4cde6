"""What a restored backup does not know: whether what it calls unfinished was sent since.

So nothing of it is sent by itself: each unfinished message waits, as unknown, for a person or the HIS to
say what became of it, and so does what was accepted after the backup and is known from its file alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from agent.errors import Fault
from agent.outbox import intake, staging
from agent.outbox.deciding import leave_unknown
from agent.outbox.model import NewSubmission, Receipt, State
from agent.outbox.submissions import finish_step
from agent.outbox.work import Work

WHY: Final = "数据库由备份恢复，这笔业务在备份之后是否已发送不得而知；请向平台核对后裁定"


def hold_unfinished(work: Work, now: datetime) -> int:
    """Let every unfinished message be unknown; returns how many are. What waited for its files has no
    messages worth keeping: its id stays taken."""
    for (submission,) in work.all("staged_any"):
        staging.remove_messages(work, submission)
        staging.end_wait(work, submission)
        work.run("hold_bare", submission)
        work.note("submission.restored", submission)
        work.touched.discard(submission)
    numbers = [number for (number,) in work.all("unfinished")]
    for number in numbers:
        if work.need("message", number)["state"] != State.UNKNOWN:
            leave_unknown(work, number, WHY, now)
    finish_step(work)
    return len(numbers)


def register(work: Work, new: NewSubmission, now: datetime) -> bool:
    """Store a submission of unknown fate; false when its id is known: it is in the backup. One that cannot
    be planned any more is stored without messages, for the sake of its id."""
    if intake.holder(work, new) is not None:
        return False
    planned = replace(new, after="", replaces="")  # what it named may be of unknown fate itself
    if new.faults or new.wants or new.wait or not new.drafts:
        intake.take_in_bare(work, _bare(planned))
        return True
    accepted = intake.accept(work, planned)
    if accepted.receipt is not Receipt.STORED:
        return False
    for message in work.all("messages_of", accepted.submission):
        leave_unknown(work, message["number"], WHY, now)
    return True


def _bare(new: NewSubmission) -> NewSubmission:
    return replace(new, faults=(), drafts=(), wants=(), wait=None, body={}, warnings=(_restored(),))


def _restored() -> Fault:
    return Fault("", "restored", WHY)
