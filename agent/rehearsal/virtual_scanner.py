"""A virtual serial scanner for the demo, the bench and the tests: one end of a pty. Not on Windows."""

from __future__ import annotations

import os
import select
import sys
import time


class VirtualScanner:
    """``path`` is the port that the agent opens. ``unplug`` hangs the line up for good."""

    def __init__(self) -> None:
        self._master, self._port, self.path = _pty()

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def pace(self, data: bytes, baud: int) -> None:
        """Send as a line of ``baud`` 8N1 brings it: ten bits a character."""
        start = time.monotonic()
        for number, byte in enumerate(data):
            ahead = start + number * 10 / baud - time.monotonic()
            if ahead > 0:
                select.select([], [], [], ahead)
            self.send(bytes([byte]))

    def heard(self, length: int, within_s: float = 10.0) -> bytes:
        """What the agent has sent to the scanner, up to ``length`` bytes."""
        data = b""
        while len(data) < length:
            ready, _, _ = select.select([self._master], [], [], within_s)
            if not ready:
                break
            data += os.read(self._master, length - len(data))
        return data

    def unplug(self) -> None:
        """May be called again."""
        for end in {self._port, self._master} - {-1}:
            os.close(end)
        self._port = self._master = -1


def _pty() -> tuple[int, int, str]:
    if sys.platform == "win32":
        raise OSError("Windows has no pseudo-terminals for serial lines")
    else:  # noqa: RET506 - what mypy knows of a platform, it knows by branches
        master, port = os.openpty()
        return master, port, os.ttyname(port)
