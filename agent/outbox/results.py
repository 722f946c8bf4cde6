"""Composes a result from what is stored (his-contract, "A result"). Pure.

The code, message, data and wire id at the top are those of the decisive message: the first that
waits for a decision, else the first refused, partial or held one, else the last of the submission's
own transaction. With more than one message ``parts`` lists all of them. Rows of batches are numbered
as in the submission. Each address's result also names, as ``file``, the input file that it answers:
repetitions have their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent import courtesy
from agent.events import Json, JsonObject
from agent.outbox.explaining import Blocker, choices, meanwhile, sentence
from agent.outbox.model import FINAL, State
from agent.outbox.moments import iso


@dataclass(frozen=True, slots=True)
class Part:
    """One message of a submission. ``rows`` are ``[index, code, message, accepted, data]``, the
    index within ``row_range``; ``sent_at`` is when its last attempt left."""

    transaction: str
    state: str
    code: str
    message: str = field(repr=False)
    data: JsonObject = field(repr=False)
    rows: Sequence[Sequence[Json]] = field(repr=False)
    settled_by: str
    attempts: int
    row_range: tuple[int, int] | None
    wire_id: str
    sent_at: int | None
    faults: Sequence[JsonObject] = ()
    """For which it was refused here, at its claim."""
    serves: bool = False
    """It carries what others of the submission need: its rows are none of the submission."""
    doubted: bool = False
    """An attempt of it may have arrived."""
    once: bool = False
    """Of unknown fate, it is not sent again."""


@dataclass(frozen=True, slots=True)
class Story:
    """All that the result of a submission tells. Times in microseconds."""

    id: str = field(repr=False)
    system: str
    transaction: str
    state: str
    revision: int
    faults: Sequence[JsonObject]
    warnings: Sequence[JsonObject]
    expired_says: str
    received_at: int
    finished_at: int | None
    deadline_at: int | None
    rows_total: int
    replaced_by: str = field(repr=False)
    parts: Sequence[Part] = field(repr=False)
    blockers: Sequence[Blocker] = field(repr=False)
    wants: Sequence[str] = field(default=(), repr=False)
    awaits: str = ""


def compose(story: Story, *, polite: bool = False) -> JsonObject:
    """The result's JSON object. ``polite``: others go first meanwhile."""
    decisive = _decisive(story)
    faults = [*story.faults, *(fault for part in story.parts for fault in part.faults)]
    told = sentence(
        story.state,
        story.replaced_by,
        faults,
        story.blockers,
        story.expired_says,
        doubted=any(part.doubted for part in story.parts if part.state == story.state),
    )
    if story.wants:
        told = f"等待附件 {'、'.join(story.wants)} 放入同一文件夹"
    told = story.awaits or told
    result: JsonObject = {
        "id": story.id,
        "system": story.system,
        "transaction": story.transaction,
        "state": story.state,
        "final": story.state in FINAL,
        "revision": story.revision,
        "code": decisive.code if decisive else "",
        "message": told or (decisive.message if decisive else "") or _meanwhile(story),
        "data": decisive.data if decisive else {},
        "rows": _rows(story, polite=polite),
        "errors": faults,
        "warnings": list(story.warnings),
        "wire_id": decisive.wire_id if decisive else "",
        "settled_by": decisive.settled_by if decisive else "",
        "attempts": sum(part.attempts for part in story.parts),
        "received_at": iso(story.received_at),
        "delivered_at": iso(max((part.sent_at for part in story.parts if part.sent_at), default=None)),
        "finished_at": iso(story.finished_at),
        **_progress(story),
    }
    if story.deadline_at is not None:
        result["deadline_at"] = iso(story.deadline_at)
    if len(story.parts) > 1:
        result["parts"] = [_part(part) for part in story.parts]
    return result | _decision(story, decisive)


