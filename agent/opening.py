"""Opening the outbox with the data key of this account: the one way for the daemon and for commands."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from agent.clock import Clock
from agent.crypto.at_rest import DataKey
from agent.outbox.store import SqliteOutbox

FIRST_KEY: Final = 1
"""The number of the data key in every sealed value: a second one comes with its rotation."""


class DataKeys(Protocol):
    def data_key(self, *, create: bool) -> bytes: ...


def open_outbox(path: Path, *, keys: DataKeys, clock: Clock, answer_within_s: float) -> SqliteOutbox:
    """A new data key is made only where there is no database yet.

    Raises KeyMissing, StoreLocked, StoreDamaged.
    """
    key = DataKey(FIRST_KEY, keys.data_key(create=not path.exists()))
    return SqliteOutbox(path, key, clock=clock, answer_within_s=answer_within_s)
