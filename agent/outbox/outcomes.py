"""What an outcome stores, sealed before its commit: others wait to write while a commit lasts."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.events import Outcome
from agent.outbox import facts
from agent.outbox.answers import seal_answer
from agent.outbox.facts import SealedFacts
from agent.outbox.sealed import Border


@dataclass(frozen=True, slots=True)
class Sealed:
    """For one message."""

    answer: bytes = field(repr=False)
    facts: SealedFacts = field(repr=False)


def seal(border: Border, system: str, message: int, outcome: Outcome) -> Sealed:
    """Needs no database."""
    return Sealed(seal_answer(border, message, outcome), facts.seal(border, system, outcome.identifiers))
