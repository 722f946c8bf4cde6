"""The HTTP listener: few threads, known peers only, small bodies, every call bounded in time.

Only a loop over ``handle_request`` runs in the supervised thread; a call is worked off by one of a fixed
number of threads. Whoever comes while all are busy is turned away and will come again.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final

from agent import pulse
from agent.clock import Clock
from agent.errors import AgentError, AnswerRejected, CryptoError
from agent.hookspecs import Incoming
from agent.logs import get_logger

log = get_logger("agent.listening")

THREADS: Final = 8
LOOK_EVERY_S: Final = 0.25
CALL_S: Final = 15.0
"""The longest that one call may take, from its first byte to its answer."""
_MOST_HEADERS: Final = 50

Receive = Callable[[Incoming], bytes]


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """``peers`` are the networks that may call. ``port`` 0 takes a free one."""

    host: str
    port: int
    path: str
    peers: tuple[IPv4Network | IPv6Network, ...]
    max_bytes: int


@dataclass(slots=True)
class Listener:
    """One address for one system. ``run`` is a supervised worker's loop: an address that is taken fails
    it, and it is tried again. ``ready`` is set while it listens at ``port``."""

    settings: ListenerSettings
    receive: Receive
    clock: Clock
    stopping: threading.Event
    ready: threading.Event = field(default_factory=threading.Event, init=False)
    port: int = field(default=0, init=False)

    def run(self) -> None:
        pulse.promise(pulse.STEP_S)
        with _Server(self) as server:
            self.port = server.server_address[1]
            self.ready.set()
            log.info("listening", port=self.port)
            try:
                while not self.stopping.is_set():
                    pulse.promise(pulse.STEP_S)
                    server.handle_request()
                    server.cut_overdue()
            finally:
                self.ready.clear()

    def admits(self, address: str) -> bool:
        """Whether a peer is among those that may call; one that comes as ``::ffff:10.0.0.1`` is 10.0.0.1."""
        peer = ip_address(address.partition("%")[0])
        mapped = getattr(peer, "ipv4_mapped", None) or peer
        return any(mapped.version == network.version and mapped in network for network in self.settings.peers)


class _Server(HTTPServer):
    allow_reuse_address = sys.platform != "win32"
    timeout = LOOK_EVERY_S
    request_queue_size = 32

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._free = threading.BoundedSemaphore(THREADS)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="listener")
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        if ":" in listener.settings.host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((listener.settings.host, listener.settings.port), _Call)
        except OSError:
            self._pool.shutdown()
            raise

    def server_bind(self) -> None:
        """No second listener on the same port (Windows), and no look-up of our own name."""
        if sys.platform == "win32":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        super(HTTPServer, self).server_bind()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def verify_request(self, request: Any, client_address: Any) -> bool:
        if self.listener.admits(str(client_address[0])):
            return True
        log.warning("caller not allowed", peer=str(client_address[0]))
        return False

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            log.warning("listener is busy")
            self.shutdown_request(request)
            return
        with self._lock:
            self._open[request] = self.listener.clock.monotonic() + CALL_S
        self._pool.submit(self._work, request, client_address)

    def _work(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError as error:
            log.info("call broken off", reason=type(error).__name__)
        except Exception:
            log.exception("call failed")
        finally:
            with self._lock:
                self._open.pop(request, None)
            self.shutdown_request(request)
            self._free.release()

    def cut_overdue(self, *, all_of_them: bool = False) -> None:
        now = self.listener.clock.monotonic()
        with self._lock:
            late = [request for request, until in self._open.items() if all_of_them or until <= now]
        for request in late:
            with suppress(OSError):  # it may have ended meanwhile
                request.shutdown(socket.SHUT_RDWR)

    def server_close(self) -> None:
        """Take nothing new; what is being received is cut, what is being stored ends."""
        super().server_close()
        self.cut_overdue(all_of_them=True)
        self._pool.shutdown()


class _Call(BaseHTTPRequestHandler):
    server: _Server
    timeout = CALL_S

    def do_POST(self) -> None:
        """Every refusal is plain text without details: who has to know reads the log."""
        listener = self.server.listener
        body = self._body(listener.settings)
        if body is None:
            return
        incoming = Incoming(self.path.partition("?")[0], dict(self.headers.items()), body)
        try:
            reply = listener.receive(incoming)
        except (AnswerRejected, CryptoError) as error:
            log.warning("notice not believed", code=error.code, peer=str(self.client_address[0]))
            self._answer(HTTPStatus.FORBIDDEN, b"refused")
        except AgentError as error:
            log.error("notice not heard", code=error.code)
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, b"try again")
        except Exception:
            log.exception("defect while a notice was heard")
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"failed")
        else:
            self._answer(HTTPStatus.OK, reply)

    def _body(self, settings: ListenerSettings) -> bytes | None:
        """None when it was refused."""
        length = self.headers.get("Content-Length", "")
        if self.path.partition("?")[0] != settings.path:
            self._answer(HTTPStatus.NOT_FOUND, b"not found")
        elif self.headers.get("Transfer-Encoding") or not (length.isascii() and length.isdigit()):
            self._answer(HTTPStatus.LENGTH_REQUIRED, b"length required")
        elif len(length) > 10 or int(length) > settings.max_bytes or len(self.headers) > _MOST_HEADERS:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"too large")
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                return body
        return None

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", "text/plain;charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "his-agent"

    def log_message(self, format: str, *args: Any) -> None:
        """What a caller wrote is not logged."""
