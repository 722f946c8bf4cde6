"""Takes personal data and key material out of what is about to be logged.

Values go by their field's code, wherever it stands, in texts too (JSON, a form, XML, Python's own spelling of
a dict); everything else is searched for what cannot be told apart by a name: identity numbers, card and
telephone numbers, keys, passwords in addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

MASK: Final = "***"
_DEEPEST: Final = 12

_ALWAYS: Final = frozenset(
    {
        "authorization",
        "body",
        "content",
        "data",
        "id_number",
        "key_material",
        "locals",
        "password",
        "payload",
        "phone",
        "private_key",
        "secret",
        "symmetric_key",
        "token",
    }
)
_TECHNICAL: Final = frozenset({"wire_id", "request_id", "event_id", "thread", "process"})
"""Numbers that the agent itself made: as long as a card number, and needed to find a request again."""

_PATTERNS: Final = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"-----BEGIN [^-]*-----.*?(?:-----END [^-]*-----|\Z)",
        r"[A-Za-z0-9+/]{120,}={0,2}",
        r"\b[0-9A-Fa-f]{64,}\b",
        r"(?<=://)[^/\s@]+@",
        r"(?<!\d)\d{17}[\dXx](?!\d)",
        r"(?<!\d)\d{4}(?:[ -]\d{4}){3}(?:[ -]?\d{1,3})?(?!\d)",
        r"(?<!\d)\d{15,19}(?!\d)",
        r"(?<!\d)1[3-9]\d{9}(?!\d)",
    )
)
_SUSPICIOUS: Final = re.compile(r"-----BEGIN |://|\d(?:[ -]?\d){10}|[0-9A-Za-z+/]{64}")
"""Matches every text that some pattern matches, in a fraction of their time; most texts it does not."""


_NAMED: Final = re.compile(
    r"""<([A-Za-z_]\w{1,39})(?:\s[^<>]{0,200})?>      # XML: a start tag
    |(?<!\w)([A-Za-z_]\w{1,39})\\{0,15}["']?\s{0,8}[:=]\s{0,8}  # code=value, "code": value, also escaped""",
    re.VERBOSE,
)
"""Every repetition has a limit: whatever the text, the search stays linear."""
_QUOTE: Final = re.compile(r"""\\*["']""")
_BARE_END: Final = re.compile(r"[,;&<\n\]})]")


class Masker:
    """Masks values. ``codes`` may grow while others read: a catalog is read when it is first used."""

    def __init__(self, codes: Iterable[str] = ()) -> None:
        self._codes = _ALWAYS
        self.add(codes)

    def add(self, codes: Iterable[str]) -> None:
        """Field codes whose values must never be shown; letter case does not matter."""
        self._codes = self._codes | {code.lower() for code in codes}

    def mapping(self, values: Mapping[Any, Any], depth: int = 0) -> dict[str, Any]:
        """A copy that may be shown. Keys are masked as text too."""
        return {masked_text(str(key)): self._of_key(str(key), value, depth) for key, value in values.items()}

    def _of_key(self, key: str, value: Any, depth: int) -> Any:
        lowered = key.lower()
        if lowered in self._codes:
            return MASK if value not in (None, "", (), [], {}) else value
        if lowered in _TECHNICAL and isinstance(value, str | int):
            return value
        return self.value(value, depth + 1)

    def value(self, value: Any, depth: int = 0) -> Any:
        """``value`` as something that JSON takes and that may be shown."""
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, str) and not isinstance(value, Enum):
            return self.text(value)
        if isinstance(value, int) and not isinstance(value, Enum):
            return value if masked_text(str(value)) == str(value) else MASK
        if depth > _DEEPEST:
            return MASK
        if isinstance(value, Mapping):
            return self.mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, depth + 1) for item in value]
        return self.text(_other(value))

    def text(self, text: str) -> str:
        """:func:`masked_text` without the values that stand behind a code."""
        text = masked_text(text)
        shown: list[str] = []
        done = 0
        for named in _NAMED.finditer(text):
            if named.end() > done and (named[1] or named[2]).lower() in self._codes:
                shown += (text[done : named.end()], MASK)
                done = _value_end(text, named.end(), tag=named[1] is not None)
        return "".join((*shown, text[done:])) if shown else text


def _value_end(text: str, start: int, *, tag: bool) -> int:
    """Where a value that begins at ``start`` ends; of what is nested, or cut short, the end of the text."""
    if tag:
        end = text.find("<", start)
        return end if end >= 0 else len(text)
    quote = _QUOTE.match(text, start)
    if quote:
        end = _closing(text, quote)
        return end if end >= 0 else len(text)
    if text[start : start + 1] in {"[", "{", "("}:
        return len(text)
    bare = _BARE_END.search(text, start)
    return bare.start() if bare else len(text)


def _closing(text: str, quote: re.Match[str]) -> int:
    """The place behind the quote that ends a quoted value: one as much escaped as that which began it."""
    mark = quote.group()
    place = text.find(mark, quote.end())
    while place >= 0 and text[place - 1] == "\\":
        place = text.find(mark, place + 1)
    return place if place < 0 else place + len(mark)


def masked_text(text: str) -> str:
    """``text`` without identity, card and telephone numbers and key material."""
    if not _SUSPICIOUS.search(text):
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    return text


def _other(value: Any) -> str:
    """Values whose text is known to be harmless, or harmless once masked; never an exception's text."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, BaseException):
        return f"<{type(value).__name__}>"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | PurePath):
        return masked_text(str(value))
    if isinstance(value, Enum):
        return masked_text(str(value.value))
    return masked_text(repr(value))
