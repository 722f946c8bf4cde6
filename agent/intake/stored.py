"""What follows from a commit that stored submissions: their lifetimes count, and their lanes have work."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agent.lifetimes import Lifetimes
from agent.outbox.model import Accepted, LaneKey, NewSubmission, Receipt

Receipts = list[tuple[NewSubmission, Accepted]]
Stored = Callable[[Receipts, set[LaneKey]], None]
"""Is told after a commit what it stored, and which lanes have work by it."""


def lanes_with_work(receipts: Iterable[tuple[NewSubmission, Accepted]], lifetimes: Lifetimes) -> set[LaneKey]:
    """Begin to count the lifetime of each that was stored and is without fault; where they are to be sent."""
    lanes: set[LaneKey] = set()
    for new, accepted in receipts:
        if accepted.receipt is Receipt.STORED and not new.faults:
            lifetimes.note(accepted.submission, new.valid_until)
            lanes |= {LaneKey(new.system, draft.lane, draft.parallel) for draft in new.drafts}
    return lanes
