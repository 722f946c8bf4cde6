"""One client's connection: reads requests strictly, delivers answers as they are meant to be delivered."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from io import BufferedReader
from typing import cast

from agent.clock import Clock
from agent.rehearsal.messages import Answer, Call, Delivery, Handler

HEAD_LIMIT = 65536
DRIP_PIECES = 20


@dataclass(frozen=True, slots=True)
class Service:
    """What a connection needs of its server. ``body_limit`` is in bytes."""

    handler: Handler
    clock: Clock
    stopping: threading.Event
    body_limit: int


class _Refused(Exception):
    """A request that is not read further; the answer is the last one of its connection."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.answer = Answer(status=status, label=str(status.value))


class Connection:
    """One client's connection: reads a request, lets it be handled, delivers the answer, again."""

    def __init__(self, service: Service, accepted: socket.socket) -> None:
        self._service = service
        self._socket = accepted
        self._reader = cast(BufferedReader, accepted.makefile("rb", 65536))
        self._lock = threading.Lock()
        self._busy = False

    def run(self) -> None:
        while not self._service.stopping.is_set() and self._exchange():
            pass

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
        """One request and its answer; whether the connection may carry another. A handler's failure is
        not the connection's: it goes up and ends the thread for everybody to see."""
        try:
            call, keep = self._read()
        except _Refused as refused:
            return self._try_to_deliver(refused.answer, keep=False)
        except OSError:
            return False  # the client went away or stayed idle too long
        if call is None:
            return False
        with self._lock:
            self._busy = True
        delivered = self._try_to_deliver(self._service.handler(call), keep)
        with self._lock:
            self._busy = False
        return delivered

    def _try_to_deliver(self, answer: Answer, keep: bool) -> bool:
        """Whether the answer was delivered on a connection that is kept."""
        try:
            self._deliver(answer, keep)
        except OSError:
            return False  # closed by the client, or by us on purpose
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
        if int(length) > self._service.body_limit:
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
            if self._service.clock.wait(self._service.stopping, answer.seconds / DRIP_PIECES):
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
