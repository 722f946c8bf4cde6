"""What came back for a message, or why it stands as it does: one sealed value beside its row."""

from __future__ import annotations

from collections.abc import Sequence

from agent.errors import Fault
from agent.events import JsonObject, Outcome
from agent.outbox.sealed import Border
from agent.outbox.work import Work


def store_answer(work: Work, number: int, outcome: Outcome, faults: Sequence[Fault] = ()) -> None:
    """``faults`` are those for which it was refused here."""
    put_answer(work, number, seal_answer(work.border, number, outcome, faults))


def seal_answer(border: Border, number: int, outcome: Outcome, faults: Sequence[Fault] = ()) -> bytes:
    value: JsonObject = {
        "message": outcome.message,
        "data": outcome.data,
        "rows": [[row.index, row.code, row.message, row.accepted, row.data] for row in outcome.rows],
    }
    if faults:
        value["faults"] = [fault.as_json() for fault in faults]
    return border.seal("answer|content", number, value)


def put_answer(work: Work, number: int, sealed: bytes) -> None:
    work.run("add_answer", number, sealed)
