"""Values that show damage done before the file was written: half characters, lost names, rounded ids.

An export through a spreadsheet turns an 18-digit id into 3.6E+17, an export in the wrong encoding a
name into question marks. Neither can be undone, so neither is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal

from agent.errors import Fault
from agent.events import Json
from agent.submissions.shape import Shape

MAX_FAULTS = 200
"""Faults of one kind that are listed: 100,000 damaged rows say no more than the first of them."""

_SCIENTIFIC = re.compile(r"\s*[+-]?\d+(?:\.\d*e\+?|e\+)\d+\s*", re.ASCII | re.IGNORECASE)
_EXPONENT = re.compile(r"(?<=[\d.])[eE]\d", re.ASCII)
UNFIT = re.compile("[\ud800-\udfff\ufffd\0]")
UNFIT_SAID = "含有不成对的代理字符、U+FFFD 或空字符，文字已损坏"


def scientific(value: object) -> bool:
    """Whether a value is, or is written as, a number in scientific notation (``3.6E+17``)."""
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        return isinstance(exponent, int) and exponent > 0
    return isinstance(value, str) and _SCIENTIFIC.fullmatch(value) is not None


def lost_characters(value: object) -> bool:
    """Whether a name contains the ``?`` that a failed conversion leaves behind."""
    return isinstance(value, str) and "?" in value


def suspicious(text: str) -> bool:
    """Whether a file's text can hold any damage at all; spares the others the walk."""
    lost = "?" in text or "\\u" in text
    return lost or "e+" in text or "E+" in text or _EXPONENT.search(text) is not None


def damages(data: Json, shape: Shape | None) -> Iterator[Fault]:
    """Every damaged value of a business object, with its JSON pointer into it."""
    names = shape.names if shape is not None else frozenset()
    identifiers = shape.identifiers if shape is not None else frozenset()
    for pointer, code, value in _leaves(data):
        if isinstance(value, str) and UNFIT.search(value):
            yield Fault(pointer, "unfit_characters", UNFIT_SAID, code)
        if code in names and lost_characters(value):
            yield name_fault(pointer, code)
        if code in identifiers and scientific(value):
            yield identifier_fault(pointer, code)


def name_fault(pointer: str, code: str) -> Fault:
    return Fault(pointer, "question_mark_in_name", "姓名或名称中有“?”，说明导出时文字已丢失", code)


def identifier_fault(pointer: str, code: str) -> Fault:
    message = "号码成了科学计数法（如 3.6E+17），后几位已丢失；请按文本导出"
    return Fault(pointer, "scientific_id", message, code)


def escaped(key: str) -> str:
    """A key as a part of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def _leaves(data: Json) -> Iterator[tuple[str, str, Json]]:
    """(pointer, code of the nearest key, value) of everything that is no container, and of damaged keys."""
    pending: list[tuple[str, str, Json]] = [("", "", data)]
    add: Callable[[tuple[str, str, Json]], None] = pending.append
    while pending:
        pointer, code, value = pending.pop()
        if isinstance(value, dict):
            for key, child in reversed(value.items()):
                damaged = UNFIT.search(key) is not None  # and would damage the pointer, too
                add((pointer, "", key) if damaged else (f"{pointer}/{escaped(key)}", key, child))
        elif isinstance(value, list):
            for number in range(len(value) - 1, -1, -1):
                add((f"{pointer}/{number}", code, value[number]))
        else:
            yield pointer, code, value
