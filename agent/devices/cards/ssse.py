"""The SSSE application of a social-security card: which it is, and its fields (卡文件结构和数据项 V2.0)."""

from __future__ import annotations

import re
from typing import Final

from agent.devices.cards.apdu import FILE_ABSENT, UNSUPPORTED, Transmit, exchange, require
from agent.devices.cards.model import CardData, CardForeign, CardLocked, CardRefused, Person
from agent.devices.cards.records import ElementaryFile

NAME: Final = b"sx1.sh." + "社会保障".encode("gbk")
EF05: Final = 0xEF05
EF06: Final = 0xEF06
_OLDEST: Final = "1.0"
_DES: Final = "01"
_SSF33: Final = "02"
_ALGORITHMS: Final = frozenset({"01", "02", "03"})
_BEIJING: Final = "11"
"""Cards issued there use SSF33 where the application names no algorithm (读写机具规范 10.1)."""


def select(transmit: Transmit) -> str:
    """Select the application by its name; returns the algorithm it names, or "". Raises CardForeign."""
    answer = exchange(transmit, bytes([0x00, 0xA4, 0x04, 0x00, len(NAME)]) + NAME)
    if answer.status == FILE_ABSENT or answer.status in UNSUPPORTED:
        raise CardForeign("插入的不是社会保障卡", hint="请插入社会保障卡，注意芯片的方向")
    return algorithm_of(require(answer, "select SSSE"))


def algorithm_of(control: bytes) -> str:
    """``86 01 xx`` in the discretionary data 9F0C of the file control information; "" without it."""
    discretionary = _find(control, 0x9F0C)
    algorithm = _find(discretionary, 0x86) if discretionary else None
    return algorithm.hex() if algorithm and algorithm.hex() in _ALGORITHMS else ""


def read_card(transmit: Transmit, algorithm: str, reset_info: str) -> CardData:
    """EF05 and, where the card lets it be read, EF06. The application is selected. Raises CardError."""
    file = ElementaryFile(transmit, EF05)
    card_id = _compressed(file.read(0x01, 16))
    if not re.fullmatch(r"[0-9A-F]{32}", card_id):
        raise CardRefused("卡上没有卡识别码", hint="请换读卡器再试，或联系发卡机构")
    return CardData(
        card_id=card_id,
        card_number=_text(file.read(0x07, 9))[:9],
        reset_info=reset_info,
        version=version_of(file.read(0x03, 4)),
        algorithm=algorithm or (_SSF33 if card_id.startswith(_BEIJING) else _DES),
        category=_text(file.read(0x02, 1)),
        issuer=_digits(file.read(0x04, 12)),
        issued_on=_digits(file.read(0x05, 4)),
        valid_until=_digits(file.read(0x06, 4)),
        person=read_person(transmit),
    )


def read_person(transmit: Transmit) -> Person | None:
    """EF06; None where the card asks for an authentication first, or does not say whose it is."""
    try:
        file = ElementaryFile(transmit, EF06)
        number = file.read(0x08, 18)
        if number is None:
            return None
        names = (file.read(0x09, 30), file.read(0x4E, 20))
        return Person(
            social_number=_text(number),
            name=_name(*names),
            sex=_text(file.read(0x0A, 1)),
            ethnicity=_digits(file.read(0x0B, 1)),
            birthplace=_digits(file.read(0x0C, 3)),
            birth_date=_digits(file.read(0x0D, 4)),
        )
    except CardLocked:
        return None


def version_of(raw: bytes | None) -> str:
    """``1.0``, ``2.0`` or ``3.0`` of ``1.00`` …; only three characters count, none is 1.0."""
    return _text(raw)[:3] or _OLDEST


def _find(data: bytes, wanted: int) -> bytes | None:
    """The value of a BER tag, searched within constructed ones. None without it, or in what is no BER."""
    place = 0
    while place + 2 <= len(data):
        tag, place = data[place], place + 1
        constructed = bool(tag & 0x20)
        if tag & 0x1F == 0x1F:
            tag, place = tag << 8 | data[place], place + 1
        if place >= len(data):
            return None
        length, place = data[place], place + 1
        value, place = data[place : place + length], place + length
        if tag == wanted:
            return value
        if constructed and (found := _find(value, wanted)) is not None:
            return found
    return None


def _name(first: bytes | None, further: bytes | None) -> str:
    """A name may be cut within a character where its second record begins, so bytes are joined first."""
    raw = (first or b"").rstrip(b"\x00 ") + (further or b"").rstrip(b"\x00 ")
    try:
        return raw.decode("gb18030").strip()
    except UnicodeDecodeError:
        raise CardRefused("卡上的姓名无法识别", hint="请核对后手工录入，或联系发卡机构") from None


def _text(raw: bytes | None) -> str:
    """an: letters and digits, filled with 00 or blanks on the right."""
    return (raw or b"").rstrip(b"\x00 \xff").decode("gb18030", errors="replace").strip()


def _compressed(raw: bytes | None) -> str:
    """cn in full: two digits a byte; the F that fill it are part of a card's identification."""
    return (raw or b"").hex().upper()


def _digits(raw: bytes | None) -> str:
    """cn: filled with F on the right."""
    return _compressed(raw).rstrip("F")
