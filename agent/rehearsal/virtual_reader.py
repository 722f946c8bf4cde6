"""The virtual reader of vpcd, and the cards that a patient puts into it.

vpcd listens on a TCP line for the card: two bytes of length, then a command or one byte for power and
reset. What the reader shows is asked of PC/SC itself, so that a card is in, or out, when the whole stack
has seen it.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
from typing import Any, Final

from agent.errors import AgentError
from agent.rehearsal.virtual_card import Applet, profile

PORT: Final = 35963
"""Where vpcd listens for the card of its first reader."""
_LENGTH: Final = struct.Struct(">H")
_LOOK_MS: Final = 5000
_ODD: Final = 1 << 16
"""Insertions and removals each count one in the upper half of a reader's state: an empty one's is even."""


class ReaderStuck(AgentError):
    """PC/SC does not see what was put into the virtual reader, or taken out of it."""

    code = "virtual_reader"


class VirtualReader:
    """The reader ``number`` of vpcd, as a patient uses it. Raises OSError without vpcd."""

    def __init__(self, number: int = 0) -> None:
        self.name = f"Virtual PCD 00 0{number}"
        self.slot = Slot(PORT + number)

    def insert(self, applet: Applet | None, pull_at: int | None = None) -> None:
        self.slot.insert(applet, pull_at=pull_at)

    def pull(self) -> None:
        """Out, and seen to be out. Raises ReaderStuck."""
        self.slot.pull()
        self.until_empty()

    def until_present(self) -> None:
        """Raises ReaderStuck."""
        self._until(present=True)

    def until_empty(self) -> None:
        """One that pcscd calls empty because a reset failed, and has not yet looked into, would miss the
        next insertion: its count is odd. Raises ReaderStuck."""
        self._until(present=False)

    def _until(self, *, present: bool) -> None:
        from smartcard import scard

        status, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        if status:
            raise _stuck(self.name, status)
        try:
            self._watch(scard, context, present=present)
        finally:
            scard.SCardReleaseContext(context)

    def _watch(self, scard: Any, context: Any, *, present: bool) -> None:
        known = 0
        while True:
            status, states = scard.SCardGetStatusChange(context, _LOOK_MS, [(self.name, known)])
            if status:
                raise _stuck(self.name, status)
            known = states[0][1] & ~scard.SCARD_STATE_CHANGED
            if present and known & scard.SCARD_STATE_PRESENT:
                return
            if not present and not known & (scard.SCARD_STATE_PRESENT | _ODD):
                return


def _stuck(name: str, status: int) -> ReaderStuck:
    return ReaderStuck(
        f"虚拟读卡器 {name} 没有反应",
        hint="请查看 pcscd 是否在运行",
        details={"pcsc": f"{status & 0xFFFFFFFF:08X}"},
    )


class Slot:
    """The virtual reader. ``insert`` a card, ``pull`` it; ``pull_at`` takes it out at that command."""

    def __init__(self, port: int = PORT) -> None:
        self._address = ("127.0.0.1", port)
        self._line: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.commands = 0

    def insert(self, applet: Applet | None, *, pull_at: int | None = None) -> None:
        """``applet`` None is a card that is no social-security card. Raises OSError without vpcd."""
        self.pull()
        self.commands = 0
        self._line = socket.create_connection(self._address, timeout=10)
        self._line.settimeout(None)
        work = (self._line, applet, pull_at)
        self._thread = threading.Thread(target=self._serve, args=work, daemon=True)
        self._thread.start()

    def pull(self) -> None:
        """May be called again."""
        line, self._line = self._line, None
        if line is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(10)

    def _serve(self, line: socket.socket, applet: Applet | None, pull_at: int | None) -> None:
        with contextlib.suppress(OSError), line:
            while (message := _received(line)) is not None:
                answer = self._answer(message, applet)
                if pull_at is not None and len(message) > 1 and self.commands >= pull_at:
                    return
                if answer is not None:
                    line.sendall(_LENGTH.pack(len(answer)) + answer)

    def _answer(self, message: bytes, applet: Applet | None) -> bytes | None:
        if message == b"\x04":
            return applet.atr if applet is not None else profile("1.0").atr
        if len(message) == 1:
            if applet is not None:
                applet.reset()
            return None
        self.commands += 1
        return applet.answer(message) if applet is not None else b"\x6a\x82"


def _received(line: socket.socket) -> bytes | None:
    head = _exactly(line, _LENGTH.size)
    return None if head is None else _exactly(line, _LENGTH.unpack(head)[0])


def _exactly(line: socket.socket, length: int) -> bytes | None:
    data = b""
    while len(data) < length:
        _acknowledge_at_once(line)
        part = line.recv(length - len(data))
        if not part:
            return None
        data += part
    return data


def _acknowledge_at_once(line: socket.socket) -> None:
    """vpcd writes a length and then the command: without this each command takes 40 ms."""
    if sys.platform == "linux":
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
