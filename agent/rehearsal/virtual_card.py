"""A virtual social-security card for the demo and the tests, of each version and with each habit.

The applet answers commands as the specification says; a :class:`Slot` puts it into the virtual reader
of vpcd (a TCP line: two bytes of length, then a command or one byte for power and reset). It shares
no code with the agent's reader. The algorithm of the internal keys is known to the issuers' security
modules only; here it is a hash, the same one in :func:`prove`, which plays the platform's module.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

PORT: Final = 35963
"""Where vpcd listens for the card of its first reader."""

_NAME: Final = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
_ATR: Final = bytes.fromhex("3B6D000000814A444686605199000001AC")
_LENGTH: Final = struct.Struct(">H")
_OK: Final = b"\x90\x00"


class Naming(StrEnum):
    """How a card lets its records be named."""

    TAG = "tag"
    SHORT = "short"
    NUMBER = "number"


@dataclass(frozen=True)
class Profile:
    """What is on the card: records of EF05 and EF06 by tag, in their order."""

    version: str
    basic: Mapping[int, bytes] = field(repr=False)
    person: Mapping[int, bytes] = field(repr=False)
    algorithm: bytes = b""
    """As in the file control information; empty where the card names none."""
    locked: bool = False
    """EF06 needs an external authentication."""
    naming: Naming = Naming.TAG
    t0: bool = True
    """Answers longer than none are fetched by GET RESPONSE after a command with data."""
    key: bytes = field(default=b"virtual card", repr=False)


def profile(
    version: str, *, name: str = "测试姓名", naming: Naming = Naming.TAG, key: bytes = b"virtual card"
) -> Profile:
    """A card of ``version`` (1.0, 2.0, 3.0) of an invented person."""
    encoded = name.encode("gb18030")
    basic = {
        0x01: bytes.fromhex("519900D15600000510000B26FFFFFFFF"),
        0x02: b"1",
        0x03: b"" if version == "1.0" else f"{version}0".encode("ascii"),
        0x04: bytes.fromhex("519900FFFFFFFFFFFFFFFFFF"),
        0x05: bytes.fromhex("20200101"),
        0x06: bytes.fromhex("20300101"),
        0x07: b"A12345678",
    }
    person = {0x08: b"110101190001010010", 0x09: encoded[:30].ljust(30, b"\x00")}
    if version != "1.0":
        person[0x4E] = encoded[30:].ljust(20, b"\x00")
    person |= {
        0x0A: b"1",
        0x0B: bytes.fromhex("01"),
        0x0C: bytes.fromhex("110101"),
        0x0D: bytes.fromhex("19000101"),
    }
    algorithm = {"1.0": b"", "2.0": b"\x01", "3.0": b"\x03"}[version]
    return Profile(version, basic, person, algorithm, version == "3.0", naming, key=key)


def prove(factor: bytes, original: bytes, key: bytes = b"virtual card") -> bytes:
    """鉴别数据: what a key makes of 过程因子 and 原始信息, on the card and in the platform's module."""
    return hashlib.sha256(key + factor + original).digest()[:8]


def platform_proof(factor: str, original: str, key: bytes = b"virtual card") -> str:
    """鉴别数据 + 原始信息 as the platform answers them, hex; empty for an empty challenge."""
    if not factor:
        return ""
    return prove(bytes.fromhex(factor), bytes.fromhex(original), key).hex().upper() + original


