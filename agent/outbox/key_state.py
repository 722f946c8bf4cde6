"""Which data key a database is sealed with, told before it is opened.

``meta`` holds ``key_check``, a constant sealed with the key; ``index``, sealed with it too, what former keys
leave for hashes; and ``rekey`` while a change of the key is under way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent.crypto.at_rest import DataKey, key_id_of
from agent.errors import CryptoError
from agent.outbox.connection import connect_reader
from agent.outbox.sealed import Border, unpack

FIRST_KEY: Final = 1
"""The number of the first data key of a database."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the data key under way: the new key's number, its check, and how far the change got: the
    table (its place in :func:`agent.outbox.places.tables`) and the last row of it."""

    to: int
    check: bytes
    table: int
    after: int


@dataclass(frozen=True, slots=True)
class KeyState:
    """``check`` and ``index`` are None in a database that was never opened, or that is none."""

    check: bytes | None = None
    index: bytes | None = None
    change: Change | None = None

    @property
    def number(self) -> int:
        try:
            return FIRST_KEY if self.check is None else key_id_of(self.check)
        except CryptoError:
            return FIRST_KEY

    def key_of(self, secrets: Iterable[bytes]) -> DataKey | None:
        """The first of these secrets that is the database's, as its data key."""
        for secret in secrets:
            key = DataKey(self.number, secret)
            border = Border(key)
            try:
                if self.check is not None:
                    border.open("meta|value", "key_check", self.check)
                former = [] if self.index is None else border.open("meta|value", "index", self.index)
            except CryptoError:
                continue
            return DataKey(self.number, secret, tuple(bytes.fromhex(root) for root in former))
        return None


def read_key_state(path: Path) -> KeyState:
    """What the file says; whether it is sound is for those to judge who open it."""
    if not path.exists():
        return KeyState()
    try:
        with closing(connect_reader(path)) as connection:
            return key_state(connection)
    except sqlite3.Error:
        return KeyState()


def key_state(connection: sqlite3.Connection) -> KeyState:
    """Raises sqlite3.Error where there is no such table."""
    values = {row[0]: row[1] for row in connection.execute("SELECT name, value FROM meta")}
    change = values.get("rekey")
    return KeyState(_blob(values.get("key_check")), _blob(values.get("index")), change and _change(change))


def _change(value: bytes) -> Change:
    told = unpack(bytes(value))
    return Change(told["to"], bytes.fromhex(told["check"]), told["table"], told["after"])


def _blob(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
