"""The lanes' transport: kept connections, one write per request, one attempt per request."""

from __future__ import annotations

import threading

from agent import courtesy
from agent.clock import Clock
from agent.events import Request, Response
from agent.faults import crash_point
from agent.transport.base import TransportSettings
from agent.transport.dial import Dialer
from agent.transport.failures import maybe_sent, not_sent
from agent.transport.pool import Connection, Pool
from agent.transport.target import Origin, parse
from agent.transport.wire import EXCHANGE_FAILURES, Deadline, compose, receive, transmit


class HttpTransport:
    """A :class:`agent.transport.base.Transport`, to the server itself or through an HTTP proxy.

    Raises ConfigurationError for a proxy that can never work.
    """

    def __init__(self, settings: TransportSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._dialer = Dialer(settings, clock)
        self._pool = Pool(settings.keep_idle_s, clock)
        self._prepared = threading.local()

    def prepare(self, url: str) -> None:
        origin, _ = parse(url)
        connection = self._connection(origin)
        self._pool.set_aside(connection)
        self._prepared.connection = connection

    def send(self, request: Request) -> Response:
        origin, target = parse(request.url)
        message = self._compose(request, origin, target)
        connection = self._connection(origin)
        try:
            response, reusable = self._exchange(connection, request, message)
        except BaseException:
            self._pool.discard(connection)
            raise
        if reusable:
            self._pool.give_back(connection)
        else:
            self._pool.discard(connection)
        return response

    def drop(self, url: str) -> None:
        origin, _ = parse(url)
        self._pool.drop(origin)

    def close(self) -> None:
        self._pool.close()

    def abort(self) -> None:
        self._pool.abort()

    def _connection(self, origin: Origin) -> Connection:
        """This thread's prepared connection, an idle one or a new one. Raises NotSent."""
        prepared: Connection | None = getattr(self._prepared, "connection", None)
        self._prepared.connection = None
        if prepared is not None and self._pool.take_up(prepared):
            if prepared.origin == origin and self._pool.usable(prepared):
                return prepared
            self._pool.discard(prepared)
        if self._pool.closed:
            raise not_sent("stopped", origin, "open")
        return self._pool.take(origin) or self._pool.adopt(origin, self._dialer.dial(origin))

    def _compose(self, request: Request, origin: Origin, target: str) -> bytes:
        proxy = self._dialer.proxy
        if proxy is None or origin.scheme == "https":
            return compose(request, origin, target)
        return compose(request, origin, f"http://{origin.authority()}{target}", proxy.headers)

    def _exchange(self, connection: Connection, request: Request, message: bytes) -> tuple[Response, bool]:
        deadline = Deadline(self._clock, min(request.answer_s, self._settings.answer_s))
        crash_point("transport.before_send")
        stage = "send"
        try:
            transmit(connection.socket, message, deadline)
            courtesy.passed()
            crash_point("transport.after_send")
            stage = "answer"
            answer = receive(connection.socket, request.method, deadline, self._settings.answer_bytes)
        except EXCHANGE_FAILURES as error:
            raise maybe_sent("stopped" if connection.cut else error, connection.origin, stage) from error
        crash_point("transport.after_answer")
        return answer
