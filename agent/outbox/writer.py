"""The one writer: who may write next, and the transaction around what it writes.

Whoever holds it goes first (:mod:`agent.courtesy`): everybody else may be waiting for it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from agent import courtesy
from agent.errors import StoreError
from agent.faults import crash_point
from agent.outbox.connection import translated

URGENT_IN_A_ROW = 16
"""Urgent writers that may pass a waiting other one before it is let in."""


class Gate:
    """Lets one writer in at a time: urgent ones first, in their order, but never for ever."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._urgent: deque[threading.Event] = deque()
        self._others: deque[threading.Event] = deque()
        self._owner: int | None = None
        self._passed = 0

    @property
    def waiting(self) -> int:
        """How many stand before the gate."""
        with self._mutex:
            return len(self._urgent) + len(self._others)

    def enter(self, *, urgent: bool) -> None:
        turn = threading.Event()
        with self._mutex:
            if self._owner == threading.get_ident():
                raise StoreError("同一线程中不能嵌套写入出站队列", hint="请将日志交给开发商")
            if self._owner is None:
                self._owner = threading.get_ident()
                return
            (self._urgent if urgent else self._others).append(turn)
        turn.wait()
        with self._mutex:
            self._owner = threading.get_ident()

    def leave(self) -> None:
        with self._mutex:
            self._owner = None
            queue = self._next_queue()
            if queue:
                self._owner = _HANDED_OVER
                queue.popleft().set()

    def _next_queue(self) -> deque[threading.Event]:
        if self._urgent and (not self._others or self._passed < URGENT_IN_A_ROW):
            self._passed += bool(self._others)
            return self._urgent
        self._passed = 0
        return self._others


_HANDED_OVER = -1
"""Nobody's thread: the gate belongs to the waiter that was woken."""


class Writer:
    """The writing connection behind its gate."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._gate = Gate()

    @contextmanager
    def transaction(self, *, urgent: bool, committed: Callable[[], None]) -> Iterator[None]:
        """Commit what the block wrote when it ends, nothing of it when it raises. ``committed`` is
        called after the commit, before the next writer is let in."""
        self._gate.enter(urgent=urgent)
        try:
            with translated(), courtesy.first():
                self.connection.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    crash_point("outbox.before_commit")
                    self.connection.execute("COMMIT")
                    crash_point("outbox.after_commit")
                    committed()
                except BaseException:
                    self._roll_back()
                    raise
        finally:
            self._gate.leave()

    def _roll_back(self) -> None:
        """SQLite has rolled back by itself after some errors; a broken disk may refuse even this."""
        if self.connection.in_transaction:
            with suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")

    def close(self) -> None:
        self._gate.enter(urgent=False)
        try:
            self.connection.close()
        finally:
            self._gate.leave()
