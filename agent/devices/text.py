"""The text of a code: decoded, full-width forms folded, edges cleaned. Pure.

Nothing inside a code is dropped or changed but the width of its characters: letters keep their case,
and the group separators of GS1 stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

GS: Final = "\x1d"

_EDGES: Final = "".join(map(chr, range(0x20))).replace(GS, "") + "\x7f \u3000\ufeff"
_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def code_text(raw: bytes, prefixes: Iterable[str] = (), suffixes: Iterable[str] = ()) -> str:
    """The text of what a scanner sent. ``prefixes`` and ``suffixes`` are what the site's scanners add;
    at most one of each is taken off, the longest that fits, and never the whole code."""
    text = decoded(raw).translate(_FULL_WIDTH).strip(_EDGES)
    for prefix in sorted(prefixes, key=len, reverse=True):
        if prefix and text.startswith(prefix) and text != prefix:
            text = text[len(prefix) :]
            break
    for suffix in sorted(suffixes, key=len, reverse=True):
        if suffix and text.endswith(suffix) and text != suffix:
            text = text[: -len(suffix)]
            break
    return text.strip(_EDGES)


def decoded(raw: bytes) -> str:
    """UTF-8 where it is, else GB18030, else every byte as one character: nothing is ever lost."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")
