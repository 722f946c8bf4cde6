"""Removing what is long over. The id of the HIS, the final result and the acts stay: a repetition is still
recognised and gets its result again. Overwritten by ``secure_delete``, so that nothing is left of it.
"""

from __future__ import annotations

from datetime import datetime

from agent.outbox.moments import to_micros
from agent.outbox.telling import Teller
from agent.outbox.work import Work

_PARTS = (
    "purge_attempts",
    "purge_answers",
    "purge_drafts",
    "purge_slots",
    "purge_acts",
    "purge_scans",
    "remove_body",
)


def purge(work: Work, before: datetime, limit: int) -> int:
    """Purge submissions that ended before a time and were told; returns how many."""
    found = work.all("purgeable", to_micros(before), limit)
    if found:
        work.run("set_meta", "message", work.numbers["message"])
    for number, messages, named in found:
        if messages and named:
            _keep_result(work, number)
        for part in _PARTS:
            work.run(part, number)
        for lane, state in work.all("purge_messages", number):
            work.changes[lane, state] -= 1
        work.run("mark_purged", number)
        work.note("submission.purged", number)
    return len(found)


def _keep_result(work: Work, number: int) -> None:
    """An invalid submission needs none: its faults stay with it; one without an id cannot be repeated."""
    result = Teller(work.connection, work.border).result(number)
    work.run("keep_result", number, work.border.seal("kept_result|content", number, result))
