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
from agent.outbox.deciding import leave_unknown, note_act
from agent.outbox.model import NewSubmission, Receipt, Registered, State
from agent.outbox.moments import to_micros
from agent.outbox.submissions import finish_step
from agent.outbox.work import Work

WHY: Final = "数据库由备份恢复，这笔业务在备份之后是否已发送不得而知；请向平台核对后裁定"
WHY_BARE: Final = (
    "数据库由备份恢复，这笔业务只知道编号，是否已办理不得而知；请向平台核对后裁定为已受理或未受理，"
    "未受理的换一个编号重新提交"
)


def hold_unfinished(work: Work, now: datetime) -> tuple[int, int]:
    """Let every unfinished message be unknown; returns how many are, and of how many submissions only the
    id is kept: what waited for its files or a scan has no messages that could be sent."""
    staged = [submission for (submission,) in work.all("staged_any")]
    for submission in staged:
        staging.remove_messages(work, submission)
        staging.end_wait(work, submission)
        work.run("hold_bare", submission)
        _say_bare(work, submission)
        work.note("submission.restored", submission)
        work.touched.discard(submission)
    numbers = [number for (number,) in work.all("unfinished")]
    for number in numbers:
        if work.need("message", number)["state"] != State.UNKNOWN:
            leave_unknown(work, number, WHY, now)
    finish_step(work)
    return len(numbers), len(staged)


def register(work: Work, new: NewSubmission, now: datetime) -> Registered:
    """Store a submission of unknown fate, unless its id is known: it is in the backup. One that cannot be
    planned any more is stored without messages, for the sake of its id."""
    if intake.holder(work, new) is not None:
        return Registered.KNOWN
    planned = replace(new, after="", replaces="")  # what it named may be of unknown fate itself
    if new.faults or new.wants or new.wait or not new.drafts:
        intake.take_in_bare(work, _bare(planned))
        return Registered.BARE
    accepted = intake.accept(work, planned)
    if accepted.receipt is not Receipt.STORED:
        return Registered.KNOWN
    for message in work.all("messages_of", accepted.submission):
        leave_unknown(work, message["number"], WHY, now)
    return Registered.WHOLE


def conclude(work: Work, submission: int, verdict: State, who: str, why: str, now: datetime) -> bool:
    """A person's word on one of which nothing but its id is known; false for every other submission."""
    row = work.need("submission", submission)
    if (row["state"], row["staged"], row["messages"]) != (State.UNKNOWN, 0, 0):
        return False
    work.run("change_submission", verdict, 0, 0, 0, to_micros(now), submission)
    work.run("reply_final", submission)
    work.run("forget_deadlines", submission)
    note_act(work, submission, None, f"resolve:{verdict}", who, why, now)
    return True


def _bare(new: NewSubmission) -> NewSubmission:
    return replace(new, faults=(), drafts=(), wants=(), wait=None, body={}, warnings=(_RESTORED,))


def _say_bare(work: Work, submission: int) -> None:
    row = work.need("submission", submission)
    about = work.border.open("submission|about", submission, row["about_sealed"])
    about["warnings"] = [*about["warnings"], _RESTORED.as_json()]
    work.run("set_about", work.border.seal("submission|about", submission, about), submission)


_RESTORED: Final = Fault("", "restored", WHY_BARE)
