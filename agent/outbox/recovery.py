"""What opening does with what a crash, or a stop, left half done."""

from __future__ import annotations

from agent.faults import crash_point
from agent.outbox import staging
from agent.outbox.claiming import mark_doubtful
from agent.outbox.model import AttemptState
from agent.outbox.submissions import finish_step
from agent.outbox.work import Work


def recover(work: Work) -> tuple[int, int]:
    """Returns how many messages are in doubt since, and how many stages were removed."""
    doubtful = _doubt_flying(work)
    stages = _remove_stages(work)
    crash_point("recovery.before_commit")
    finish_step(work)
    return doubtful, stages


def _doubt_flying(work: Work) -> int:
    """What was in flight may have arrived: the doubt begins now, when it can be inquired about."""
    flying = work.all("in_flight")
    for message in flying:
        number, attempt = message["number"], message["tries"]
        note = work.border.seal("attempt|note", f"{number}.{attempt}", "restart")
        work.run("end_attempt", AttemptState.UNKNOWN, work.now(), "", note, number, attempt)
        mark_doubtful(work, message, work.now())
    return len(flying)


def _remove_stages(work: Work) -> int:
    """A stage is nothing before it is published: its event will be taken in anew."""
    stages = [number for (number,) in work.all("staged_submissions")]
    for number in stages:
        work.run("remove_replies", number)
        staging.remove(work, number)
    return len(stages)
