"""A small HTTP/1.1 server on the loopback: keep-alive, Content-Length, one thread per connection.

Written for speed (no header objects, one ``sendall`` per answer) and for misbehaving on purpose: an
:class:`Answer` says not only what is sent but how its delivery goes wrong.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from io import BufferedReader
from types import TracebackType
from typing import Self, cast

from agent.clock import Clock, SystemClock
from agent.errors import ConfigurationError

HEAD_LIMIT = 65536
BODY_LIMIT = 64 * 1024 * 1024
DRIP_PIECES = 20


class Delivery(StrEnum):
    """How an answer reaches the client, or does not."""

    WHOLE = "whole"
    NOTHING = "nothing"
    """The connection is closed without a byte."""
    RESET = "reset"
    """The connection is reset without a byte."""
    CUT = "cut"
    """The head promises the whole body, half of it comes, then the connection is closed."""
    DRIP = "drip"
    """The body comes in pieces spread over ``seconds``."""
    HANG_UP = "hang_up"
    """A whole answer that does not announce that the connection is closed after it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came. Header names are lower case; ``path`` is without the query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and its delivery. ``label`` is the system's code in it, for the ledger."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json;charset=UTF-8"),)
    delivery: Delivery = Delivery.WHOLE
    seconds: float = 0.0
    label: str = ""


Handler = Callable[[Call], Answer]


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
        self._connections: dict[_Connection, threading.Thread] = {}
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
        connection = _Connection(self, accepted)
        thread = threading.Thread(target=self._serve, args=(connection,), name="rehearsal", daemon=True)
        with self._lock:
            self._connections[connection] = thread
        thread.start()

    def _serve(self, connection: _Connection) -> None:
        try:
            connection.run()
        finally:
            connection.close()
            with self._lock:
                del self._connections[connection]

    def _wake_acceptor(self) -> None:
        """Closing a listener wakes nobody on Linux; a connection does, everywhere."""
        socket.create_connection(("127.0.0.1", self.port)).close()


class _Refused(Exception):
    """A request that is not read further; the answer is the last one of its connection."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.answer = Answer(status=status, label=str(status.value))


class _Connection:
    """One client's connection: reads a request, lets it be handled, delivers the answer, again."""

    def __init__(self, server: RehearsalServer, accepted: socket.socket) -> None:
        self._server = server
        self._socket = accepted
        self._reader = cast(BufferedReader, accepted.makefile("rb", 65536))
        self._lock = threading.Lock()
        self._busy = False

    def run(self) -> None:
        try:
            while not self._server.stopping.is_set() and self._exchange():
                pass
        except OSError:
            return  # the client went away or stayed idle too long; there is nobody left to answer

    def close_if_idle(self) -> None:
        with self._lock:
            if not self._busy:
                self.break_off()

    def break_off(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # already closed by the other side

    def close(self) -> None:
        self._reader.close()
        self._socket.close()

    def _exchange(self) -> bool:
        """One request and its answer; whether the connection may carry another."""
        try:
            call, keep = self._read()
        except _Refused as refused:
            self._deliver(refused.answer, keep=False)
            return False
        if call is None:
            return False
        with self._lock:
            self._busy = True
        self._deliver(self._server.handler(call), keep)
        with self._lock:
            self._busy = False
        return keep

    def _read(self) -> tuple[Call | None, bool]:
        line = self._line()
        if not line:
            return None, False
        parts = line.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise _Refused(HTTPStatus.BAD_REQUEST)
        headers = self._headers()
        body = self._body(headers)
        path, _, query = parts[1].partition("?")
        connection = headers.get("connection", "").lower()
        keep = connection != "close" if parts[2] != "HTTP/1.0" else connection == "keep-alive"
        return Call(parts[0], path, query, headers, body), keep

    def _line(self) -> str:
        line = self._reader.readline(HEAD_LIMIT + 1)
        if len(line) > HEAD_LIMIT:
            raise _Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        return line.decode("latin-1").rstrip("\r\n")

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        room = HEAD_LIMIT
        while line := self._line():
            room -= len(line)
            name, colon, value = line.partition(":")
            if not colon:
                raise _Refused(HTTPStatus.BAD_REQUEST)
            if room < 0:
                raise _Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            headers[name.lower()] = value.strip()
        return headers

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if "transfer-encoding" in headers:
            raise _Refused(HTTPStatus.LENGTH_REQUIRED)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise _Refused(HTTPStatus.BAD_REQUEST)
        if int(length) > self._server.body_limit:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if headers.get("expect", "").lower() == "100-continue":
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._reader.read(int(length))
        if len(body) < int(length):
            raise ConnectionResetError("the client closed in the middle of its request")
        return body

    def _deliver(self, answer: Answer, keep: bool) -> None:
        if answer.delivery is Delivery.WHOLE:
            self._socket.sendall(_head(answer, keep) + answer.body)
            return
        if answer.delivery is Delivery.RESET:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _no_linger())
        elif answer.delivery is Delivery.CUT:
            self._socket.sendall(_head(answer, keep) + answer.body[: len(answer.body) // 2])
        elif answer.delivery is Delivery.DRIP:
            self._drip(answer, keep)
            return
        elif answer.delivery is Delivery.HANG_UP:
            self._socket.sendall(_head(answer, keep) + answer.body)
        raise ConnectionAbortedError("closed on purpose")

    def _drip(self, answer: Answer, keep: bool) -> None:
        self._socket.sendall(_head(answer, keep))
        step = max(1, -(-len(answer.body) // DRIP_PIECES))
        for start in range(0, len(answer.body), step):
            if self._server.clock.wait(self._server.stopping, answer.seconds / DRIP_PIECES):
                raise ConnectionAbortedError("the server stops")
            self._socket.sendall(answer.body[start : start + step])


def _head(answer: Answer, keep: bool) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines += [f"Content-Length: {len(answer.body)}", f"Connection: {'keep-alive' if keep else 'close'}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _no_linger() -> bytes:
    """``struct linger`` with zero seconds: close sends RST. Its members are short on Windows."""
    return struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


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
