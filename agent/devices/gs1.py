"""GS1 element strings: application identifiers (AI) and their values, as on imported medicines.

An own parser, since the one well-kept library needs 24 MB and 0.2 s to be imported, most of it for
company names, and refuses a whole code for one date or AI that it does not know; the tests hold the
two against each other. From the GS1 General Specifications it needs only which AIs have a
predefined length (figure 7.8.5-2) and how long the identifiers themselves are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from agent.devices.text import GS

GTIN: Final = "01"
LOT: Final = "10"
EXPIRY: Final = "17"
SERIAL: Final = "21"

_PREDEFINED: Final[Mapping[str, int]] = {
    **{"00": 18, "01": 14, "02": 14, "03": 14, "20": 2},
    **dict.fromkeys(("11", "12", "13", "15", "16", "17"), 6),
    **dict.fromkeys(("31", "32", "33", "34", "35", "36"), 6 + 2),
    "41": 13 + 1,
}
"""Characters after the first two digits of an AI; these elements need no separator."""

_LENGTHS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("23", "24", "25", "40", "41", "42", "71"), 3),
    **dict.fromkeys(("31", "32", "33", "34", "35", "36", "39", "43", "70", "72", "80", "81", "82"), 4),
    **dict.fromkeys(("00", "01", "02", "03", "10", "11", "12", "13", "15", "16", "17"), 2),
    **dict.fromkeys(("20", "21", "22", "30", "37", *map(str, range(90, 100))), 2),
}
"""Digits of an AI by its first two."""

_LONGEST: Final[Mapping[str, int]] = {"10": 20, "21": 20, "22": 20, "30": 8, "37": 8}
"""Of variable values that medicines carry: a longer one has lost its separator and swallowed the next."""

_DATES: Final = frozenset({"11", "12", "13", "15", "16", "17"})
_DATE: Final = re.compile(r"\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])", re.ASCII)
_CHARACTERS: Final = re.compile(r"[!\"%-?A-Z_a-z]{1,90}")
"""GS1 character set 82."""


def elements(text: str) -> dict[str, str] | None:
    """AI → value, in the order of the code; None for what is no string of elements.

    ``text`` without symbology identifier; group separators where the scanner passed them on. Without
    them a variable element takes all that follows it.
    """
    found: dict[str, str] = {}
    rest = text.strip(GS)
    if not rest:
        return None
    while rest:
        taken = _next(rest)
        if taken is None:
            return None
        identifier, value, rest = taken
        if found.setdefault(identifier, value) != value:
            return None
        rest = rest.lstrip(GS)
    return found


def has_check_digit(digits: str) -> bool:
    """Whether the last digit of a GTIN, EAN or SSCC is its check digit (weights 3 and 1 from the right)."""
    if not _digits(digits):
        return False
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return total % 10 == 0


def _next(rest: str) -> tuple[str, str, str] | None:
    """The first element, and what follows it."""
    length = _LENGTHS.get(rest[:2], 0)
    identifier = rest[:length]
    if not _digits(identifier) or len(identifier) < length:
        return None
    if (fixed := _PREDEFINED.get(rest[:2])) is not None:
        end = 2 + fixed
        value = rest[length:end]
        if len(rest) < end or not _digits(value):
            return None
        if identifier in _DATES and not _DATE.fullmatch(value):
            return None
        return identifier, value, rest[end:]
    value, _, behind = rest[length:].partition(GS)
    if not _CHARACTERS.fullmatch(value) or len(value) > _LONGEST.get(identifier, 90):
        return None
    return identifier, value, behind


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
