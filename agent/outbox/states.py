"""Which moves of a message are legal, and what its submission makes of its messages. Pure.

A submission waits for a decision as soon as one message does, also while others go on: the HIS
hears of it early, and a failure counts as told when that result is written.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.errors import StoreError
from agent.outbox.model import FINAL, State

_ENDS = frozenset({State.ACCEPTED, State.PARTIAL, State.REJECTED})

MOVES: Mapping[State, frozenset[State]] = {
    State.STAGING: frozenset({State.READY, State.BLOCKED, State.EXPIRED, State.CANCELLED}),
    State.READY: _ENDS
    | {
        State.UNKNOWN,
        State.IN_FLIGHT,
        State.BLOCKED,
        State.HELD,
        State.PARKED,
        State.INVALID,
        State.EXPIRED,
        State.CANCELLED,
    },
    State.IN_FLIGHT: _ENDS | {State.READY, State.INQUIRING, State.UNKNOWN, State.PARKED, State.EXPIRED},
    State.INQUIRING: _ENDS | {State.READY, State.UNKNOWN},
    State.UNKNOWN: frozenset({State.READY, State.ACCEPTED, State.REJECTED}),
    State.PARKED: frozenset(
        {State.READY, State.ACCEPTED, State.REJECTED, State.EXPIRED, State.CANCELLED, State.UNKNOWN}
    ),
    State.BLOCKED: frozenset({State.STAGING, State.READY, State.EXPIRED, State.CANCELLED, State.UNKNOWN}),
    State.HELD: frozenset({State.READY, State.BLOCKED, State.EXPIRED, State.CANCELLED, State.UNKNOWN}),
}

# Before it was sent a message becomes unknown in one case: the database was restored from a backup.

QUEUED = "queued"
QUERYING = "querying"
"""What a HIS sees while a submission is on its way; all its other states are states of messages."""

_NONE: Mapping[str, int] = {}
_UNDER_WAY = frozenset({State.STAGING, State.READY, State.IN_FLIGHT, State.HELD})
_FAILED = (State.PARTIAL, State.REJECTED, State.INVALID, State.EXPIRED)
_WAITING = (State.UNKNOWN, State.PARKED, State.BLOCKED)


def check_move(message: int, old: State, new: State) -> None:
    """Raises StoreError for a move that no transition allows."""
    if new not in MOVES.get(old, frozenset()):
        raise StoreError(
            f"消息 {message} 处于 {old} 状态，不能变为 {new}",
            hint="请将日志交给开发商",
            details={"message": message, "from": old.value, "to": new.value},
        )


def submission_state(counts: Mapping[str, int], serving: Mapping[str, int] = _NONE) -> str:
    """The state of a submission from the states of its messages, and of those that only serve them."""
    there = {state for states in (counts, serving) for state, count in states.items() if count}
    for state in _WAITING:
        if state in there:
            return state.value
    if State.INQUIRING in there:
        return QUERYING
    if there & _UNDER_WAY:
        return QUEUED
    own = _final_state(counts)
    failed = own == State.CANCELLED and any(serving.get(state) for state in _FAILED)
    if not failed:
        return own
    refused = serving.get(State.PARTIAL, 0) + serving.get(State.REJECTED, 0)
    return _final_state({**serving, State.ACCEPTED: 0, State.PARTIAL: 0, State.REJECTED: refused})


def _final_state(counts: Mapping[str, int]) -> str:
    taken = counts.get(State.ACCEPTED, 0)
    if taken and taken == sum(counts.values()):
        return State.ACCEPTED.value
    if taken or counts.get(State.PARTIAL):
        return State.PARTIAL.value
    if counts.get(State.REJECTED):
        return State.REJECTED.value
    if counts.get(State.INVALID):
        return State.INVALID.value
    return State.EXPIRED.value if counts.get(State.EXPIRED) else State.CANCELLED.value


def progress(counts: Mapping[str, int]) -> tuple[int, int]:
    """How many messages are final, and how many wait for a decision or for facts."""
    done = sum(count for state, count in counts.items() if state in FINAL)
    return done, sum(counts.get(state, 0) for state in (*_WAITING, State.HELD))
