"""The daemon's side of the control endpoint. It knows no verb's meaning: handlers do.

Request ``{"verb": …, "args": {…}}``; answer ``{"ok": true, "data": {…}}`` or
``{"ok": false, "error": {"code": …, "message": …, "hint": …}}``. Several requests may follow each
other on one connection.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from agent.clock import Clock, SystemClock
from agent.control.endpoint import Endpoint
from agent.control.lines import MAX_REQUEST, Closed, Lines
from agent.control.verbs import complete
from agent.errors import AgentError, ControlError
from agent.events import JsonObject
from agent.logs import get_logger

Handler: TypeAlias = Callable[[JsonObject], JsonObject]

_MOST_CONNECTIONS: Final = 8
_PATIENCE_S: Final = 10.0
_log = get_logger(__name__)


class ControlServer:
    """Serves ``handlers`` at ``endpoint`` with threads of its own, between ``start`` and ``stop``."""

    def __init__(
        self, endpoint: Endpoint, handlers: Mapping[str, Handler], *, clock: Clock | None = None
    ) -> None:
        self._endpoint = endpoint
        self._handlers = handlers
        self._clock = clock or SystemClock()
        self._free = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._guard = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._stopping = threading.Event()
        self._wake: socket.socket | None = None
        self._thread = threading.Thread()

    def start(self) -> None:
        """Listen. Raises ControlError when another daemon does, ConfigurationError when it cannot."""
        listener = self._endpoint.listen()
        listener.setblocking(False)
        self._wake, woken = socket.socketpair()
        self._thread = threading.Thread(
            target=self._accept, args=(listener, woken), name="control", daemon=True
        )
        self._thread.start()

    @property
    def serving(self) -> bool:
        """Whether requests are taken."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Take no more requests; those under way may end within ``timeout_s``, answers included."""
        if self._wake is None or self._stopping.is_set():
            return
        self._stopping.set()
        self._wake.close()
        self._thread.join()
        with self._guard:
            conversations = dict(self._open)
        for connection in conversations:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        deadline = self._clock.monotonic() + timeout_s
        for thread in conversations.values():
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - self._clock.monotonic()))

    def _accept(self, listener: socket.socket, woken: socket.socket) -> None:
        with listener, woken, selectors.DefaultSelector() as ready:
            ready.register(listener, selectors.EVENT_READ)
            ready.register(woken, selectors.EVENT_READ)
            while not self._stopping.is_set():
                ready.select()
                self._take_one(listener)
        self._endpoint.withdraw()

    def _take_one(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # a client that went away again, or the wake-up of stop
        connection.setblocking(True)
        if not self._free.acquire(blocking=False):
            connection.close()
            _log.warning("control connections exhausted", limit=_MOST_CONNECTIONS)
            return
        thread = threading.Thread(target=self._converse, args=(connection,), name="control-talk", daemon=True)
        with self._guard:
            self._open[connection] = thread
        thread.start()

    def _converse(self, connection: socket.socket) -> None:
        lines = Lines(connection, self._clock, largest=MAX_REQUEST, timeout_s=_PATIENCE_S)
        try:
            with connection:
                self._endpoint.admit(connection, lines)
                while not self._stopping.is_set():
                    lines.write(self._answer(lines.read()))
        except Closed:
            pass
        except ControlError as error:
            _log.warning("control connection ended", reason=error.details.get("code"))
        finally:
            with self._guard:
                del self._open[connection]
            self._free.release()

    def _answer(self, request: JsonObject) -> JsonObject:
        verb = request.get("verb")
        try:
            return {"ok": True, "data": self._handle(verb, request.get("args", {}))}
        except AgentError as error:
            code = str(error.details.get("code", error.code))
            return _failure(code, error.message, error.hint)
        except Exception:  # noqa: BLE001 - the daemon outlives any bug of a handler
            _log.exception("control handler failed", verb=verb if isinstance(verb, str) else None)
            return _failure("internal", "代理程序内部出错", "请查看日志并联系维护人员")

    def _handle(self, verb: object, arguments: object) -> JsonObject:
        if not isinstance(verb, str) or not isinstance(arguments, dict):
            raise ControlError("控制端口的请求缺少 verb 或 args", details={"code": "bad_request"})
        completed = complete(verb, arguments)
        handler = self._handlers.get(verb)
        if handler is None:
            raise ControlError(f"代理程序现在不提供命令 {verb}", details={"code": "unavailable"})
        return handler(completed)


def _failure(code: str, message: str, hint: str) -> JsonObject:
    return {"ok": False, "error": {"code": code, "message": message, "hint": hint}}
