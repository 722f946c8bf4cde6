"""What people, control files and time decide: unknown, parked, expired, cancelled, resolved, skipped."""

from __future__ import annotations

from datetime import datetime

from agent.errors import ControlError
from agent.events import JsonObject, Outcome, Verdict
from agent.outbox import blocking, claiming, facts, references
from agent.outbox.answers import store_answer
from agent.outbox.base import Acknowledged, Resolved
from agent.outbox.model import FINAL, AttemptState, Cancelled, ReplyAddress, Settled, State
from agent.outbox.moments import to_micros
from agent.outbox.settling import end, give, withdraw_unsent
from agent.outbox.staging import WAITING, end_wait
from agent.outbox.states import check_move
from agent.outbox.submissions import finish_step
from agent.outbox.work import Row, Work

_UNDECIDED = frozenset({State.UNKNOWN, State.PARKED})
_FAILED = _UNDECIDED | {State.REJECTED, State.PARTIAL, State.EXPIRED, State.INVALID}
_NEVER_SENT = frozenset({State.CANCELLED, State.EXPIRED, State.INVALID})

DECISION = "decision"
"""``settled_by`` of what a person or a control file resolved."""


def leave_unknown(work: Work, number: int, why: str, now: datetime) -> Settled:
    message = work.need("message", number)
    check_move(number, State(message["state"]), State.UNKNOWN)
    if message["state"] == State.IN_FLIGHT:
        _end_attempt(work, message, AttemptState.UNKNOWN, now)
    if message["state"] != State.INQUIRING:
        # a restored backup, too, does not know whether it was sent since
        work.run("count_doubt", number)
    _say_why(work, number, why)
    return end(work, message, State.UNKNOWN, now)


def park(work: Work, number: int, why: str, now: datetime) -> Settled:
    message = work.need("message", number)
    check_move(number, State(message["state"]), State.PARKED)
    if message["state"] == State.IN_FLIGHT:
        _end_attempt(work, message, AttemptState.WITHDRAWN, now)
    _say_why(work, number, why)
    return end(work, message, State.PARKED, now)


def expire(work: Work, number: int, now: datetime) -> Settled:
    message = work.need("message", number)
    check_move(number, State(message["state"]), State.EXPIRED)
    if message["state"] == State.IN_FLIGHT:
        _end_attempt(work, message, AttemptState.WITHDRAWN, now)
    return end(work, message, State.EXPIRED, now)


def expire_lapsed(work: Work, now: datetime, limit: int) -> list[Settled]:
    """Chosen within the commit: a message that a lane has claimed meanwhile is not among them."""
    return [expire(work, row["number"], now) for row in work.all("lapsed", to_micros(now), limit)]


def _end_attempt(work: Work, message: Row, state: AttemptState, now: datetime) -> None:
    work.run("end_attempt", state, to_micros(now), "", None, message["number"], message["tries"])


def _say_why(work: Work, number: int, why: str) -> None:
    store_answer(work, number, Outcome(Verdict.UNKNOWN, message=why))


# -- control files and operators ---------------------------------------------------------------------
def _asked(work: Work, kind: str, number: int) -> Row:
    """What a person named by its number. Raises ControlError when there is no such thing."""
    row: Row | None = work.one(kind, number)
    if row is None:
        raise ControlError(f"没有编号为 {number} 的记录", hint="请用 his-agent outbox list 查看编号")
    return row


def find(work: Work, system: str, his_id: str, transaction: str) -> tuple[int, ...]:
    rows = work.all("submissions_by_id", references.his_key(work, system, his_id))
    return tuple(row["number"] for row in rows if transaction in {"", row["transaction_code"]})


def cancel(work: Work, submission: int, who: str, why: str, now: datetime) -> Cancelled:
    row = _asked(work, "submission", submission)
    if row["staged"] in WAITING:
        end_wait(work, submission)
        work.run("set_staged", 0, submission)
    elif row["staged"]:
        raise ControlError("该业务仍在读入，暂时不能取消", hint="请稍后重试")
    note_act(work, submission, None, "cancel", who, why, now)
    if row["state"] in FINAL:
        return Cancelled.WHOLE if row["state"] in _NEVER_SENT else Cancelled.NOTHING
    if not withdraw_unsent(work, submission, to_micros(now)):
        return Cancelled.NOTHING
    finish_step(work)
    states = {message["state"] for message in work.all("message_states", submission)}
    return Cancelled.WHOLE if states <= _NEVER_SENT else Cancelled.REST


