"""A client that writes bytes and reads bytes, so that a test sees what really came."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import NamedTuple, Self


class Received(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class RawClient:
    """One connection to a server on the loopback."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._reader = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()
        self.socket.close()

    def post(self, body: bytes, path: str = "/", *headers: str, method: str = "POST") -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", *headers]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def receive(self) -> Received | None:
        """The next answer; None when the server closed without a byte; a short body stays short."""
        line = self._reader.readline()
        if not line:
            return None
        headers: dict[str, str] = {}
        while (header := self._reader.readline()) not in (b"\r\n", b""):
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self._reader.read(int(headers.get("content-length", "0")))
        return Received(int(line.split()[1]), headers, body)

    def closed(self) -> bool:
        """Whether the server has closed and sent nothing more."""
        return self._reader.read(1) == b""
