"""A virtual social-security card for the demo and the tests, of each version and with each habit.

The applet answers commands as the specification says; ``virtual_reader`` puts it into a reader. It shares
no code with the agent's. The algorithm of the internal keys is known to the issuers' security
modules only; here it is a hash, which the ministry's rehearsal server makes in the same way: so its cards
and its answers of GYD055 judge each other. :func:`prove` plays the platform's module.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_NAME: Final = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
_INTERFACE: Final = bytes.fromhex("0000")
_OK: Final = b"\x90\x00"


class Naming(StrEnum):
    """How a card lets its records be named."""

    TAG = "tag"
    SHORT = "short"
    NUMBER = "number"


@dataclass(frozen=True)
class Holder:
    """Whose card it is, and which: ``card_id`` has 32, ``reset`` 26 hex digits."""

    card_id: str
    card_number: str
    reset: str
    social_number: str = field(repr=False)
    name: str = field(repr=False)


SAMPLE: Final = Holder(
    card_id="519900D15600000510000B26FFFFFFFF",
    card_number="A12345678",
    reset="00814A444686605199000001AC",
    social_number="110101190001010010",
    name="测试姓名",
)


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
    reset: str = SAMPLE.reset
    """卡复位信息: the historical bytes of its answer to reset, as hex."""
    key: bytes = field(default=b"", repr=False)
    """What only a forged card has."""

    @property
    def atr(self) -> bytes:
        history = bytes.fromhex(self.reset)
        return bytes([0x3B, 0x60 | len(history)]) + _INTERFACE + history

    def prove(self, factor: bytes, original: bytes) -> bytes:
        algorithm = (self.algorithm or b"\x01").hex()
        card_id = self.basic[0x01].hex().upper()
        return prove(
            card_id, self.reset, algorithm, factor.hex().upper(), original.hex().upper(), key=self.key
        )


def profile(
    version: str, holder: Holder = SAMPLE, *, naming: Naming = Naming.TAG, key: bytes = b""
) -> Profile:
    """A card of ``version`` (1.0, 2.0, 3.0) of an invented person."""
    encoded = holder.name.encode("gb18030")
    basic = {
        0x01: bytes.fromhex(holder.card_id),
        0x02: b"1",
        0x03: b"" if version == "1.0" else f"{version}0".encode("ascii"),
        0x04: bytes.fromhex("519900FFFFFFFFFFFFFFFFFF"),
        0x05: bytes.fromhex("20200101"),
        0x06: bytes.fromhex("20300101"),
        0x07: holder.card_number.encode("ascii"),
    }
    person = {0x08: holder.social_number.encode("ascii"), 0x09: encoded[:30].ljust(30, b"\x00")}
    if version != "1.0":
        person[0x4E] = encoded[30:].ljust(20, b"\x00")
    person |= {
        0x0A: b"1",
        0x0B: bytes.fromhex("01"),
        0x0C: bytes.fromhex("110101"),
        0x0D: bytes.fromhex("19000101"),
    }
    algorithm = {"1.0": b"", "2.0": b"\x01", "3.0": b"\x03"}[version]
    return Profile(version, basic, person, algorithm, version == "3.0", naming, reset=holder.reset, key=key)


def prove(card_id: str, reset: str, algorithm: str, factor: str, original: str, *, key: bytes = b"") -> bytes:
    """鉴别数据: what a key makes of 过程因子 and 原始信息, on the card and in the platform's module. The
    values as GYD055 carries them: hex digits."""
    asked = "|".join((card_id, reset, algorithm, factor, original))
    return hashlib.sha256(asked.encode("ascii") + key).digest()[:8]


def platform_proof(card: Mapping[str, str], factor: str, original: str) -> str:
    """鉴别数据 + 原始信息 as the platform answers them, hex; empty for an empty challenge. ``card``: what was
    read of it."""
    if not factor:
        return ""
    proof = prove(card["card_id"], card["reset_info"], card["algorithm"], factor, original)
    return proof.hex().upper() + original


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

    @property
    def atr(self) -> bytes:
        return self._profile.atr

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
        return self._give(self._profile.prove(command[5:13], command[13:21]))

    def _external(self, command: bytes) -> bytes:
        proof, original = command[5:13], command[13:21]
        if len(self._randoms) < 2 or original != self._randoms[0]:
            return b"\x69\x85"
        if proof != self._profile.prove(self._randoms[1], original):
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
