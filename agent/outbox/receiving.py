"""What systems hand out: stored with the outcome that brought it, then left as files for the HIS.

A message whose downloads are not on disk yet holds a gate: a scope of its own that stays in the chain
after its end, beside those that it held exclusively. Gated follow-ups wait for the gate as ``after`` waits
for a submission, and nothing else about the same thing is sent either; when the last file is on disk all
of it goes, and who waited is let go by the same rule as everybody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.events import REPORTS, Download
from agent.outbox import scopes
from agent.outbox.model import Accepted, NewSubmission
from agent.outbox.moments import to_micros
from agent.outbox.scopes import EXCLUSIVE, WAITER, Held, Place
from agent.outbox.states import QUERYING, QUEUED
from agent.outbox.submissions import finish_step
from agent.outbox.work import Row, Work


# -- downloads ---------------------------------------------------------------------------------------
def store(work: Work, message: Row, downloads: Sequence[Download]) -> None:
    """Keep what a message's answer handed out, sealed, until its files are on disk."""
    for download in downloads:
        number = work.next_number("download")
        content = [download.content, download.attachment]
        work.run(
            "add_download",
            number,
            message["submission"],
            message["number"],
            work.systems[message["lane"]],
            download.transaction,
            download.records,
            work.now(),
            work.border.seal("download|name", number, download.name),
            work.border.seal("download|content", number, content),
        )


def close_gate(work: Work, message: Row, rows: Iterable[Held]) -> None:
    """Of a message that has left the chain with these rows: while downloads of it are not on disk, its
    gated follow-ups wait, and who comes after it in what it held alone."""
    if work.one("unwritten_of", message["submission"], message["number"]) is None:
        return
    gate = Held(_gate_key(work, message["number"]), EXCLUSIVE, True)
    alone = [row for row in rows if row.hold == EXCLUSIVE]
    scopes.keep(work, [gate, *alone], Place(message["position"], message["number"]))


def waits_at(work: Work, parent: int) -> Held:
    """The row of a follow-up that waits for its parent's gate."""
    return Held(_gate_key(work, parent), WAITER, True)


def mark_written(work: Work, numbers: Iterable[int]) -> None:
    """Files are on disk and are the only copies now; gates whose last file that was open. Of a report,
    which nobody takes away, nothing more is kept."""
    for number in numbers:
        row = work.need("download", number)
        work.run("download_written", work.now(), number)
        if row["transaction_code"] == REPORTS:
            work.run("remove_download", number)
        details = {"download": number, "records": row["records"]}
        work.note("download.written", row["submission"], row["message"], details)
        if work.one("unwritten_of", row["submission"], row["message"]) is None:
            scopes.leave(work, row["message"])
    finish_step(work)


def mark_taken(work: Work, numbers: Iterable[int]) -> None:
    """The HIS has taken these files away."""
    for number in numbers:
        if work.run("remove_download", number):
            work.note("download.taken", details={"download": number})


def _gate_key(work: Work, message: int) -> bytes:
    return work.border.key("scope", ("", "gate", str(message)))


# -- what the agent does by itself -------------------------------------------------------------------
def note_run(work: Work, name: str, new: NewSubmission, accepted: Accepted) -> None:
    """A submission is the latest run of a schedule."""
    work.run("set_run", new.system, name, accepted.submission, to_micros(new.received_at))


def is_under_way(work: Work, system: str, name: str) -> bool:
    """Whether the latest run of a schedule is still on its way; one that waits for a person is not."""
    row = work.one("run", system, name)
    return row is not None and row["state"] in (QUEUED, QUERYING)
