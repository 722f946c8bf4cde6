"""How messages end: outcomes, undecided ends, expiry and cancelling, and what each does to others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from agent.errors import Fault, StoreError
from agent.events import Draft, Outcome, Scope, Verdict
from agent.outbox import blocking, contents, facts, holding, receiving, scopes, storing
from agent.outbox.answers import put_answer, store_answer
from agent.outbox.model import IN_CHAIN, AttemptState, SealedFacts, SealedOutcome, Settled, State
from agent.outbox.moments import to_micros
from agent.outbox.outcomes import seal
from agent.outbox.scopes import SHARED, Held, Place
from agent.outbox.states import check_move
from agent.outbox.storing import Owner
from agent.outbox.submissions import finish_step
from agent.outbox.work import POSITIONS, Details, Row, Work

_ENDS = {
    Verdict.ACCEPTED: State.ACCEPTED,
    Verdict.PARTIAL: State.PARTIAL,
    Verdict.REJECTED: State.REJECTED,
}
_UNDECIDED = frozenset({State.UNKNOWN, State.PARKED})
_FLYING = frozenset({State.IN_FLIGHT, State.INQUIRING})


# -- outcomes ------------------------------------------------------------------------------------
def settle(
    work: Work,
    number: int,
    outcome: Outcome,
    now: datetime,
    attempt: int,
    sealed: SealedOutcome | None = None,
) -> Settled:
    state = _ENDS.get(outcome.verdict)
    if state is None:
        raise StoreError(
            f"结果 {outcome.verdict} 不是最终结果", hint="请将日志交给开发商", details={"message": number}
        )
    message = work.need("message", number)
    check_move(number, State(message["state"]), state)
    answered = attempt or message["tries"] or None
    if message["state"] in _FLYING and answered:
        work.run("end_attempt", AttemptState.ANSWERED, to_micros(now), outcome.code, None, number, answered)
    sealed = sealed or seal(work.border, work.systems[message["lane"]], number, outcome)
    put_answer(work, number, sealed.answer)
    give(work, message, outcome, sealed.facts)
    return end(
        work,
        message,
        state,
        now,
        code=outcome.code,
        settled_by=outcome.settled_by,
        attempt=answered,
        refused=outcome.refused,
    )


def refuse(
    work: Work, number: int, faults: Sequence[Fault], now: datetime, *, alone: bool = False
) -> Settled:
    """End a message unsent: what is known of earlier ones shows that it is wrong."""
    message = work.need("message", number)
    text = f"与此前业务核对后发现 {len(faults)} 处错误，未发送；请按 errors 逐条处理后重新提交"
    store_answer(work, number, Outcome(Verdict.REJECTED, message=text), faults)
    return end(work, message, State.INVALID, now, settled_by="agent", alone=alone)


def give(work: Work, message: Row, outcome: Outcome, sealed: SealedFacts | None = None) -> None:
    """Store what an outcome leaves behind for others: slots, facts, names of scopes, downloads,
    follow-ups."""
    submission, system = message["submission"], work.systems[message["lane"]]
    give_slots(work, submission, outcome.slots)
    sealed = sealed or facts.seal(work.border, system, outcome.identifiers)
    facts.forget(work, system, outcome.forgotten)
    scopes.rename(work, system, outcome.aliases)
    holding.came(work, facts.give(work, message["number"], sealed))
    receiving.store(work, message, outcome.downloads)
    if outcome.follow_ups:
        _follow_up(work, message, outcome.follow_ups)


def give_slots(work: Work, submission: int, values: Mapping[str, str]) -> None:
    """Keep values under the names that drafts of the submission use."""
    for slot, value in values.items():
        key = work.border.key("slot", (slot,))
        work.run(
            "set_slot", submission, key, work.border.seal("slot|value", f"{submission}.{key.hex()}", value)
        )


def _follow_up(work: Work, parent: Row, drafts: Sequence[Draft]) -> None:
    """Store what an outcome creates at its message's own place, while that still holds it; what is to
    stand apart, behind all that its submission has."""
    submission = work.need("submission", parent["submission"])
    owner = Owner(
        number=submission["number"],
        system=submission["system"],
        valid_until=None,
        wanted_from=work.now(),
        linked=bool(submission["awaited"]),
        parent=parent["number"],
    )
    storing.store_deadlines(work, owner, drafts)
    behind, end = submission["position"] + submission["messages"], submission["position"] | (POSITIONS - 1)
    for offset, draft in enumerate(drafts):
        position = min(behind + offset, end) if draft.apart else parent["position"]
        storing.store(work, owner, draft, position, last=False)
    work.touched.add(submission["number"])


# -- the one way in which a message ends -------------------------------------------------------------
def end(
    work: Work,
    message: Row,
    state: State,
    now: datetime,
    *,
    code: str = "",
    settled_by: str = "",
    attempt: int | None = None,
    refused: Sequence[Scope] = (),
    alone: bool = False,
) -> Settled:
    """Let a message take its end, or stop in ``unknown`` or ``parked``: it leaves the chain, its
    failure blocks, or a failure that it had is lifted. ``alone``: it blocks only what is to come
    ``after`` its submission."""
    number = message["number"]
    check_move(number, State(message["state"]), state)
    rows = _leave(work, message)
    receiving.close_gate(work, message, rows)
    finished = None if state in _UNDECIDED else to_micros(now)
    work.run("end_message", state, code, settled_by, attempt, finished, number)
    work.moved(message, state, _told(code, settled_by, attempt))
    if finished is not None:
        contents.release(work, message["submission"], number)
    if state in _UNDECIDED:
        blocking.keep_aside(work, number, message["position"], rows)
    failing = _failing_scopes(work, message, state, [] if alone else rows, refused)
    stops = state is State.PARTIAL and message["stop_on_refusal"]
    if message["cancels"] and (stops or state in {State.REJECTED, State.INVALID}):
        cancelled = _cancel_later(work, message, now)
        failing = [*(failing or ()), *cancelled] if failing is not None or cancelled else None
    blocked = 0
    if failing is not None:
        place = Place(message["position"], number)
        blocked = blocking.fail(work, message["submission"], number, place, state, failing)
    elif message["state"] in _UNDECIDED:
        blocking.lift_of(work, number)
    finish_step(work)
    return Settled(
        message=number,
        submission=message["submission"],
        system=work.systems[message["lane"]],
        transaction=message["transaction_code"],
        state=state,
        code=code,
        blocked=blocked,
    )


def _told(code: str, settled_by: str, attempt: int | None) -> Details:
    """What the audit trail says of an end."""
    details: Details = {"code": code, "settled_by": settled_by, "attempt": attempt or 0}
    return {name: value for name, value in details.items() if value}


def _leave(work: Work, message: Row) -> list[Held]:
    number = message["number"]
    if message["state"] in IN_CHAIN:
        return scopes.leave(work, number)
    if message["state"] == State.HELD:
        return holding.leave(work, number)
    rows = [Held(*row) for row in work.all("aside_take", number)]
    if message["state"] == State.BLOCKED:
        blocking.forget_blocks(work, number)
    return rows


def _failing_scopes(
    work: Work, message: Row, state: State, rows: list[Held], refused: Sequence[Scope]
) -> list[Held] | None:
    """What this end blocks; None when it is no failure. The submission's own scope stands for those
    that come ``after`` it."""
    if state is State.ACCEPTED or state is State.CANCELLED:
        return None
    if state is State.PARTIAL:
        system = work.systems[message["lane"]]
        return scopes.held_scopes(work, system, refused) if message["blocks"] and refused else None
    own = Held(scopes.submission_key(work, message["submission"]), SHARED, False)
    if state in _UNDECIDED:
        return [*rows, own] if message["blocks"] else [own]
    blocks = message["expiry_blocks"] if state is State.EXPIRED else message["blocks"]
    return [*rows, own] if blocks else None


# -- not sent, and will not be -----------------------------------------------------------------------
def _cancel_later(work: Work, message: Row, now: datetime) -> list[Held]:
    """Cancel what follows in the submission; returns the scopes that were to be served by it."""
    rows: list[Held] = []
    later = work.all("later_siblings", message["submission"], message["position"], message["number"])
    for sibling in later:
        held = cancel(work, sibling["number"], to_micros(now))
        rows += held if sibling["blocks"] else []
    return rows


def withdraw_unsent(work: Work, submission: int, now: int) -> int:
    """Cancel all of a submission that has not been sent; returns how many messages that were."""
    unsent = work.all("later_siblings", submission, -1, -1)
    for message in unsent:
        cancel(work, message["number"], now)
    return len(unsent)


def cancel(work: Work, number: int, now: int) -> list[Held]:
    """Looks at the message anew: cancelling one that was parked may have let the next one go."""
    message = work.need("message", number)
    check_move(message["number"], State(message["state"]), State.CANCELLED)
    rows = _leave(work, message)
    if message["state"] == State.PARKED:
        blocking.lift_of(work, message["number"])
    work.run("end_message", State.CANCELLED, "", "", None, now, message["number"])
    work.moved(message, State.CANCELLED)
    contents.release(work, message["submission"], message["number"])
    return rows
