"""A small HTTP/1.1 server on the loopback: keep-alive, Content-Length, one thread per connection.

Written for speed (no header objects, one ``sendall`` per answer) and for misbehaving on purpose: an
:class:`Answer` says not only what is sent but how its delivery goes wrong.
"""

from __future__ import annotations

import os
import socket
import threading
from types import TracebackType
from typing import Self, cast

from agent.clock import Clock, SystemClock
from agent.errors import ConfigurationError
from agent.rehearsal.connection import Connection, Service
from agent.rehearsal.messages import Answer, Call, Delivery, Handler

__all__ = ["Answer", "Call", "Delivery", "Handler", "RehearsalServer"]

BODY_LIMIT = 64 * 1024 * 1024


class RehearsalServer:
    """Serves ``handler`` from ``start`` to ``stop``; a context manager. ``port`` 0 takes a free one.

    ``stop`` closes idle connections at once and gives running ones ``grace_s`` seconds.
    Raises ConfigurationError when the port is taken.
    """

    def __init__(
        self,
        handler: Handler,
        port: int = 0,
        *,
        clock: Clock | None = None,
        body_limit: int = BODY_LIMIT,
        idle_s: float = 120.0,
    ) -> None:
        self.handler = handler
        self.clock: Clock = clock or SystemClock()
        self.body_limit = body_limit
        self.idle_s = idle_s
        self.stopping = threading.Event()
        self._wanted_port = port
        self._listener: socket.socket | None = None
        self._connections: dict[Connection, threading.Thread] = {}
        self._lock = threading.Lock()
        self._acceptor: threading.Thread | None = None

    @property
    def port(self) -> int:
        if self._listener is None:
            raise RuntimeError("the server is not started")
        return cast(int, self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._listener = _listen(self._wanted_port)
        self._acceptor = threading.Thread(target=self._accept, name="rehearsal-accept", daemon=True)
        self._acceptor.start()

    def stop(self, grace_s: float = 5.0) -> None:
        if self._listener is None or self._acceptor is None:
            return
        self.stopping.set()
        self._wake_acceptor()
        self._acceptor.join()
        with self._lock:
            running = list(self._connections.items())
        for connection, _ in running:
            connection.close_if_idle()
        for connection, thread in running:
            thread.join(grace_s)
            if thread.is_alive():
                connection.break_off()
                thread.join()
        self._listener.close()
        self._listener = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _accept(self) -> None:
        listener = cast(socket.socket, self._listener)
        while True:
            accepted, _ = listener.accept()
            if self.stopping.is_set():
                accepted.close()
                return
            self._open(accepted)

    def _open(self, accepted: socket.socket) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.settimeout(self.idle_s)
        service = Service(self.handler, self.clock, self.stopping, self.body_limit)
        connection = Connection(service, accepted)
        thread = threading.Thread(target=self._serve, args=(connection,), name="rehearsal", daemon=True)
        with self._lock:
            self._connections[connection] = thread
        thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            connection.close()
            with self._lock:
                del self._connections[connection]

    def _wake_acceptor(self) -> None:
        """Closing a listener wakes nobody on Linux; a connection does, everywhere."""
        socket.create_connection(("127.0.0.1", self.port)).close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "nt":  # there SO_REUSEADDR would let two servers take one port
            listener.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE"), 1)  # noqa: B009
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"端口 {port} 无法监听", hint="请换一个端口，或先停止占用它的程序", details={"port": port}
        ) from error
    return listener
