"""The contract of a transport: bytes out, bytes in, and the truth about what may have left.

A transport never repeats a request, follows no redirect, judges no status and takes no proxy from
the environment. It knows one thing better than anybody else: whether a byte of a request may have
left this machine. :class:`agent.errors.NotSent` means that it provably did not (architecture, "Failure
kinds"); everything that goes wrong after the first byte was handed to the operating system is
:class:`agent.errors.MaybeSent`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.events import Request, Response

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """How one system is reached; times are seconds.

    ``connect_s`` bounds the opening of a connection (TCP and TLS, over all addresses of a name),
    ``answer_s`` the whole exchange from the first byte out to the last byte in. A connection idle
    for ``keep_idle_s`` is not used again: Apache httpd and Node.js close theirs after 5 s, and a
    request that meets such a close is in doubt. ``ca_file`` (PEM) is trusted instead of the
    operating system's and certifi's authorities. ``proxy`` is an ``http(s)://`` URL.
    """

    connect_s: float = 5.0
    answer_s: float = 30.0
    answer_bytes: int = 64 * MEBIBYTE
    keep_idle_s: float = 4.0
    verify_tls: bool = True
    ca_file: Path | None = None
    proxy: str = ""


class Transport(Protocol):
    """Safe to use from many threads; one thread has one request at a time."""

    def prepare(self, url: str) -> None:
        """Have an open connection ready for this thread's next :meth:`send` to the same server.

        Costs nothing where one is open already. Raises NotSent, or ConfigurationError for a URL,
        a CA file or a proxy that can never work.
        """
        ...

    def send(self, request: Request) -> Response:
        """Send a request once and read the answer, whatever its status.

        Header names of the response are in lower case, repeated ones joined by ``", "``; a body is
        given as it came (chunks joined, content coding untouched). Raises NotSent, MaybeSent, or
        ConfigurationError (nothing left) for a request that is not valid HTTP.
        """
        ...

    def drop(self, url: str) -> None:
        """Close the idle connections to the server of ``url``: its answers were not to be trusted."""
        ...

    def close(self) -> None:
        """Open nothing more and close what is idle; exchanges under way end by themselves."""
        ...

    def abort(self) -> None:
        """Close, and cut the exchanges under way: their threads get MaybeSent at once."""
        ...
