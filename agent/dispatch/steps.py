"""What a worker does next: every step is a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.events import Draft
from agent.outbox.model import Attempt, Head


@dataclass(frozen=True, slots=True)
class Send:
    """A claimed message: its attempt is on disk, no byte of it has left."""

    head: Head
    draft: Draft = field(repr=False)
    attempt: Attempt
    expired: Callable[[], bool] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """A message whose earlier attempts are of unknown fate."""

    head: Head


@dataclass(frozen=True, slots=True)
class Probe:
    """Is the endpoint well, though it settles nothing about this message, or the lane stands still?"""

    head: Head | None


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do for ``seconds``, or until woken."""

    seconds: float


Step = Send | Ask | Probe | Rest


def message_in(step: Step) -> int | None:
    """The message that a step has in hand."""
    if isinstance(step, Rest) or step.head is None:
        return None
    return step.head.message
