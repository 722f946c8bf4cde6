"""One exchange on an open connection: the request's bytes, and the answer within its deadline.

The head is written here, so that it leaves in one piece with the body and header names stay as the
documents spell them (underscores, letter case). An answer of the ordinary shape is read here too
(``plain_head``), every other one by the standard library.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from agent.clock import Clock
from agent.errors import ConfigurationError
from agent.events import Request, Response
from agent.transport.failures import AnswerTooLarge
from agent.transport.plain_head import PlainHead, plain_head
from agent.transport.target import Origin

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE = 64 * 1024
_SLACK_S = 0.05
"""A time-out this near to the wanted one stays: setting it is a call into the operating system."""

# RFC 9110, 5.6.2: token
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9110, 5.5: no control characters; obs-text is ISO 8859-1
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


EXCHANGE_FAILURES = (OSError, EOFError, ValueError, http.client.HTTPException, AnswerTooLarge)
"""What :func:`transmit`, :func:`receive` and :func:`converse` raise when an exchange fails."""


def compose(request: Request, origin: Origin, target: str, added: Sequence[str] = ()) -> bytes:
    """The request as it goes on the wire, with header lines ``added`` for a proxy.

    Raises ConfigurationError for one that is not HTTP.
    """
    given = {name.lower() for name, _ in request.headers}
    lines = [f"{request.method} {target} HTTP/1.1"]
    if "host" not in given:
        lines.append(f"Host: {origin.authority()}")
    if "user-agent" not in given:
        lines.append("User-Agent: his-agent")
    if "accept-encoding" not in given:
        lines.append("Accept-Encoding: identity")
    for name, value in request.headers:
        if name.lower() != "content-length":
            lines.append(_header_line(name, value))
    lines.extend(added)
    lines.append(f"Content-Length: {len(request.body)}\r\n\r\n")
    if not _TOKEN.fullmatch(request.method):
        raise _not_http("method")
    return "\r\n".join(lines).encode("latin-1") + request.body


def _header_line(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise _not_http("header name")
    if not _VALUE.fullmatch(value):
        raise _not_http("header value")
    return f"{name}: {value}"


def _not_http(part: str) -> ConfigurationError:
    return ConfigurationError(
        "请求头含有 HTTP 不允许的字符",
        hint="请检查该系统配置中会写入请求头的各项，如密钥编号、机构编号",
        details={"stage": "compose", "part": part},
    )


class Deadline:
    """The end of an exchange; arms a socket with the time that is left."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._at = clock.monotonic() + seconds

    def arm(self, connection: socket.socket) -> None:
        """Raises TimeoutError when no time is left."""
        remaining = self._at - self._clock.monotonic()
        if remaining <= 0:
            raise TimeoutError("the exchange took too long")
        armed = connection.gettimeout()
        if armed is None or not remaining - _SLACK_S <= armed <= remaining + _SLACK_S:
            connection.settimeout(remaining)


def transmit(connection: socket.socket, message: bytes, deadline: Deadline) -> None:
    """Hand all of ``message`` to the operating system. Raises OSError (TimeoutError included)."""
    rest = memoryview(message)
    while rest:
        deadline.arm(connection)
        rest = rest[connection.send(rest) :]


class _Incoming(io.RawIOBase):
    """At most ``limit`` bytes of what a connection delivers in time; remembers having seen its end."""

    def __init__(self, connection: socket.socket, deadline: Deadline, limit: int) -> None:
        self._connection = connection
        self._deadline = deadline
        self._left = limit
        self.ended = False
        self.sealed = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self.sealed:
            return None
        self._deadline.arm(self._connection)
        count = self._connection.recv_into(buffer)
        self.ended = self.ended or count == 0
        self._left -= count
        if self._left < 0:
            raise AnswerTooLarge
        return count


class _Source:
    """Stands for a socket to :class:`http.client.HTTPResponse`, which closes what it reads from."""

    def __init__(self, connection: socket.socket, deadline: Deadline, limit: int) -> None:
        self.limit = limit
        self.incoming = _Incoming(connection, deadline, limit)
        self.reader = _Reader(self.incoming, _PIECE)

    def makefile(self, mode: str) -> io.BufferedReader:
        del mode
        return self.reader

    def surplus(self) -> bool:
        """Whether bytes are left over that belong to no answer."""
        self.incoming.sealed = True
        return bool(self.reader.peek(1))


class _Reader(io.BufferedReader):
    """Survives the close at the end of an answer, for :meth:`_Source.surplus`."""

    def close(self) -> None:
        return


def receive(connection: socket.socket, method: str, deadline: Deadline, limit: int) -> tuple[Response, bool]:
    """Read one answer of at most ``limit`` bytes, and whether the connection may carry another.

    Raises one of EXCHANGE_FAILURES.
    """
    source = _Source(connection, deadline, limit)
    plain = plain_head(source.reader.peek(1)) if method == "POST" else None
    if plain is not None:
        return _receive_plain(source, plain)
    head = _read_head(source, method)
    while 100 <= head.status < 200:
        head = _read_head(source, method)
    body = _read_body(source, head)
    reusable = not head.will_close and not source.incoming.ended and not source.surplus()
    return Response(head.status, _joined(head.headers), body), reusable


def _receive_plain(source: _Source, head: PlainHead) -> tuple[Response, bool]:
    if head.length > source.limit:
        raise AnswerTooLarge
    source.reader.read(head.size)
    body = source.reader.read(head.length)
    if len(body) < head.length:
        raise EOFError("the connection ended inside the body of the answer")
    reusable = not head.closes and not source.incoming.ended and not source.surplus()
    return Response(head.status, head.headers, body), reusable


def converse(connection: socket.socket, message: bytes, deadline: Deadline) -> int:
    """Send a message that a bodyless 2xx answers (CONNECT) and return the answer's status.

    Raises one of EXCHANGE_FAILURES.
    """
    transmit(connection, message, deadline)
    return _read_head(_Source(connection, deadline, _PIECE), "CONNECT").status


def _read_head(source: _Source, method: str) -> http.client.HTTPResponse:
    head = http.client.HTTPResponse(cast(Any, source), method=method)
    head.begin()
    if source.incoming.ended:
        # The standard library takes the end of the connection for the end of the headers.
        raise EOFError("the connection ended inside the head of the answer")
    return head


def _read_body(source: _Source, head: http.client.HTTPResponse) -> bytes:
    if head.length is not None and head.length > source.limit:
        raise AnswerTooLarge
    return head.read()


def _joined(headers: http.client.HTTPMessage) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        joined[lower] = f"{joined[lower]}, {value}" if lower in joined else value
    return joined