class Applet:
    """The card's side of every command. Power and reset forget what was selected and proven."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._commands: dict[int, Callable[[bytes], bytes]] = {
            0xA4: self._select,
            0xB2: self._read,
            0x84: self._random,
            0x88: self._internal,
            0x82: self._external,
            0xC0: self._more,
        }
        self.reset()

    def reset(self) -> None:
        self._selected = False
        self._file: Mapping[int, bytes] | None = None
        self._waiting = b""
        self._randoms: list[bytes] = []
        self._authenticated = False

    def answer(self, command: bytes) -> bytes:
        act = self._commands.get(command[1]) if len(command) >= 4 else None
        return act(command) if act else b"\x6d\x00"

    def _select(self, command: bytes) -> bytes:
        data = command[5 : 5 + command[4]] if len(command) > 5 else b""
        if command[2] == 0x04:
            return self._select_application(data)
        if not self._selected:
            return b"\x69\x86"
        files = {b"\xef\x05": self._profile.basic, b"\xef\x06": self._profile.person}
        if data not in files:
            return b"\x6a\x82"
        if self._profile.naming is Naming.SHORT:
            return b"\x6a\x81"
        self._file = files[data]
        return _OK

    def _select_application(self, name: bytes) -> bytes:
        if name != _NAME:
            return b"\x6a\x82"
        self._selected = True
        template = b"\x86\x01" + self._profile.algorithm if self._profile.algorithm else b""
        discretionary = b"\x9f\x0c" + bytes([len(template)]) + template if template else b""
        proprietary = b"\x88\x01\x1e" + discretionary
        content = b"\x84" + bytes([len(_NAME)]) + _NAME + b"\xa5" + bytes([len(proprietary)]) + proprietary
        return self._give(b"\x6f" + bytes([len(content)]) + content)

    def _read(self, command: bytes) -> bytes:
        records = self._records(command[3])
        if records is None:
            return b"\x6a\x86" if self._selected else b"\x69\x86"
        if self._profile.locked and records is self._profile.person and not self._authenticated:
            return b"\x69\x82"
        tag = command[2]
        if command[3] & 0x07:
            tags = list(records)
            tag = tags[tag - 1] if 0 < tag <= len(tags) else 0
        if tag not in records:
            return b"\x6a\x83"
        record = bytes([tag, len(records[tag])]) + records[tag]
        wanted = command[4] if len(command) > 4 else 0
        return record + _OK if wanted == len(record) else bytes([0x6C, len(record)])

    def _records(self, place: int) -> Mapping[int, bytes] | None:
        """The file that P2 means, None for a way of naming that this card has not."""
        naming = self._profile.naming
        if not self._selected:
            return None
        if place & 0xF8:
            files = {0x28: self._profile.basic, 0x30: self._profile.person}
            return files.get(place & 0xF8) if naming is Naming.SHORT and not place & 0x07 else None
        by_number = place & 0x07 == 0x04
        return self._file if naming is (Naming.NUMBER if by_number else Naming.TAG) else None

    def _random(self, _command: bytes) -> bytes:
        self._randoms = [*self._randoms, secrets.token_bytes(8)][-2:]
        return self._randoms[-1] + _OK

    def _internal(self, command: bytes) -> bytes:
        return self._give(prove(command[5:13], command[13:21], self._profile.key))

    def _external(self, command: bytes) -> bytes:
        proof, original = command[5:13], command[13:21]
        if len(self._randoms) < 2 or original != self._randoms[0]:
            return b"\x69\x85"
        if proof != prove(self._randoms[1], original, self._profile.key):
            return b"\x63\xc2"
        self._authenticated = True
        return _OK

    def _give(self, data: bytes) -> bytes:
        if not self._profile.t0:
            return data + _OK
        self._waiting = data
        return bytes([0x61, len(data)])

    def _more(self, command: bytes) -> bytes:
        data, self._waiting = self._waiting, b""
        if not data:
            return b"\x69\x85"
        if len(command) < 5 or command[4] != len(data):
            self._waiting = data
            return bytes([0x6C, len(data)])
        return data + _OK


class Slot:
    """The virtual reader. ``insert`` a card, ``pull`` it; ``pull_at`` takes it out at that command."""

    def __init__(self, port: int = PORT) -> None:
        self._address = ("127.0.0.1", port)
        self._line: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.commands = 0

    def insert(self, applet: Applet | None, *, atr: bytes = _ATR, pull_at: int | None = None) -> None:
        """``applet`` None is a card that is no social-security card. Raises OSError without vpcd."""
        self.pull()
        self.commands = 0
        self._line = socket.create_connection(self._address, timeout=10)
        self._line.settimeout(None)
        work = (self._line, applet, atr, pull_at)
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

    def _serve(self, line: socket.socket, applet: Applet | None, atr: bytes, pull_at: int | None) -> None:
        with contextlib.suppress(OSError), line:
            while (message := _received(line)) is not None:
                answer = self._answer(message, applet, atr)
                if pull_at is not None and len(message) > 1 and self.commands >= pull_at:
                    return
                if answer is not None:
                    line.sendall(_LENGTH.pack(len(answer)) + answer)

    def _answer(self, message: bytes, applet: Applet | None, atr: bytes) -> bytes | None:
        if message == b"\x04":
            return atr
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
