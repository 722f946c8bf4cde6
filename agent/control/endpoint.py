"""Where the daemon listens and who may talk to it: a Unix socket, or a loopback port with a token."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Protocol

from agent.control.lines import Lines


class Endpoint(Protocol):
    """A place on this machine. ``listen`` and ``connect`` may be called from different processes."""

    def listen(self) -> socket.socket:
        """A bound, listening socket. Raises ControlError (``already_running``) or ConfigurationError."""
        ...

    def admit(self, connection: socket.socket, lines: Lines) -> None:
        """Raises ControlError when whoever connected has no business here."""
        ...

    def connect(self, timeout_s: float) -> socket.socket:
        """Raises ControlError, ``not_running`` when nobody listens."""
        ...

    def greet(self, lines: Lines) -> None:
        """The client's side of ``admit``."""
        ...

    def withdraw(self) -> None:
        """Take the place away after the listening socket has been closed."""
        ...


def endpoint_at(path: Path, operators: str = "") -> Endpoint:
    """The endpoint of this operating system at ``path``; who listens there on Windows lets the local group
    ``operators`` in."""
    if sys.platform == "win32":
        from agent.control.loopback import LoopbackEndpoint

        return LoopbackEndpoint(path, operators)
    else:  # noqa: RET505 - so that type checking for Windows sees one branch only
        from agent.control.unix import UnixEndpoint

        return UnixEndpoint(path)
