"""What a submission makes of its messages: state, revision, and when its results are due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from agent.errors import Fault
from agent.outbox import blocking, scopes
from agent.outbox.model import FINAL
from agent.outbox.states import progress, submission_state
from agent.outbox.work import SECOND_GAP, Work

MOST_WARNINGS = 200
"""More than that nobody reads: those of a submission of a hundred thousand rows are cut."""


def finish_step(work: Work) -> None:
    """Work off what a step left: let go whoever is clear, then restate what was touched."""
    scopes.settle_dirty(work)
    while work.touched:
        restate(work, work.touched.pop())


def restate(work: Work, number: int) -> None:
    """Compute a submission's state anew; a change is a new revision, due at its addresses."""
    old = work.need("submission", number)
    counts, serving = _counts(work, number)
    if old["staged"] or old["state"] in FINAL:
        return
    state = submission_state(counts, serving)
    every = Counter(counts) + Counter(serving)
    done, waiting = progress(every)
    total = every.total()
    if (state, total, done, waiting) == (old["state"], old["messages"], old["done"], old["waiting"]):
        return
    now = work.now()
    work.run("change_submission", state, total, done, waiting, now if state in FINAL else None, number)
    if state in FINAL:
        work.run("reply_final", number)
        work.run("forget_deadlines", number)
    elif total > 0:
        work.run("reply_interim", now, number)


def _counts(work: Work, number: int) -> tuple[dict[str, int], dict[str, int]]:
    """A submission's messages by state: its own, and those that only serve them."""
    own: dict[str, int] = {}
    serving: dict[str, int] = {}
    for state, serves, count in work.all("message_states", number):
        (serving if serves else own)[state] = count
    return own, serving


def warn(work: Work, message: int, warnings: Sequence[Fault]) -> None:
    """Add what a message's claim found odd to its submission's result, each warning once."""
    number = work.need("message", message)["submission"]
    about = work.border.open("submission|about", number, work.need("submission", number)["about_sealed"])
    told = about["warnings"]
    fresh = [one for warning in warnings if (one := warning.as_json()) not in told]
    if fresh:
        about["warnings"] = [*told, *fresh][:MOST_WARNINGS]
        work.run("set_about", work.border.seal("submission|about", number, about), number)


def mark_replied(work: Work, replies: Iterable[tuple[int, int]]) -> None:
    """Results are on disk: what they tell is told, what changed meanwhile is due again."""
    now = work.now()
    for number, revision in replies:
        row = work.need("reply", number)
        written = max(revision, row["written_revision"])
        current = written >= row["revision"]
        final = row["finished_at"] is not None
        due = None if current else 0 if final else now + SECOND_GAP
        work.run("mark_reply", written, now, due, number)
        work.note("result.written", row["submission"], details={"revision": written})
        _tell(work, row["submission"], written, told_all=final and current)


def _tell(work: Work, submission: int, revision: int, *, told_all: bool) -> None:
    for (failure,) in work.all("tell_failures", submission, told_all, revision):
        blocking.clean(work, failure)