def _meanwhile(story: Story) -> str:
    return meanwhile(story.state, in_flight=any(part.state == State.IN_FLIGHT for part in story.parts))


def _decisive(story: Story) -> Part | None:
    """The message that the result is about."""
    for state in (State.UNKNOWN, State.PARKED, State.REJECTED, State.INVALID, State.PARTIAL, State.HELD):
        found = next((part for part in story.parts if part.state == state), None)
        if found is not None:
            return found
    own = [part for part in story.parts if part.transaction == story.transaction]
    answered = [part for part in own or story.parts if part.state in FINAL]
    return next(reversed(answered or own or story.parts), None)


def _decision(story: Story, decisive: Part | None) -> JsonObject:
    """What a submission waits for, and what each choice does."""
    once = any(part.once for part in story.parts if part.state == State.UNKNOWN)
    offered = choices(story.state, bare=not story.parts, once=once)
    if not offered:
        return {}
    reason = decisive.message if decisive and story.state != State.BLOCKED else ""
    return {
        "waiting": {
            "reason": reason,
            "blocked_by": [blocker.as_json() for blocker in story.blockers],
            "choices": offered,
        }
    }


def _progress(story: Story) -> JsonObject:
    if story.rows_total:
        done = [part for part in story.parts if part.row_range and _was_sent(part)]
        return {
            "sent": sum(part.row_range[1] - part.row_range[0] for part in done if part.row_range),
            "total": story.rows_total,
        }
    return {"sent": sum(_was_sent(part) for part in story.parts), "total": len(story.parts)}


def _was_sent(part: Part) -> bool:
    return part.state in {State.ACCEPTED, State.PARTIAL, State.REJECTED}


# -- rows ----------------------------------------------------------------------------------------------
def _rows(story: Story, *, polite: bool) -> list[JsonObject]:
    """Every row's fate in order; while batches are on their way, only their number is told."""
    if story.state not in FINAL:
        return []
    listed = [part for part in story.parts if (part.row_range or part.rows) and not part.serves]
    if len(listed) == 1 and not listed[0].rows:
        return []
    told: dict[tuple[str, int], JsonObject] = {}
    for part in listed:
        for row in courtesy.politely(_rows_of(part)) if polite else _rows_of(part):
            # a row that a later message brought once more stands as that message left it
            told[part.transaction, row["index"]] = row
    return list(told.values())


def _rows_of(part: Part) -> Iterator[JsonObject]:
    start, end = part.row_range or (0, len(part.rows))
    judged = {row[0]: row for row in part.rows}
    for index in range(end - start):
        row = judged.get(index)
        if row is not None:
            _, code, message, accepted, data = row
            told = {"index": start + index, "ret_code": code, "ret_msg": message, "accepted": accepted}
            yield {"index": None, **data, **told}
        else:
            yield {"index": start + index, **_fate(part)}


def _fate(part: Part) -> JsonObject:
    """What a row shares with its whole batch."""
    if _was_sent(part):
        accepted = part.state != State.REJECTED
        return {"ret_code": part.code, "ret_msg": part.message, "accepted": accepted}
    told = _DOUBTED if part.doubted else _UNSENT[part.state]
    return {"ret_code": "", "ret_msg": told, "state": part.state}


_DOUBTED = "本行没有再次发送；所在批次此前发送过，当时没有收到平台的应答"


_UNSENT: dict[str, str] = {
    State.CANCELLED: "本行未发送：所在批次已取消",
    State.EXPIRED: "本行未发送：已超过有效期",
    State.INVALID: "本行未发送：所在批次与此前业务核对不符",
}


def _part(part: Part) -> JsonObject:
    return {
        "transaction": part.transaction,
        "state": part.state,
        "code": part.code,
        "message": part.message,
        "data": part.data,
        "rows": list(part.row_range) if part.row_range else None,
        "wire_id": part.wire_id,
        "settled_by": part.settled_by,
        "attempts": part.attempts,
    }
