"""Drug trace codes: one text for one code, however a scanner framed it. Pure.

A trace code is either 20 characters, of which the first 7 name the drug, or a code by ISO/IEC 15459,
in the field mostly a GS1 element string (AI 01 names the drug, AI 21 the package). Letters are legal,
their case counts, and GS (0x1D, what FNC1 becomes) ends a GS1 element of variable length: it is part of
the code. What a scanner puts around a code is not: line ends, STX/ETX, blanks, an AIM identifier
(``]C1``, ``]d2``), GS at the edges, a full-width keyboard.

A package also bears codes that are no trace codes: 商品码 (EAN), 本位码 (86…, 14 digits), a GTIN alone.
Those are refused by name; what is none of the known forms is let through as ``other``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

GS: Final = "\x1d"
"""Ends a GS1 element of variable length."""
LONGEST: Final = 100
"""The longest code that a platform takes."""

_EDGES: Final = "".join(map(chr, range(0x20))) + "\x7f \u3000\ufeff"
_AIM: Final = re.compile(r"\][A-Za-z][0-9A-Za-z](?=.)", re.ASCII | re.DOTALL)
_LEGAL: Final = re.compile(r"[\x21-\x7e\x1d]+")
_TWENTY: Final = re.compile(r"[0-9A-Za-z]{20}")
_BRACKETED: Final = re.compile(r"\((\d{2,4})\)([^()]+)")
_FULL_WIDTH: Final = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
_PREDEFINED: Final[Mapping[str, int]] = {
    "00": 18, "01": 14, "02": 14, "03": 14, "04": 16,
    "11": 6, "12": 6, "13": 6, "14": 6, "15": 6, "16": 6, "17": 6, "18": 6, "19": 6, "20": 2,
    "31": 8, "32": 8, "33": 8, "34": 8, "35": 8, "36": 8, "41": 14,
}  # fmt: skip
"""Characters after the first two of an element that needs no GS (GS1 General Specifications, 7.8.4);
of the longer AIs the rest of the AI counts as such."""


class TraceForm(StrEnum):
    TWENTY = "twenty"
    """20 characters: 药品标识码 (7) and the package."""
    GS1 = "gs1"
    OTHER = "other"
    """None of the known forms: a maker's own code, or another code of the package."""


@dataclass(frozen=True, slots=True)
class TraceCode:
    """``drug`` is what codes of one drug share: the first 7 characters, or the GTIN; "" if unknown."""

    code: str = field(repr=False)
    form: TraceForm
    drug: str = field(repr=False)


class NoTraceCode(ValueError):
    """What was scanned is no trace code; ``why`` is Chinese, for the person with the scanner, and
    quotes nothing."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def tidy_scan(scan: str) -> str:
    """A scan without its framing; nothing inside it is touched."""
    text = scan.translate(_FULL_WIDTH).strip(_EDGES)
    bare = _AIM.sub("", text, count=1) if text.startswith("]") else text
    return bare.strip(_EDGES)


def read_trace_code(scan: str) -> TraceCode:
    """The code in a scan, or as somebody typed it. Raises NoTraceCode."""
    text = _from_brackets(tidy_scan(scan))
    _demand_legal(text)
    if _TWENTY.fullmatch(text):
        return TraceCode(text, TraceForm.TWENTY, text[:7])
    elements = _elements(text)
    if elements is not None and "01" in elements and "21" in elements:
        return TraceCode(text, TraceForm.GS1, elements["01"])
    _refuse_neighbours(text, elements)
    return TraceCode(text, TraceForm.OTHER, "")


def _demand_legal(text: str) -> None:
    if not text:
        raise NoTraceCode("没有内容")
    if len(text) > LONGEST:
        raise NoTraceCode(f"超过 {LONGEST} 个字符")
    if not _LEGAL.fullmatch(text):
        raise NoTraceCode("含有追溯码不会有的字符")
    if "://" in text:
        raise NoTraceCode("这是网址，不是追溯码")


def _refuse_neighbours(text: str, elements: Mapping[str, str] | None) -> None:
    """The other codes of a package that are scanned by mistake."""
    if elements is not None and "01" in elements:
        raise NoTraceCode("这个 GS1 码没有序列号（AI 21），不能追溯到单个包装")
    if not (text.isascii() and text.isdigit()):
        return
    if len(text) == 14 and text.startswith("86"):
        raise NoTraceCode("这是药品本位码，不是追溯码")
    if len(text) in (8, 12, 13, 14):
        raise NoTraceCode("这是商品条码，不是追溯码")


# -- GS1 ---------------------------------------------------------------------------------------------
def _from_brackets(text: str) -> str:
    """``(01)…(21)…``, as some scanners and all labels write it, as the element string that it shows."""
    if not text.startswith("("):
        return text
    elements = _BRACKETED.findall(text)
    if "".join(f"({ai}){value}" for ai, value in elements) != text:
        return text
    return "".join(
        f"{ai}{value}{'' if _predefined(ai) or place == len(elements) else GS}"
        for place, (ai, value) in enumerate(elements, 1)
    )


def _elements(text: str) -> dict[str, str] | None:
    """The elements of two-digit AIs in an element string; None when it is none. An element of variable
    length without a GS after it runs to the end: where a keyboard scanner lost the GS, nobody can tell
    what followed."""
    if not (text.startswith("01") and len(text) > 16 and text[2:16].isdigit()):
        return None
    found: dict[str, str] = {}
    rest = text
    while rest:
        ai, length = rest[:2], _PREDEFINED.get(rest[:2])
        if not (len(ai) == 2 and ai.isascii() and ai.isdigit()):
            return None
        value, rest = _cut(rest[2:], length)
        if not value or ai in found:
            return None
        found[ai] = value
    return found


def _cut(text: str, length: int | None) -> tuple[str, str]:
    """A value, and what follows it; a GS after a value of predefined length is tolerated."""
    if length is None:
        value, _, rest = text.partition(GS)
        return value, rest
    value = text[:length]
    return (value if len(value) == length and GS not in value else ""), text[length:].removeprefix(GS)


def _predefined(ai: str) -> bool:
    return ai[:2] in _PREDEFINED
