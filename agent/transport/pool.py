"""Open connections of one system: lent to one thread at a time, taken back, looked at before use."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import ssl
import sys
import threading
from dataclasses import dataclass

from agent.clock import Clock
from agent.transport.failures import not_sent
from agent.transport.target import Origin

_JUST_SEEN_S = 0.01
"""A prepared connection is not looked at again when it is used at once."""


@dataclass(eq=False, slots=True)
class Connection:
    """``used_at`` is the monotonic second of its opening or of its last answer, ``seen_at`` of the
    last look at it."""

    origin: Origin
    socket: socket.socket
    used_at: float
    seen_at: float = -math.inf
    cut: bool = False
    """Shut down by :meth:`Pool.abort` while an exchange was under way."""


class Pool:
    def __init__(self, keep_idle_s: float, clock: Clock) -> None:
        self._keep_idle_s = keep_idle_s
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[Connection]] = {}
        self._lent: set[Connection] = set()
        self._aside: set[Connection] = set()
        """Prepared for a thread's next exchange: nothing is under way on them."""
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def take(self, origin: Origin) -> Connection | None:
        """The idle connection used last that is still good; closes the ones that are not."""
        while (connection := self._pop(origin)) is not None:
            if self.usable(connection):
                return connection
            self.discard(connection)
        return None

    def _pop(self, origin: Origin) -> Connection | None:
        with self._lock:
            idle = self._idle.get(origin)
            if not idle:
                return None
            connection = idle.pop()
            self._lent.add(connection)
            return connection

    def adopt(self, origin: Origin, opened: socket.socket) -> Connection:
        """Lend a new connection. Raises NotSent when the pool was closed meanwhile."""
        connection = Connection(origin, opened, self._clock.monotonic())
        with self._lock:
            if not self._closed:
                self._lent.add(connection)
                return connection
        opened.close()
        raise not_sent("stopped", origin, "open")

    def set_aside(self, connection: Connection) -> None:
        """Keep a lent connection for the thread that prepared it; closed here when the pool was."""
        with self._lock:
            self._lent.discard(connection)
            if not self._closed:
                self._aside.add(connection)
                return
        connection.socket.close()

    def take_up(self, connection: Connection) -> bool:
        """Lend a connection again that was set aside; false when the pool closed it meanwhile."""
        with self._lock:
            if connection not in self._aside:
                return False
            self._aside.remove(connection)
            self._lent.add(connection)
            return True

    def usable(self, connection: Connection) -> bool:
        """Whether a lent connection is neither too old nor closed nor spoken on by the server."""
        now = self._clock.monotonic()
        if self._closed or now - connection.used_at >= self._keep_idle_s:
            return False
        if now - connection.seen_at < _JUST_SEEN_S:
            return True
        connection.seen_at = now
        return is_quiet(connection.socket)

    def give_back(self, connection: Connection) -> None:
        """End a loan; the connection may serve again."""
        connection.used_at = self._clock.monotonic()
        connection.seen_at = -math.inf
        with self._lock:
            self._lent.discard(connection)
            if not self._closed:
                self._idle.setdefault(connection.origin, []).append(connection)
                return
        connection.socket.close()

    def discard(self, connection: Connection) -> None:
        """End a loan; the connection is closed."""
        with self._lock:
            self._lent.discard(connection)
        connection.socket.close()

    def drop(self, origin: Origin) -> None:
        with self._lock:
            idle = self._idle.pop(origin, [])
        for connection in idle:
            connection.socket.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle = [connection for group in self._idle.values() for connection in group]
            idle += self._aside
            self._idle.clear()
            self._aside.clear()
        for connection in idle:
            connection.socket.close()

    def abort(self) -> None:
        self.close()
        with self._lock:
            for connection in self._lent:
                connection.cut = True
                # The plain socket's method: an SSLSocket's would take its TLS state from its thread.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection.socket, socket.SHUT_RDWR)


def is_quiet(connection: socket.socket) -> bool:
    """Whether nothing has arrived on an idle connection: no end, no reset, no unasked-for bytes.

    What has arrived on TLS may be a session ticket, which concerns nobody: only reading tells. Most
    connections are not read, since each call into the operating system costs the interpreter's lock.
    """
    if not _has_input(connection):
        return True
    try:
        connection.settimeout(0)
        connection.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    return False


if sys.platform == "win32":

    def _has_input(connection: socket.socket) -> bool:
        return bool(select.select([connection], [], [], 0)[0])

else:

    def _has_input(connection: socket.socket) -> bool:
        poll = select.poll()  # select() knows no descriptor above 1023
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0))
