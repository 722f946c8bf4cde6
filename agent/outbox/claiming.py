"""The way of a message over the wire: its turn, its attempts, and doubts about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from agent.errors import StoreError
from agent.events import Draft, Need, Scope
from agent.outbox import facts, scopes
from agent.outbox.drafts import draft_value, value_draft
from agent.outbox.model import Attempt, AttemptState, Head, LaneKey, State
from agent.outbox.moments import from_micros, to_micros
from agent.outbox.states import check_move
from agent.outbox.submissions import finish_step
from agent.outbox.work import NOTHING, Details, Row, Work


# -- whose turn it is -----------------------------------------------------------------------------
def head(work: Work, lane: LaneKey, *, strict: bool, skip: frozenset[int], beside: bool) -> Head | None:
    number = work.lanes.get(lane)
    if number is None:
        return None
    if beside:
        row = _first(work.all("head_beside", number, len(skip) + 1), skip)
        return None if row is None else _head(work, lane, row)
    row = _flying(work, number, skip) or _next_ready(work, number, strict, skip)
    return None if row is None else _head(work, lane, row)


def in_doubt(work: Work, system: str, scope: Scope) -> list[Head]:
    """What a notice about a scope may settle."""
    (held,) = scopes.held_scopes(work, system, (scope,))
    names = {number: lane for lane, number in work.lanes.items()}
    rows = work.named("in_doubt_of_scope", key=held.key)
    return [_head(work, names[row["lane"]], row) for row in rows]


def _flying(work: Work, lane: int, skip: frozenset[int]) -> Row | None:
    return _first(work.all("head_flying", lane, len(skip) + 1), skip)


def _next_ready(work: Work, lane: int, strict: bool, skip: frozenset[int]) -> Row | None:
    limit = len(skip) + 1
    if not strict:
        return _first(work.all("head_ready", lane, limit), skip)
    classes = [_first(work.all("head_ready_of_class", lane, one, limit), skip) for one in (1, 0)]
    found = [row for row in classes if row is not None]
    return min(found, key=lambda row: (row["position"], row["number"]), default=None)


def _first(rows: list[Row], skip: frozenset[int]) -> Row | None:
    return next((row for row in rows if row["number"] not in skip), None)


def _head(work: Work, lane: LaneKey, row: Row) -> Head:
    number = row["number"]
    draft: Draft = value_draft(work.border.open("draft|content", number, row["content_sealed"]))
    values, missing = _values(work, lane.system, row["submission"], draft)
    return Head(
        message=number,
        submission=row["submission"],
        system=lane.system,
        transaction=row["transaction_code"],
        lane=lane.lane,
        draft=draft,
        inquiring=row["state"] == State.INQUIRING,
        doubts=_doubts(work, number) if row["doubts"] and not row["harmless"] else (),
        tries=row["tries"],
        withdrawn=row["withdrawn"],
        values=values,
        missing=missing,
        valid_until=from_micros(row["valid_until"]),
        doubt_since=from_micros(row["doubt_since"]),
        negatives=row["negatives"],
        last_negative_at=from_micros(row["last_negative_at"]),
        forced=bool(row["forced"]),
    )


def _values(
    work: Work, system: str, submission: int, draft: Draft
) -> tuple[Mapping[str, str], tuple[Need, ...]]:
    """What there is for a draft's needs; what is wanting and required is missing, the rest is ""."""
    values: dict[str, str] = {}
    missing: list[Need] = []
    for need in draft.needs:
        value = _value(work, system, submission, need)
        if value is not None:
            values[need.slot] = value
        elif need.required:
            missing.append(need)
        else:
            values[need.slot] = ""
    return values, tuple(missing)


def _value(work: Work, system: str, submission: int, need: Need) -> str | None:
    if need.identifier:
        known = facts.Facts(work, system).value(need.identifier, need.key)
        if known is not None:
            return known
    key = work.border.key("slot", (need.slot,))
    row = work.one("slot", submission, key)
    if row is None:
        return None
    return str(work.border.open("slot|value", f"{submission}.{key.hex()}", row["value_sealed"]))


def _doubts(work: Work, message: int) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            number=row["number"],
            state=AttemptState(row["state"]),
            ids=open_ids(work, message, row["number"], row["ids_sealed"]),
            started_at=from_micros(row["started_at"]),
            draft=_sent_draft(work, message, row),
        )
        for row in work.all("doubts", message)
    )


def _sent_draft(work: Work, message: int, row: Row) -> Draft | None:
    """What an attempt carried, when that was not the message's own draft."""
    sealed = row["draft_sealed"]
    if sealed is None:
        return None
    return value_draft(work.border.open("attempt|draft", f"{message}.{row['number']}", sealed))


