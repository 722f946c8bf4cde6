"""The outboxes that the contract holds for. A new adapter joins by a line in ``OUTBOXES``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.crypto.at_rest import generate
from agent.outbox.base import Outbox
from agent.outbox.store import SqliteOutbox
from tests.contract.outbox_world import World


def _sqlite(folder: Path, clock: ManualClock) -> Callable[[], Outbox]:
    key = generate(1)
    return lambda: SqliteOutbox(folder / "outbox.db", key, clock=clock, answer_within_s=20)


OUTBOXES = {"sqlite": _sqlite}


@pytest.fixture(params=sorted(OUTBOXES))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An empty outbox; interim results are due after 20 s."""
    clock = ManualClock()
    reopen = OUTBOXES[request.param](tmp_path, clock)
    built = World(reopen(), clock, reopen)
    yield built
    built.outbox.close()
