"""Whom the daemon tells what it is doing: systemd, the Windows service control manager, or nobody."""

from __future__ import annotations

from typing import Protocol


class ServiceManager(Protocol):
    """All calls come from the thread that runs the daemon; none may raise."""

    def ready(self) -> None:
        """Everything has started."""
        ...

    def alive(self) -> None:
        """Every worker has kept its promise (``agent.pulse``); called about twice a second."""
        ...

    def stopping(self) -> None:
        """The daemon is stopping; called again while it waits, about once a second."""
        ...


class Unmanaged:
    """Run from a terminal."""

    def ready(self) -> None:
        """Nobody waits for it."""

    def alive(self) -> None:
        """Nobody watches."""

    def stopping(self) -> None:
        """Nobody waits for it."""
