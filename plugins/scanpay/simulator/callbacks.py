"""Results sent to the ``backurl`` of an order. The document describes no message for it (S16): here it is
the pairs of an answer to ST009, with ``transtype`` and ``orderid`` beside it, signed by the platform.
"""

from __future__ import annotations

import http.client
import queue
import threading
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from agent.clock import Clock
from agent.logs import get_logger

log = get_logger("plugins.scanpay.simulator")

TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Callback:
    """One result for one address."""

    url: str
    body: bytes = field(repr=False)
    times: int = 1


class Callbacks:
    """Sends on a thread of its own, after ``delay_s``; what cannot be delivered is dropped, as the agent
    must live with a platform that does so. ``sent`` counts what was answered with 200."""

    def __init__(self, clock: Clock, delay_s: float = 0.0) -> None:
        self._clock = clock
        self._stopping = threading.Event()
        self._delay_s = delay_s
        self._queue: queue.SimpleQueue[Callback | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.sent = 0

    def put(self, callback: Callback) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="rehearsal-callbacks", daemon=True)
            self._thread.start()
        self._queue.put(callback)

    def stop(self) -> None:
        """Send what is left at once, then end."""
        self._stopping.set()
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(TIMEOUT_S)

    def _run(self) -> None:
        while (callback := self._queue.get()) is not None:
            if self._delay_s:
                self._clock.wait(self._stopping, self._delay_s)
            for _ in range(callback.times):
                self._send(callback)

    def _send(self, callback: Callback) -> None:
        parts = urlsplit(callback.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
        try:
            connection.request("POST", parts.path or "/", callback.body, headers)
            self.sent += connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException) as error:
            log.info("callback not delivered", reason=type(error).__name__)
        finally:
            connection.close()
