"""A TCP server that does exactly what a test's script says, and counts what it was really sent."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Conversation:
    """One accepted connection as the script sees it."""

    server: ScriptedServer
    socket: socket.socket
    number: int
    """1 for the server's first connection."""

    def read_request(self) -> bytes | None:
        """The next whole request, counted by the server; None when the client closed instead."""
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            piece = self.socket.recv(65536)
            if not piece:
                return None
            received += piece
        head = received[:end].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(received) < end + 4 + length:
            piece = self.socket.recv(65536)
            if not piece:
                return None
            received += piece
        self.server.count(received)
        return received

    def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def until_closed(self) -> None:
        """Wait for the client to close, and count nothing of what it still sends."""
        while self.socket.recv(65536):
            pass

    def reset(self) -> None:
        """Close with a TCP reset instead of an orderly end."""
        no_linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        self.socket.close()


Script = Callable[[Conversation], None]


@dataclass
class ScriptedServer:
    script: Script
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released once for every connection whose script has ended and whose socket is closed."""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def url(self, path: str = "/api") -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{path}"

    def count(self, request: bytes) -> None:
        with self._lock:
            self.requests.append(request)

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
                self._open.add(accepted)
            thread = threading.Thread(target=self._serve, args=(accepted, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, accepted: socket.socket, number: int) -> None:
        connection = accepted
        with contextlib.suppress(OSError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(accepted, server_side=True)
                with self._lock:
                    self._open.add(connection)
            self.script(Conversation(self, connection, number))
        connection.close()
        accepted.close()
        self.ended.release()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(5)
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)


@contextlib.contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    server = ScriptedServer(script, tls)
    try:
        yield server
    finally:
        server.close()
