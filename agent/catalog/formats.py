"""The formats a catalog may demand of a text: dates, digits, regions, files.

A check takes the trimmed text and answers the fault rule it breaks, or None. ``date:`` patterns
are made of YYYY MM DD HH MI SS and literal characters.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

Check = Callable[[str], str | None]

_PARTS: Final = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH": "%H", "MI": "%M", "SS": "%S"}
_PART = re.compile("|".join(_PARTS))
_DIGITS = re.compile(r"\d+", re.ASCII)
_TRACE = re.compile(r"[\x21-\x7e\x1d]+")
_REGION = re.compile(r"[1-8]\d{5}", re.ASCII)


def known_format(name: str) -> bool:
    """Whether ``format_check`` knows ``name``."""
    base, _, detail = name.partition(":")
    if base == "date":
        return "YYYY" in detail
    return base in _PLAIN if not detail else base == "extension"


def format_check(name: str) -> Check:
    """The check for a format that ``known_format`` knows."""
    base, _, detail = name.partition(":")
    if base == "date":
        return _date_check(detail)
    if base == "extension":
        return _extension_check(tuple("." + ending.lower() for ending in detail.split(",")))
    return _PLAIN[base]


def base64_bytes(text: str) -> int:
    """How many bytes a padded Base64 text decodes to."""
    return len(text) * 3 // 4 - text[-2:].count("=")


def _date_check(pattern: str) -> Check:
    directives = _PART.sub(lambda part: _PARTS[part[0]], pattern)
    only_digits = not _PART.sub("", pattern)

    @lru_cache(maxsize=1024)
    def check(text: str) -> str | None:
        if only_digits and not _DIGITS.fullmatch(text):
            return "number"
        if len(text) != len(pattern) or not text.isascii():
            return "format"
        try:
            datetime.strptime(text, directives)  # noqa: DTZ007 a calendar day has no zone
        except ValueError:
            return "format"
        return None

    return check


def _check_digits(text: str) -> str | None:
    return None if _DIGITS.fullmatch(text) else "number"


def _check_region(text: str) -> str | None:
    return None if _REGION.fullmatch(text) else "format"


def _check_base64(text: str) -> str | None:
    try:
        binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        return "format"
    return None


def _check_trace_code(text: str) -> str | None:
    return None if _TRACE.fullmatch(text) else "format"


_PLAIN: Final[Mapping[str, Check]] = {
    "digits": _check_digits,
    "region": _check_region,
    "base64": _check_base64,
    "tracecode": _check_trace_code,
}


def _extension_check(endings: tuple[str, ...]) -> Check:
    def check(text: str) -> str | None:
        stem_ends = text.lower().endswith(endings) and not text.startswith(".")
        return None if stem_ends else "format"

    return check
