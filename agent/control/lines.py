"""One JSON object per line over a socket, bounded in size and in time."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from agent import jsontext
from agent.clock import Clock
from agent.errors import ControlError
from agent.events import JsonObject

MAX_REQUEST = 1024 * 1024
MAX_ANSWER = 16 * 1024 * 1024
_CHUNK = 65536


class Closed(Exception):
    """The peer has closed the connection between two lines."""


class Lines:
    """Reads and writes lines. ``timeout_s`` bounds a whole line, however slowly its bytes come."""

    def __init__(self, connection: socket.socket, clock: Clock, *, largest: int, timeout_s: float) -> None:
        self._connection = connection
        self._clock = clock
        self._largest = largest
        self._timeout_s = timeout_s
        self._buffer = bytearray()

    def read(self, timeout_s: float | None = None) -> JsonObject:
        """The next object. Raises Closed, or ControlError for what is too long, too late or no JSON."""
        line = self._line(self._clock.monotonic() + (timeout_s or self._timeout_s))
        try:
            return jsontext.read_object(line.decode("utf-8"))
        except (UnicodeDecodeError, jsontext.JsonTextError):
            raise _refused("bad_line", "控制端口收到的内容不是有效的 JSON 行") from None

    def write(self, value: Mapping[str, Any]) -> None:
        """Send one object. Raises ControlError when the peer does not take it in time."""
        data = jsontext.write(dict(value)).encode("utf-8") + b"\n"
        self._connection.settimeout(self._timeout_s)
        try:
            self._connection.sendall(data)
        except OSError:
            raise _refused("cut_off", "控制端口的连接中断") from None

    def _line(self, deadline: float) -> bytes:
        searched = 0
        while True:
            end = self._buffer.find(b"\n", searched)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return line
            if len(self._buffer) > self._largest:
                raise _refused("too_long", "控制端口收到的内容过长")
            searched = len(self._buffer)
            self._receive(deadline)

    def _receive(self, deadline: float) -> None:
        remaining = deadline - self._clock.monotonic()
        if remaining <= 0:
            raise _refused("timeout", "控制端口等待超时")
        self._connection.settimeout(remaining)
        try:
            chunk = self._connection.recv(_CHUNK)
        except TimeoutError:
            raise _refused("timeout", "控制端口等待超时") from None
        except OSError:
            raise _refused("cut_off", "控制端口的连接中断") from None
        if not chunk and self._buffer:
            raise _refused("cut_off", "控制端口的连接中断")
        if not chunk:
            raise Closed
        self._buffer += chunk


def _refused(code: str, message: str) -> ControlError:
    return ControlError(
        message, hint="请重试；仍不行请看日志，确认代理程序在正常运行", details={"code": code}
    )
