"""The trace verb: the oldest debts first, of all systems or one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.control.trace_handlers import TraceHandlers
from agent.control.verbs import complete
from agent.crypto.at_rest import generate
from agent.errors import ControlError
from agent.events import Debt, History
from agent.outbox.store import SqliteOutbox
from tests.unit.dispatch.scripted import Platform


class Owing(Platform):
    """A protocol with debts of its own."""

    def __init__(self, *debts: Debt) -> None:
        super().__init__()
        self._debts = debts

    def debts(self, history: History) -> tuple[Debt, ...]:
        assert dict(history.values("due", ("nobody",))) == {}
        return self._debts


def debt(visit: str, since: str) -> Debt:
    return Debt("H1", visit, f"own {visit}", since, ({"detail": "D1", "name": "药", "left": "2"},))


@pytest.fixture
def handlers(tmp_path: Path) -> Iterator[TraceHandlers]:
    clock = ManualClock()
    outbox = SqliteOutbox(tmp_path / "outbox.db", generate(1), clock=clock, answer_within_s=20)
    systems = {
        "alpha": Owing(debt("V1", "20251231")),
        "beta": Owing(debt("V2", "20251201"), debt("V3", "20260101")),
        "plain": Platform(),
    }
    yield TraceHandlers(outbox, systems.get, tuple(systems), clock)
    outbox.close()


def owed(handlers: TraceHandlers, **args: str) -> list[tuple[str, str, int]]:
    answer = handlers.handlers()["trace.owed"](complete("trace.owed", args))
    return [(item["system"], item["visit"], item["days"]) for item in answer["owed"]]


def test_the_oldest_debts_come_first_over_all_systems(handlers: TraceHandlers) -> None:
    assert owed(handlers) == [("beta", "V2", 31), ("alpha", "V1", 1), ("beta", "V3", 0)]


def test_one_system_may_be_asked_for(handlers: TraceHandlers) -> None:
    assert owed(handlers, system="alpha") == [("alpha", "V1", 1)]
    assert owed(handlers, system="plain") == []


def test_a_system_that_is_not_configured_is_refused(handlers: TraceHandlers) -> None:
    with pytest.raises(ControlError, match="gamma"):
        owed(handlers, system="gamma")