def latest(work: Work, message: Row) -> tuple[Draft, Mapping[str, str]]:
    """What the latest attempt of a message carried, and its wire ids; its draft and {} without one."""
    number = message["number"]
    row: Row | None = work.one("attempt", number, message["tries"])
    draft = None if row is None else _sent_draft(work, number, row)
    if draft is None:
        sealed = work.need("draft", number)["content_sealed"]
        draft = value_draft(work.border.open("draft|content", number, sealed))
    return draft, {} if row is None else open_ids(work, number, row["number"], row["ids_sealed"])


def open_ids(work: Work, message: int, attempt: int, sealed: bytes) -> dict[str, str]:
    ids: dict[str, str] = work.border.open("attempt|ids", f"{message}.{attempt}", sealed)
    return ids


# -- attempts ----------------------------------------------------------------------------------------
def begin(work: Work, number: int, ids: Mapping[str, str], now: datetime, draft: Draft | None) -> Attempt:
    row = work.one("begin", number)
    if row is None:
        raise _not_its_turn(work, number)
    lane, attempt = row
    wire_id = ids.get("wire_id", "")
    work.run(
        "add_attempt",
        number,
        attempt,
        to_micros(now),
        work.border.key("wire_id", (wire_id,)) if wire_id else None,
        work.border.seal("attempt|ids", f"{number}.{attempt}", dict(ids)),
        work.border.seal("attempt|draft", f"{number}.{attempt}", draft_value(draft)) if draft else None,
    )
    work.counted(lane, State.READY, State.IN_FLIGHT)
    work.note("message.in_flight", None, number, {"attempt": attempt})
    return Attempt(attempt, AttemptState.STARTED, dict(ids), now, draft)


def _not_its_turn(work: Work, number: int) -> StoreError:
    message = work.need("message", number)
    check_move(number, State(message["state"]), State.IN_FLIGHT)
    return StoreError(f"消息 {number} 还没有轮到", hint="请将日志交给开发商", details={"message": number})


def withdraw(work: Work, number: int, attempt: int) -> None:
    message = _started(work, number, attempt)
    work.run("end_attempt", AttemptState.WITHDRAWN, work.now(), "", None, number, attempt)
    _ready_again(work, message, "withdrawn", {"attempt": attempt})


def retry(work: Work, number: int, attempt: int, code: str, text: str) -> None:
    message = _started(work, number, attempt)
    _end_attempt(work, number, attempt, AttemptState.ANSWERED, work.now(), code, text)
    _ready_again(work, message, "put_off", {"attempt": attempt, "code": code})


def doubt(work: Work, number: int, attempt: int, why: str, now: datetime) -> None:
    message = _started(work, number, attempt)
    _end_attempt(work, number, attempt, AttemptState.UNKNOWN, to_micros(now), "", why)
    mark_doubtful(work, message, to_micros(now))
    finish_step(work)


def mark_doubtful(work: Work, message: Row, now: int) -> None:
    """An attempt's fate is unknown: inquire about it, or, when it does no harm, send it again."""
    number = message["number"]
    again = message["harmless"] or message["repeatable"]
    state = State.READY if again else State.INQUIRING
    work.run("doubtful", state, None if again else now, number)
    work.moved(message, state)
    if state is State.READY:
        _recheck(work, number)


def note_negative(work: Work, number: int, now: datetime) -> int:
    message = _inquiring(work, number)
    work.run("note_negative", to_micros(now), number)
    work.note("message.not_found", message["submission"], number, {"negatives": message["negatives"] + 1})
    return int(message["negatives"]) + 1


def clear_doubt(work: Work, number: int) -> None:
    message = _inquiring(work, number)
    work.run("doubts_absent", number)
    _ready_again(work, message, "undoubt")


def _ready_again(work: Work, message: Row, statement: str, details: Details = NOTHING) -> None:
    work.run(statement, message["number"])
    work.moved(message, State.READY, details)
    _recheck(work, message["number"])
    finish_step(work)


def _recheck(work: Work, number: int) -> None:
    """Others may have been put before it while it was on the wire: it waits for them now."""
    work.run("set_state_unclear", State.READY, scopes.recheck(work, number), number)


def _end_attempt(
    work: Work, number: int, attempt: int, state: AttemptState, at: int, code: str, note: str
) -> None:
    sealed = work.border.seal("attempt|note", f"{number}.{attempt}", note)
    work.run("end_attempt", state, at, code, sealed, number, attempt)


def _started(work: Work, number: int, attempt: int) -> Row:
    message = work.need("message", number)
    if message["state"] != State.IN_FLIGHT or message["tries"] != attempt:
        raise StoreError(
            f"消息 {number} 的第 {attempt} 次发送不在进行中",
            hint="请将日志交给开发商",
            details={"message": number, "attempt": attempt, "state": message["state"]},
        )
    return message


def _inquiring(work: Work, number: int) -> Row:
    message = work.need("message", number)
    if message["state"] != State.INQUIRING:
        raise StoreError(
            f"消息 {number} 不在查询中",
            hint="请将日志交给开发商",
            details={"message": number, "state": message["state"]},
        )
    return message
