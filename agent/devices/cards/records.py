"""Records of an elementary file, addressed by their tag (社会保障卡规范 part 5, 6.10 READ RECORD).

Cards differ in how a record is named: by its tag in the current file (P2 00), by its tag and the
file's short identifier (P2 28, 30), or only by its number (P2 04). Numbers move between versions of
the specification, so the tag in the answer decides which record it is, never the number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from agent.devices.cards.apdu import (
    FILE_ABSENT,
    RECORD_ABSENT,
    UNSUPPORTED,
    Transmit,
    exchange,
    require,
)
from agent.devices.cards.model import CardRefused

_BY_NUMBER: Final = 0x04
_MOST_RECORDS: Final = 32
_NOT_THERE: Final = UNSUPPORTED | {RECORD_ABSENT, FILE_ABSENT}
_Way: TypeAlias = Callable[[int, int], bytes | None]


class ElementaryFile:
    """One file of the selected application; ``identifier`` is 0xEF05 or 0xEF06."""

    def __init__(self, transmit: Transmit, identifier: int) -> None:
        self._transmit = transmit
        self._identifier = identifier
        self._by_number: dict[int, bytes] | None = None
        self._selected = self._select()
        self._ways: tuple[_Way, ...] = (self._in_current, self._by_short_identifier, self._numbered)

    def read(self, tag: int, length: int) -> bytes | None:
        """The value, None where the card has no such record. Raises CardLocked or CardRefused."""
        for way in self._ways:
            value = way(tag, length)
            if value is not None:
                self._ways = (way,)  # the card answers to it, so what it has not is not there
                return value
        return None

    def _select(self) -> bool:
        answer = exchange(self._transmit, bytes([0x00, 0xA4, 0x02, 0x00, 0x02]) + self._name())
        if answer.status in UNSUPPORTED:
            answer = exchange(self._transmit, bytes([0x00, 0xA4, 0x00, 0x00, 0x02]) + self._name())
        if answer.status in _NOT_THERE:
            return False
        require(answer, f"select {self._identifier:04X}")
        return True

    def _name(self) -> bytes:
        return self._identifier.to_bytes(2, "big")

    def _in_current(self, tag: int, length: int) -> bytes | None:
        return self._by_tag(tag, 0x00, length) if self._selected else None

    def _by_short_identifier(self, tag: int, length: int) -> bytes | None:
        return self._by_tag(tag, self._short(), length)

    def _by_tag(self, tag: int, place: int, length: int) -> bytes | None:
        answer = exchange(self._transmit, bytes([0x00, 0xB2, tag, place, length + 2]))
        if answer.status in _NOT_THERE:
            return None
        return _value(require(answer, f"read {self._identifier:04X} {tag:02X}"), tag)

    def _numbered(self, tag: int, _length: int) -> bytes | None:
        return self._walk().get(tag)

    def _short(self) -> int:
        return (self._identifier & 0x1F) << 3

    def _walk(self) -> dict[int, bytes]:
        """All records by the tags in their answers, read once by number."""
        if self._by_number is None:
            found: dict[int, bytes] = {}
            for number in range(1, _MOST_RECORDS + 1):
                place = _BY_NUMBER if self._selected else _BY_NUMBER | self._short()
                answer = exchange(self._transmit, bytes([0x00, 0xB2, number, place, 0x00]))
                if answer.status in _NOT_THERE:
                    break
                record = require(answer, f"walk {self._identifier:04X}")
                if record and (value := _value(record, record[0])) is not None:
                    found.setdefault(record[0], value)
            self._by_number = found
        return self._by_number


def _value(record: bytes, tag: int) -> bytes | None:
    """The value of ``tag, length, value``; None for a record of another tag."""
    if len(record) < 2 or len(record) < 2 + record[1]:
        raise CardRefused("卡上的记录不完整", hint="请重新插卡", details={"tag": f"{tag:02X}"})
    return record[2 : 2 + record[1]] if record[0] == tag else None
