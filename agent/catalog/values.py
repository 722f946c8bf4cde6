"""Reads the values of a message as the documents mean them, exactly or not at all.

A HIS writes a number as ``12.5`` or ``"12.50"``, a code as ``71`` or ``"71"``, nothing as ``""``,
``null`` or not at all. JSON is parsed upstream: whole numbers are ``int``, others ``Decimal``. A
binary float has already lost digits and is refused.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from agent.events import SLOT
from agent.jsontext import JsonTextError, read_object

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
_SPREADSHEET = re.compile(r"-?\d(?:\.\d+)?[eE]\+\d+", re.ASCII)
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd\ud800-\udfff]")
GROUP_SEPARATOR: Final = "\x1d"
"""Ends an element of variable length in a GS1 code."""
_MOST_DIGITS: Final = 64
_MOST_BITS: Final = 256


class Unreadable(ValueError):
    """A value that is not what its field holds; ``rule`` is the fault rule it breaks."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def is_blank(value: Any) -> bool:
    """Whether a scalar says nothing: null or blank text."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def is_absent(value: Any) -> bool:
    """Whether a value says nothing: null, blank text, an empty list or object."""
    return is_blank(value) or (isinstance(value, (list, dict)) and not value)


def is_slot(value: Any) -> bool:
    """Whether the value stands for one that does not exist yet (``{"$slot": name}``)."""
    return isinstance(value, dict) and len(value) == 1 and SLOT in value


def as_object(value: Any) -> dict[str, Any] | None:
    """An object, also one that is written as JSON text; None for anything else."""
    if isinstance(value, dict):
        return value
    try:
        return read_object(value) if isinstance(value, str) else None
    except JsonTextError:
        return None


def read_text(value: Any, *, separators: bool = False) -> str:
    """A scalar as trimmed text. Raises Unreadable: ``type``, or ``characters`` for damaged text.

    Text that a spreadsheet has turned into ``3.6E+17`` is damaged: its digits are gone. With
    ``separators`` the GS within a trace code is none.
    """
    if isinstance(value, str):
        text = value.strip()
    elif isinstance(value, Decimal) or _is_small_int(value):
        text = str(value)
    else:
        raise Unreadable("type")
    shown = text.replace(GROUP_SEPARATOR, "") if separators else text
    if _UNFIT.search(shown) or _SPREADSHEET.fullmatch(text):
        raise Unreadable("characters")
    return text


def _is_small_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= _MOST_BITS


def read_number(value: Any) -> Decimal:
    """An exact decimal from a JSON number or a plain string. Raises Unreadable: ``number``, ``type``."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise Unreadable("type")
    if isinstance(value, str):
        value = value.strip()
        if len(value) > _MOST_DIGITS or not _NUMBER.fullmatch(value):
            raise Unreadable("number")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise Unreadable("number") from error
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise Unreadable("number")
    return number


def fits(number: Decimal, digits: int, decimals: int) -> bool:
    """Whether the value needs at most ``digits - decimals`` places before the point, ``decimals`` after."""
    _, figures, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # finite: read_number lets nothing else through
    if number.adjusted() + 1 > digits - decimals and number:
        return False
    places = -exponent
    return places <= decimals or not any(figures[decimals - places :])


def write_number(number: Decimal, decimals: int) -> str:
    """The plain form, never with an exponent: amounts have both decimals, others are as short as exact."""
    if not number:
        number = Decimal(0)
    text = f"{number:f}"
    if decimals == 2:
        whole, _, fraction = text.partition(".")
        kept = fraction.rstrip("0")
        return f"{whole}.{kept:0<2}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def comparable(value: Any) -> str:
    """A scalar as the text that conditions compare; ``""`` when absent or unreadable."""
    if is_absent(value):
        return ""
    try:
        return read_text(value)
    except Unreadable:
        return ""
