"""Invented people for all rehearsals: their identity numbers fail the checksum on purpose."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, NamedTuple

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS: Final = "10X98765432"
_FIRST_BIRTHDAY: Final = date(1960, 1, 1)
_SERIALS = 1000
_DAYS = 15000
MOST = _SERIALS * _DAYS
"""How many different people there can be."""


class Identity(NamedTuple):
    """社会保障号码 and 姓名."""

    aac002: str
    aac003: str


def invented_identity(number: int) -> Identity:
    """The ``number``-th invented person, from 0 to ``MOST - 1``; the same one every time."""
    days, serial = divmod(number, _SERIALS)
    birthday = _FIRST_BIRTHDAY + timedelta(days=days % _DAYS)
    body = f"519900{birthday:%Y%m%d}{serial:03d}"
    return Identity(body + _wrong_check_digit(body), f"演练人员{number:07d}")


def _wrong_check_digit(body: str) -> str:
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return _CHECK_DIGITS[(total + 1) % 11]
