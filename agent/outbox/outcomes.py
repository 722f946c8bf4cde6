"""What an outcome stores, sealed before its commit: others wait to write while a commit lasts."""

from __future__ import annotations

from agent.events import Outcome
from agent.outbox import facts
from agent.outbox.answers import seal_answer
from agent.outbox.model import SealedOutcome
from agent.outbox.sealed import Border


def seal(border: Border, system: str, message: int, outcome: Outcome) -> SealedOutcome:
    """Needs no database."""
    answer = seal_answer(border, message, outcome)
    return SealedOutcome(answer, facts.seal(border, system, outcome.identifiers))
