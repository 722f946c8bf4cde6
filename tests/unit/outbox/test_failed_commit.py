"""What a commit that fails would have added is not known afterwards."""

import sqlite3

import pytest

from agent.clock import ManualClock
from agent.crypto.at_rest import generate
from agent.errors import StoreError
from agent.outbox.model import Receipt
from agent.outbox.store import SqliteOutbox
from tests.contract.outbox_world import World, draft


class Refusing:
    """The writing connection, whose next COMMIT the disk refuses."""

    def __init__(self, connection):
        self.connection = connection
        self.refused = False

    def execute(self, statement, *values):
        if statement == "COMMIT" and not self.refused:
            self.refused = True
            raise sqlite3.OperationalError("database or disk is full")
        return self.connection.execute(statement, *values)

    def __getattr__(self, name):
        return getattr(self.connection, name)


@pytest.fixture
def world(tmp_path):
    clock = ManualClock()
    store = SqliteOutbox(tmp_path / "outbox.db", generate(1), clock=clock)
    world = World(store, clock, lambda: store)
    yield world
    world.outbox.close()


def test_a_lane_whose_commit_failed_is_made_anew(world):
    writer = world.outbox._writer
    writer.connection = Refusing(writer.connection)
    with pytest.raises(StoreError):
        world.accept("A", draft())
    assert world.accept("A", draft()).receipt is Receipt.STORED
    assert len(world.outbox.lanes()) == 1
