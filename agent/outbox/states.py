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
    State.STAGING: frozenset({State.READY, State.BLOCKED, State.CANCELLED}),
    State.READY: _ENDS
    | {
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
    State.PARKED: frozenset({State.READY, State.ACCEPTED, State.REJECTED, State.EXPIRED, State.CANCELLED}),
    State.BLOCKED: frozenset({State.STAGING, State.READY, State.EXPIRED, State.CANCELLED}),
    State.HELD: frozenset({State.READY, State.BLOCKED, State.EXPIRED, State.CANCELLED}),
}

QUEUED = "queued"
QUERYING = "querying"
"""What a HIS sees while a submission is on its way; all its other states are states of messages."""

_WAITING = (State.UNKNOWN, State.PARKED, State.BLOCKED)


def check_move(message: int, old: State, new: State) -> None:
    """Raises StoreError for a move that no transition allows."""
    if new not in MOVES.get(old, frozenset()):
        raise StoreError(
            f"消息 {message} 处于 {old} 状态，不能变为 {new}",
            hint="请将日志交给开发商",
            details={"message": message, "from": old.value, "to": new.value},
        )


def submission_state(counts: Mapping[str, int]) -> str:
    """The state of a submission from its messages' states."""
    for state in _WAITING:
        if counts.get(state):
            return state.value
    if counts.get(State.INQUIRING):
        return QUERYING
    if any(counts.get(state) for state in (State.STAGING, State.READY, State.IN_FLIGHT, State.HELD)):
        return QUEUED
    return _final_state(counts)


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
