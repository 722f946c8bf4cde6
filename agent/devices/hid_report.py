"""Reports of HID POS scanners (USB-IF HID Point of Sale Usage Tables 1.02, page 8C). Pure.

The report descriptor says where the count, the symbology identifier, the data and the "continued" bit
lie; makers differ in it. A code longer than a report comes in several, each but the last continued.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

BAR_CODE_PAGE: Final = 0x8C
_BYTE_COUNT: Final = 0x0001_003B
_IDENTIFIERS: Final = (0x008C_00FB, 0x008C_00FC, 0x008C_00FD)
_DATA: Final = 0x008C_00FE
_CONTINUED: Final = 0x008C_00FF

_LONG_ITEM: Final = 0xFE
_MOST_BITS: Final = 8 * 4096


class _Tag(IntEnum):
    """Short items that matter here, with their type (Device Class Definition for HID 1.11, 6.2.2)."""

    INPUT = 0x80
    USAGE_PAGE = 0x04
    REPORT_SIZE = 0x74
    REPORT_ID = 0x84
    REPORT_COUNT = 0x94
    PUSH = 0xA4
    POP = 0xB4
    USAGE = 0x08
    USAGE_MINIMUM = 0x18
    USAGE_MAXIMUM = 0x28


@dataclass(frozen=True, slots=True)
class Field:
    """Bits of a report, counted from its first byte behind the report id."""

    start: int
    size: int
    count: int

    @property
    def end(self) -> int:
        return self.start + self.size * self.count


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a scanned-data report keeps what; ``report`` is 0 for a device without report ids."""

    report: int
    data: Field
    length: Field | None = None
    identifiers: tuple[Field, ...] = ()
    continued: Field | None = None


@dataclass(frozen=True, slots=True)
class _Globals:
    page: int = 0
    size: int = 0
    count: int = 0
    report: int = 0


DEFAULT_LAYOUT: Final = Layout(
    2,
    data=Field(32, 8, 56),
    length=Field(0, 8, 1),
    identifiers=(Field(8, 8, 1), Field(16, 8, 1), Field(24, 8, 1)),
    continued=Field(496, 1, 1),
)
"""The example of the tables' appendix, as most makers have it; for devices that hide their descriptor."""


def layout_of(descriptor: bytes) -> Layout | None:
    """The layout of the first report with decoded data; None for a descriptor without one."""
    fields = dict[int, dict[int, Field]]()
    for report, usage, field in _inputs(descriptor):
        fields.setdefault(report, {}).setdefault(usage, field)
    for report, found in fields.items():
        if (data := found.get(_DATA)) is not None and data.size == 8:
            identifiers = tuple(found[usage] for usage in _IDENTIFIERS if usage in found)
            return Layout(report, data, found.get(_BYTE_COUNT), identifiers, found.get(_CONTINUED))
    return None


class Assembler:
    """Puts the reports of one device together. ``discarded``: codes that lost a part or were too long."""

    def __init__(self, layout: Layout, longest: int = 7089) -> None:
        self._layout = layout
        self._longest = longest
        self._part = bytearray()
        self._overlong = False
        self.discarded = 0

    @property
    def begun(self) -> bool:
        return bool(self._part)

    def feed(self, report: bytes) -> list[bytes]:
        """The code that this report completes, if any; reports of other kinds give none."""
        layout = self._layout
        if layout.report:
            if not report or report[0] != layout.report:
                return []
            report = report[1:]
        if not self._part:
            self._part += self._identifier(report)
        self._part += self._data(report)
        if len(self._part) > self._longest:
            self._overlong = True
            del self._part[self._longest :]
        if layout.continued is not None and _number(report, layout.continued):
            return []
        return self._end()

    def reset(self) -> None:
        """The rest will not come."""
        if self._part:
            self.discarded += 1
        self._part.clear()
        self._overlong = False

    def _end(self) -> list[bytes]:
        if self._overlong or not self._part:
            self.reset()
            return []
        code = bytes(self._part)
        self._part.clear()
        return [code]

    def _identifier(self, report: bytes) -> bytes:
        """``]`` and two characters; makers that have none leave zeros."""
        found = bytes(_number(report, field) for field in self._layout.identifiers)
        return found if len(found) == 3 and found[:1] == b"]" and 0 not in found else b""

    def _data(self, report: bytes) -> bytes:
        field = self._layout.data
        whole = report[field.start // 8 : field.end // 8]
        if self._layout.length is None:
            return whole.rstrip(b"\x00")
        return whole[: _number(report, self._layout.length)]


def _number(report: bytes, field: Field) -> int:
    """The first value of a field; zero beyond the end of a short report."""
    return int.from_bytes(report, "little") >> field.start & ((1 << field.size) - 1)


def _inputs(descriptor: bytes) -> Iterator[tuple[int, int, Field]]:
    """Report id, full usage and place of every input field."""
    state, stack = _Globals(), list[_Globals]()
    usages: list[int] = []
    minimum = 0
    places: dict[int, int] = {}
    for tag, value, size in _items(descriptor):
        match tag:
            case _Tag.USAGE_PAGE:
                state = replace(state, page=value)
            case _Tag.REPORT_SIZE:
                state = replace(state, size=value)
            case _Tag.REPORT_ID:
                state = replace(state, report=value)
            case _Tag.REPORT_COUNT:
                state = replace(state, count=value)
            case _Tag.PUSH:
                stack.append(state)
            case _Tag.POP:
                state = stack.pop() if stack else state
            case _Tag.USAGE:
                usages.append(_full(value, size, state))
            case _Tag.USAGE_MINIMUM:
                minimum = _full(value, size, state)
            case _Tag.USAGE_MAXIMUM:
                usages += range(minimum, min(_full(value, size, state), minimum + 255) + 1)
            case _Tag.INPUT:
                start = places.get(state.report, 0)
                places[state.report] = min(start + state.size * state.count, _MOST_BITS)
                yield from ((state.report, usage, field) for usage, field in _spread(usages, start, state))
        if tag & 0x0C == 0:  # a main item ends what was local to it
            usages, minimum = [], 0


def _spread(usages: list[int], start: int, state: _Globals) -> Iterator[tuple[int, Field]]:
    """One usage stands for all values of its item, several for one value each."""
    if len(usages) == 1:
        yield usages[0], Field(start, state.size, state.count)
        return
    for number, usage in enumerate(usages[: state.count]):
        yield usage, Field(start + number * state.size, state.size, 1)


def _full(value: int, size: int, state: _Globals) -> int:
    """A usage of four bytes brings its page along."""
    return value if size == 4 else state.page << 16 | value


def _items(descriptor: bytes) -> Iterator[tuple[int, int, int]]:
    """Tag (with its type), value and size of every short item; a cut one ends them."""
    place = 0
    while place < len(descriptor):
        prefix = descriptor[place]
        if prefix == _LONG_ITEM:
            place += 3 + (descriptor[place + 1] if place + 1 < len(descriptor) else 0)
            continue
        size = (0, 1, 2, 4)[prefix & 0x03]
        value = descriptor[place + 1 : place + 1 + size]
        if len(value) < size:
            return
        yield prefix & 0xFC, int.from_bytes(value, "little"), size
        place += 1 + size
