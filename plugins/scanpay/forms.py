"""key=value pairs on the wire, both ways (document, 1.1): strict in what is sent, tolerant in what is read.

The samples wrap a message in braces, put blanks around ``&`` and ``=`` and do not URL-encode (anomalies
S08), write some names in other letters (S01–S03) and two names twice, code and text (S04, S05). Names are
kept as received, since a signature covers them; :class:`Received` finds them under the table's spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote_plus

from agent.protocol.matching import answer_refused

CONTENT_TYPE: Final = "application/x-www-form-urlencoded;charset=UTF-8"
MOST_BYTES: Final = 24 * 1024 * 1024
"""Of one answer: a reconciliation file of a year is far below it."""
_MOST_PAIRS: Final = 200

_START = re.compile(r"(?:^|&)\s*([A-Za-z][A-Za-z0-9_]{0,63})\s*=")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_UNENCODED = re.compile(r"[\s<>]")
_BASE64_NAMES: Final = ("signature", "encryptkey", "encrpteddata", "encrypteddata")
"""Endings of names whose value is Base64: a plus sign in it is no blank, encoded or not."""

_SPELLINGS: Final[Mapping[str, str]] = {
    "resrcode": "respcode",
    "pltfmsignature": "pltfirmsignature",
    "pltfrmsignature": "pltfirmsignature",
    "infosysysignature": "infosyssignature",
    "encrypteddata": "encrpteddata",
}
_SECOND: Final[Mapping[str, str]] = {"respcode": "respmsg", "aprcode": "aprtmsg"}
"""What the second of two equal names is (S04, S05)."""


def write_form(pairs: Mapping[str, str]) -> bytes:
    """The pairs in their order, URL-encoded UTF-8."""
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs.items()).encode("ascii")


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came. ``pairs`` have the names as received, in their order; :meth:`value` takes the
    table's."""

    pairs: tuple[tuple[str, str], ...] = field(repr=False)
    _values: Mapping[str, str] = field(repr=False)

    def value(self, name: str) -> str:
        return self._values.get(name, "")

    def names(self) -> tuple[str, ...]:
        """The names that are there, in the table's spelling."""
        return tuple(self._values)


def read_form(body: bytes) -> Received:
    """Raises AnswerRejected for what is no message of pairs, or says one thing twice."""
    if len(body) > MOST_BYTES:
        raise answer_refused("平台返回内容过大", "too large")
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise answer_refused("平台返回内容不是 UTF-8", "not utf-8") from None
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    return received(tuple(_pairs(text)))


def received(pairs: tuple[tuple[str, str], ...]) -> Received:
    """Pairs under the table's spelling. Raises AnswerRejected for a name that comes too often."""
    values: dict[str, str] = {}
    for name, value in pairs:
        code = _SPELLINGS.get(name.lower(), name.lower())
        if code in values and _SECOND.get(code, "") not in ("", *values):
            code = _SECOND[code]
        if code in values:
            raise answer_refused("平台返回内容中有重复的元素", f"{code} twice" if code.isascii() else "twice")
        values[code] = value.strip()
    return Received(pairs, values)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """``&`` parts pairs only before a name and ``=``: XML that is not URL-encoded holds ``&amp;``."""
    starts = list(_START.finditer(text))
    if not starts or text[: starts[0].start()].strip() or len(starts) > _MOST_PAIRS:
        raise answer_refused("平台返回内容不是 key=value 格式", "no pairs")
    ends = [*(start.start() for start in starts[1:]), len(text)]
    written = [text[start.end() : end].strip() for start, end in zip(starts, ends, strict=True)]
    whole = _is_encoded(written)
    for start, value in zip(starts, written, strict=True):
        yield start[1], _value(start[1].lower(), value, whole)


def _value(name: str, written: str, whole: bool) -> str:
    """``whole``: all values of the message are URL-encoded, also those without an escape."""
    if name.endswith(_BASE64_NAMES):
        return unquote_plus(written).replace(" ", "+")
    if not whole and not _is_encoded([written]):
        return written
    try:
        return unquote_plus(written, errors="strict")
    except UnicodeDecodeError:
        raise answer_refused("平台返回内容的编码不是 UTF-8", "escapes not utf-8") from None


def _is_encoded(written: Sequence[str]) -> bool:
    """What has blanks, angle brackets or letters beyond ASCII was not URL-encoded; what was has an escape
    somewhere, and then a plus sign is a blank."""
    if any(not value.isascii() or _UNENCODED.search(value) for value in written):
        return False
    return any(_ESCAPE.search(value) for value in written)