def resolve(
    work: Work,
    number: int,
    verdict: str,
    data: JsonObject,
    who: str,
    why: str,
    now: datetime,
    resolved: Resolved,
) -> Settled:
    message = _asked(work, "message", number)
    if message["state"] not in _UNDECIDED:
        raise ControlError(
            f"消息 {number} 处于 {message['state']} 状态，不需要判定",
            hint="只有 unknown 和 parked 状态可以判定",
        )
    if verdict not in {"accepted", "rejected", "resend"}:
        raise ControlError(f"不认识的判定：{verdict}", hint="可用 accepted、rejected、resend")
    if verdict == "resend":
        _check_may_go_again(work, message)
    note_act(work, message["submission"], number, f"resolve:{verdict}", who, why, now)
    if verdict == "resend":
        return _resend(work, message)
    if verdict == "accepted":
        outcome = resolved(work.systems[message["lane"]], *claiming.latest(work, message), data)
        give(work, message, outcome)
    else:
        outcome = Outcome(Verdict.REJECTED, message=why, data=data)
    store_answer(work, number, outcome)
    return end(work, message, State(verdict), now, settled_by=DECISION)


def _check_may_go_again(work: Work, message: Row) -> None:
    """Raises ControlError for what may have arrived and could take effect twice."""
    if message["state"] == State.UNKNOWN and claiming.latest(work, message)[0].once:
        raise ControlError(
            f"消息 {message['number']} 可能已被平台办理，重新发送可能重复扣款或退费，不能判定为 resend",
            hint="请向平台核实后判定 accepted 或 rejected；未办理的，判定 rejected 后重新提交",
            details={"code": "not_sent_again"},
        )


def _resend(work: Work, message: Row) -> Settled:
    number = message["number"]
    work.run("doubts_absent", number)
    blocking.return_to_chain(work, message, State.READY)
    work.run("undoubt", number)
    blocking.lift_of(work, number)
    finish_step(work)
    return Settled(
        message=number,
        submission=message["submission"],
        system=work.systems[message["lane"]],
        transaction=message["transaction_code"],
        state=State.READY,
        code="",
    )


def acknowledge(
    work: Work, submission: int, who: str, now: datetime, acknowledged: Acknowledged | None
) -> tuple[ReplyAddress, ...]:
    _asked(work, "submission", submission)
    if acknowledged is not None:
        _take_over(work, submission, acknowledged)
    note_act(work, submission, None, "acknowledge", who, "", now)
    rows = work.all("addresses", submission)
    return tuple(
        ReplyAddress(*work.border.open("reply|address", row["number"], row["address_sealed"])) for row in rows
    )


def _take_over(work: Work, submission: int, acknowledged: Acknowledged) -> None:
    """The protocol hears of it for each accepted message; it may refuse with a ControlError."""
    for row in work.all("accepted_of", submission):
        message = work.need("message", row["number"])
        system = work.systems[message["lane"]]
        draft, _ = claiming.latest(work, message)
        answer = work.border.open("answer|content", row["number"], row["content_sealed"])
        outcome = acknowledged(system, draft, answer["data"], facts.Facts(work, system))
        give(work, message, outcome)


def skip(work: Work, number: int, who: str, why: str, now: datetime) -> int:
    message = _asked(work, "message", number)
    if message["state"] not in _FAILED:
        raise ControlError(
            f"消息 {number} 处于 {message['state']} 状态，没有可放行的后续业务",
            hint="只有失败或等待判定的业务可以放行其后续业务",
        )
    note_act(work, message["submission"], number, "skip", who, why, now)
    failure = work.one("failure_of", number)
    released = 0 if failure is None else _let_pass(work, failure)
    finish_step(work)
    return released


def skip_submission(work: Work, submission: int, who: str, why: str, now: datetime) -> int:
    _asked(work, "submission", submission)
    note_act(work, submission, None, "skip", who, why, now)
    failures = work.all("failures_of_submission", submission)
    released = sum(_let_pass(work, failure) for failure in failures)
    finish_step(work)
    return released


def _let_pass(work: Work, failure: Row) -> int:
    if failure["state"] in _UNDECIDED:
        return blocking.skip(work, failure["number"])
    return blocking.lift(work, failure["number"])


def note_act(
    work: Work, submission: int, message: int | None, what: str, who: str, why: str, now: datetime
) -> None:
    number = work.next_number("act")
    sealed = work.border.seal("act|note", number, [who, why])
    work.run("add_act", number, submission, message, what, to_micros(now), sealed)
    work.note(f"act.{what}", submission, message, who=who, why=why)
