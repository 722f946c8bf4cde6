"""Writes the log back into the database beside the writers, not within the commit that filled it.

SQLite does it by itself at the end of a commit, and everybody who wants to write next waits for it. That
stays as a backstop for when this thread does not keep up.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from agent.logs import get_logger
from agent.outbox.connection import connect_checkpointer

log = get_logger("agent.outbox")

CHANGES = 500
"""Changed rows after which the log is written back: it has a thousand pages then, or some more."""


class Checkpointer:
    """Its thread starts when there is something to do for the first time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen = 0

    def committed(self, changes: int) -> None:
        """``changes``: how many rows the writer has changed since it was opened. Called by one at a time."""
        if changes - self._seen < CHANGES:
            return
        self._seen = changes
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
            self._thread.start()
        self._wanted.set()

    def close(self) -> None:
        """Before the writer is closed."""
        self._closed.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            connection = connect_checkpointer(self._path)
        except sqlite3.Error as error:
            _failed(error)
            return
        try:
            while self._wanted.wait() and not self._closed.is_set():
                self._wanted.clear()
                self._write_back(connection)
        finally:
            connection.close()

    def _write_back(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            _failed(error)


def _failed(error: sqlite3.Error) -> None:
    """The backstop goes on; whoever commits then is told what is wrong with the disk."""
    log.warning("log not written back", sqlite=getattr(error, "sqlite_errorname", type(error).__name__))
