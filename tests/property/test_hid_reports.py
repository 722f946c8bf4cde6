"""HID-POS reports: however a maker lays its report out and however long the code is, it arrives once, whole.

The descriptor and the reports are written here from the tables, by none of the code that reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.devices.hid_report import Assembler, layout_of

COUNT, DATA, MORE = (0x01, 0x3B), (0x8C, 0xFE), (0x8C, 0xFF)
IDENTIFIERS = ((0x8C, 0xFB), (0x8C, 0xFC), (0x8C, 0xFD))
CODES = st.text(st.sampled_from("0123456789abcXYZ]./\x1d"), min_size=1, max_size=180).map(str.encode)
IDENTIFIER = st.sampled_from([b"]Q0", b"]d2", b"]C1", b"\x00\x00\x00"])


@dataclass(frozen=True)
class Maker:
    """``order`` of the fields, each of whole bytes. ``report`` 0: no report ids. ``wide``: usages of 4 bytes,
    which bring their page along. ``stranger``: a report of another kind is described first."""

    report: int
    order: tuple[str, ...]
    size: int
    wide: bool
    stranger: bool

    @property
    def descriptor(self) -> bytes:
        items = bytes.fromhex("058C 0902 A101 1500 26FF00")
        if self.stranger and self.report:
            items += bytes([0x85, self.report % 255 + 1]) + bytes.fromhex("06 00FF 0901 7508 9520 8102")
        if self.report:
            items += bytes([0x85, self.report])
        return items + b"".join(self._describe(name) for name in self.order) + b"\xc0"

    def _describe(self, name: str) -> bytes:
        match name:
            case "count":
                return self._input(1, COUNT)
            case "identifier":
                return self._input(3, *IDENTIFIERS)
            case "data":
                return self._input(self.size, DATA)
            case "more":
                page_usage = self._usages(MORE)
                return page_usage + bytes.fromhex("7501 9501 8102 7501 9507 8103")
            case _:
                return bytes.fromhex("7508 9502 8103")

    def _input(self, count: int, *usages: tuple[int, int]) -> bytes:
        return self._usages(*usages) + bytes([0x75, 8, 0x95, count, 0x81, 0x02])

    def _usages(self, *usages: tuple[int, int]) -> bytes:
        if self.wide:
            return b"".join(bytes([0x0B, usage, 0, page, 0]) for page, usage in usages)
        return bytes([0x05, usages[0][0]]) + b"".join(bytes([0x09, usage]) for _, usage in usages)

    def reports(self, code: bytes, identifier: bytes) -> Iterator[bytes]:
        parts = [code[start : start + self.size] for start in range(0, len(code), self.size)]
        for number, part in enumerate(parts, start=1):
            fields = {
                "count": bytes([len(part)]),
                "identifier": identifier,
                "data": part.ljust(self.size, b"\x00"),
                "more": bytes([number < len(parts)]),
                "filling": b"\xaa\x55",
            }
            yield bytes([self.report] * bool(self.report)) + b"".join(fields[name] for name in self.order)


@st.composite
def makers(draw: st.DrawFn, *, cuts_long_codes: bool) -> Maker:
    optional = draw(st.sets(st.sampled_from(["count", "identifier", "filling"])))
    names = {"data", *optional, *(["more"] if cuts_long_codes else [])}
    return Maker(
        draw(st.integers(0, 255)),
        tuple(draw(st.permutations(sorted(names)))),
        draw(st.integers(1, 62)) if cuts_long_codes else 200,
        draw(st.booleans()),
        draw(st.booleans()),
    )


def read(maker: Maker, reports: list[bytes]) -> list[bytes]:
    layout = layout_of(maker.descriptor)
    assert layout is not None
    assembler = Assembler(layout)
    return [code for report in reports for code in assembler.feed(report)]


def expected(maker: Maker, code: bytes, identifier: bytes) -> bytes:
    told = "identifier" in maker.order and identifier[0] != 0
    return (identifier if told else b"") + code


@settings(deadline=None)
@given(makers(cuts_long_codes=True), st.lists(st.tuples(CODES, IDENTIFIER), min_size=1, max_size=4))
def test_every_code_arrives_once_whatever_its_length_and_the_makers_layout(
    maker: Maker, scans: list[tuple[bytes, bytes]]
) -> None:
    reports = [report for code, identifier in scans for report in maker.reports(code, identifier)]
    assert read(maker, reports) == [expected(maker, code, identifier) for code, identifier in scans]


@settings(deadline=None)
@given(makers(cuts_long_codes=False), CODES, IDENTIFIER)
def test_a_maker_who_never_cuts_a_code_needs_no_bit_for_it(
    maker: Maker, code: bytes, identifier: bytes
) -> None:
    assert read(maker, list(maker.reports(code, identifier))) == [expected(maker, code, identifier)]


@settings(deadline=None)
@given(makers(cuts_long_codes=True), st.lists(st.binary(max_size=80), max_size=12), CODES)
def test_reports_that_are_cut_or_noise_harm_no_code_after_them(
    maker: Maker, noise: list[bytes], code: bytes
) -> None:
    layout = layout_of(maker.descriptor)
    assert layout is not None
    assembler = Assembler(layout)
    for report in noise:
        assembler.feed(report)
    if assembler.begun:
        assembler.reset()
    found = [each for report in maker.reports(code, b"]Q0") for each in assembler.feed(report)]
    assert found == [expected(maker, code, b"]Q0")]
