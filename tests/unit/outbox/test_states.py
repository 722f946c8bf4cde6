"""The moves of a message, and the state of its submission, as tables."""

from __future__ import annotations

import itertools

import pytest

from agent.errors import StoreError
from agent.outbox.model import FINAL, IN_CHAIN, State
from agent.outbox.states import MOVES, check_move, progress, submission_state


@pytest.mark.parametrize(("old", "new"), [*itertools.product(State, State)])
def test_a_move_is_either_in_the_table_or_refused(old: State, new: State) -> None:
    if new in MOVES.get(old, ()):
        check_move(1, old, new)
    else:
        with pytest.raises(StoreError):
            check_move(1, old, new)


def test_nothing_moves_out_of_a_final_state_and_everything_else_can_reach_one() -> None:
    assert FINAL.isdisjoint(MOVES)
    for state in set(State) - FINAL:
        reached = {state}
        while more := {new for old in reached for new in MOVES.get(old, ())} - reached:
            reached |= more
        assert reached & FINAL, state


def test_what_may_be_on_the_wire_is_never_cancelled_and_never_simply_blocked() -> None:
    for state in (State.IN_FLIGHT, State.INQUIRING, State.UNKNOWN):
        assert not {State.CANCELLED, State.BLOCKED} & MOVES[state]


def test_the_chain_holds_what_can_go_on_by_itself() -> None:
    assert {State.READY, State.IN_FLIGHT, State.INQUIRING, State.STAGING} == IN_CHAIN


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ("ready", "queued"),
        ("in_flight", "queued"),
        ("staging", "queued"),
        ("inquiring ready", "querying"),
        ("unknown ready inquiring", "unknown"),
        ("parked blocked", "parked"),
        ("unknown parked blocked", "unknown"),
        ("blocked ready", "blocked"),
        ("rejected ready", "queued"),
        ("accepted accepted", "accepted"),
        ("accepted rejected", "partial"),
        ("accepted cancelled", "partial"),
        ("accepted partial", "partial"),
        ("partial rejected", "partial"),
        ("rejected cancelled expired", "rejected"),
        ("expired cancelled", "expired"),
        ("cancelled", "cancelled"),
    ],
)
def test_a_submissions_state_follows_from_its_messages(states: str, expected: str) -> None:
    counts: dict[str, int] = {}
    for state in states.split():
        counts[state] = counts.get(state, 0) + 1
    assert submission_state(counts) == expected


def test_progress_counts_what_is_final_and_what_waits_for_a_decision() -> None:
    assert progress({"accepted": 3, "rejected": 1, "ready": 5, "unknown": 1, "blocked": 2}) == (4, 3)
