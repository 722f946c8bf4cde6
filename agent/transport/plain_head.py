"""The head of an ordinary answer, read without the standard library's mail parser. Pure.

Nearly every answer of a platform has one shape: HTTP/1.1, a status with a body, plain headers, one
Content-Length. Such a head is recognised as a whole or not at all; whatever is a little different is
left to the standard library, which costs a lane three times the work.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# RFC 9112, 4 and 5: status-line, then field-lines without folding, then an empty line
_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9]) [\t\x20-\x7e\x80-\xff]*\r\n"
    rb"((?:" + _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*\r\n)+)\r\n"
)
_WITHOUT_BODY = frozenset({204, 205, 304})
_LONGEST_LENGTH = 12


class PlainHead(NamedTuple):
    """``size`` is the head's own length in bytes, ``length`` the body's."""

    status: int
    headers: dict[str, str]
    size: int
    length: int
    closes: bool


def plain_head(data: bytes) -> PlainHead | None:
    """The head at the start of ``data``, or None when it is not whole or not plain."""
    match = _HEAD.match(data)
    if match is None:
        return None
    status = int(match[1])
    headers: dict[str, str] = {}
    for line in match[2].decode("latin-1").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        lower, value = name.lower(), value.strip(" \t")
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    length = headers.get("content-length", "")
    if status in _WITHOUT_BODY or "transfer-encoding" in headers or not _is_length(length):
        return None
    closes = "close" in headers.get("connection", "").lower()
    return PlainHead(status, headers, match.end(), int(length), closes)


def _is_length(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_LENGTH
