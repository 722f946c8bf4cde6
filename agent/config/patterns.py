"""How long a site's own pattern may search. Pure.

Python's ``re`` tries every way in which a pattern may lie on a text, and nothing interrupts it: one code
on a patient's phone, held before a scanner whose site wrote ``(\\d+)+X``, would stop the whole agent. So
the ways are counted when the configuration is read, over the longest text that a pattern is tried on.
"""

from __future__ import annotations

import re
from typing import Final

MOST_CHARACTERS: Final = 512
"""Longer codes are tried on no pattern."""
MOST_WAYS: Final = 1_000_000
"""Two repetitions without an end, not one within another: some tens of milliseconds at worst."""
SEARCHES_LONG: Final = (
    "遇到某些码会匹配很久：重复中不要再套重复，不定次数的重复最多两处，其余写明次数（如 {1,20}）"
)

_QUANTIFIER: Final = re.compile(r"(?:([*+?])|\{(?!\})(\d*)(?:(,)(\d*))?\})[?+]?")
_CLASS: Final = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_GROUP: Final = re.compile(r"\((?:\?(?:[:=!>]|<[=!]|P<\w+>|[aimsu]*(?:-[ims]+)?:))?")
_ASIDE: Final = re.compile(r"\(\?(?:#[^)]*|[aimsu]+)\)")
_ESCAPE: Final = re.compile(r"\\(?:N\{[^}]*\}|[^1-9])", re.DOTALL)


def searches_too_long(pattern: str) -> bool:
    """Whether ``pattern``, one that ``re`` compiles, has more ways than ``MOST_WAYS`` to lie on a text, or
    something in it whose ways are not counted: a reference to a group, a condition, verbose spelling."""
    counting = _Counting(pattern)
    try:
        return counting.alternatives() > MOST_WAYS
    except _Uncountable:
        return True


class _Uncountable(Exception):
    pass


class _Counting:
    """An upper bound of the ways, by descent through the pattern. Sums and products stop at ``_CAP``."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._place = 0

    def alternatives(self) -> int:
        found = self._sequence()
        while self._takes("|"):
            found += self._sequence()
        return min(found, _CAP)

    def _sequence(self) -> int:
        found = 1
        while self._place < len(self._pattern) and self._pattern[self._place] not in "|)":
            found = min(found * self._repeated(), _CAP)
        return found

    def _repeated(self) -> int:
        found = self._one()
        if quantifier := self._match(_QUANTIFIER):
            found = _repetitions(found, *_bounds(quantifier))
        return found

    def _one(self) -> int:
        if self._match(_ASIDE) or self._match(_CLASS) or self._match(_ESCAPE):
            return 1
        if self._takes("\\"):
            raise _Uncountable
        if not self._match(_GROUP):
            self._place += 1
            return 1
        if self._takes("?"):  # a kind of group that was not foreseen above
            raise _Uncountable
        found = self.alternatives()
        self._place += 1
        return found

    def _takes(self, character: str) -> bool:
        taken = self._pattern.startswith(character, self._place)
        self._place += taken
        return taken

    def _match(self, what: re.Pattern[str]) -> re.Match[str] | None:
        found = what.match(self._pattern, self._place)
        if found:
            self._place = found.end()
        return found


_CAP: Final = MOST_WAYS + 1


def _bounds(quantifier: re.Match[str]) -> tuple[int, int]:
    sign, least, comma, most = quantifier.groups()
    if sign:
        return int(sign == "+"), 1 if sign == "?" else MOST_CHARACTERS
    low = int(least or 0)
    return low, (int(most) if most else MOST_CHARACTERS) if comma else low


def _repetitions(ways: int, least: int, most: int) -> int:
    """As many ways as there are counts, each to the power of its count."""
    if ways == 1:
        return min(max(most - least, 0) + 1, _CAP)
    total, power = 0, 1
    for count in range(most + 1):
        total += power if count >= least else 0
        power *= ways
        if total > MOST_WAYS or (power > MOST_WAYS and count < most):
            return _CAP
    return total
