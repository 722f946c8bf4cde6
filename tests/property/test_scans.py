"""Properties of framing and classification: any chunking, framing and habit gives the same code once."""

from __future__ import annotations

import pytest
from biip import ParseError
from biip.gs1_messages import GS1Message
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.devices import gs1
from agent.devices.classify import CodeTable, classify
from agent.devices.framing import Framer, FramingRules

GTINS = st.integers(0, 10**13 - 1).map(lambda number: _with_check_digit(f"{number:013d}"))
SERIALS = st.text(st.sampled_from("0123456789abcXYZ-/_.+"), min_size=1, max_size=20)
DATES = st.builds(
    lambda year, month, day: f"{year:02d}{month:02d}{day:02d}",
    st.integers(20, 40), st.integers(1, 12), st.integers(0, 28),
)  # fmt: skip
GS1_CODES = st.builds(
    lambda gtin, date, lot, serial: f"01{gtin}17{date}10{lot}\x1d21{serial}", GTINS, DATES, SERIALS, SERIALS
)
CODES = st.one_of(
    st.from_regex(r"424[0-9]{25}", fullmatch=True),
    st.from_regex(r"ECWI[0-9]{18}", fullmatch=True),
    st.from_regex(r"8[0-9]{6}[0-9A-Za-z]{13}", fullmatch=True),
    GS1_CODES,
)
FRAMES = st.sampled_from(
    [(b"", b"\r"), (b"", b"\n"), (b"", b"\r\n"), (b"\x02", b"\x03"), (b"\x02", b"\x03\r\n"), (b"\r\n", b"\r"),
     (b" ", b" \r"), (b"\x00", b"\x00\r\n"), (b"", b"\n\r\n")]
)  # fmt: skip


def _with_check_digit(digits: str) -> str:
    return next(digits + last for last in "0123456789" if gs1.has_check_digit(digits + last))


def _dress(code: str, wide: bool) -> bytes:
    """As a scanner with or without an identifier, behind an input method that widens, sends it."""
    if wide:
        code = "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in code)
    return code.encode("utf-8")


@settings(deadline=None)
@given(
    st.lists(st.tuples(CODES, st.booleans()), min_size=1, max_size=6), FRAMES, st.booleans(), st.data()
)  # fmt: skip
def test_any_chunking_framing_and_habit_gives_each_code_once(
    scans: list[tuple[str, bool]], frame: tuple[bytes, bytes], identified: bool, data: st.DataObject
) -> None:
    begin, end = frame
    stream = b""
    for code, wide in scans:
        identifier = (b"]d2" if "\x1d" in code else b"]C0") if identified else b""
        stream += begin + identifier + _dress(code, wide) + end
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    framer = Framer(FramingRules())
    found = []
    for number, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(stream)], strict=True)):
        found += framer.feed(stream[start:stop], number * 0.01)
        found += framer.quiet(number * 0.01)
    table = CodeTable()
    assert [classify(raw, table).text for raw in found] == [code for code, _ in scans]
    assert all(classify(raw, table).kind != "unknown" for raw in found)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.binary(max_size=40), st.floats(0, 3)), max_size=20), st.sampled_from([None, 0.2])
)
def test_garbage_harms_neither_framing_nor_classification_and_the_next_scan_is_whole(
    noise: list[tuple[bytes, float]], gap_s: float | None
) -> None:
    framer = Framer(FramingRules(gap_s=gap_s, longest=64))
    now = 0.0
    for chunk, pause in noise:
        for raw in framer.feed(chunk, now):
            classify(raw, CodeTable())
        now += pause
        for raw in framer.quiet(now):
            classify(raw, CodeTable())
    now += 3.0
    framer.quiet(now)
    assert framer.feed(b"81012345678901234567\r", now) == [b"81012345678901234567"]


@settings(deadline=None)
@given(st.lists(CODES, min_size=1, max_size=4), st.integers(1, 9))
def test_codes_without_any_terminator_are_told_apart_by_quiet_gaps(codes: list[str], size: int) -> None:
    framer = Framer(FramingRules(gap_s=0.2))
    now, found = 0.0, []
    for code in codes:
        raw = code.encode("ascii")
        for start in range(0, len(raw), size):
            now += 0.15
            found += framer.quiet(now)
            found += framer.feed(raw[start : start + size], now)
        now += 0.21
        found += framer.quiet(now)
    assert [raw.decode("ascii") for raw in found] == codes


@settings(deadline=None)
@given(st.binary(max_size=120), st.binary(max_size=120))
def test_how_the_input_is_cut_changes_nothing(first: bytes, second: bytes) -> None:
    whole, cut = Framer(FramingRules(longest=50)), Framer(FramingRules(longest=50))
    assert whole.feed(first + second, 0.0) == cut.feed(first, 0.0) + cut.feed(second, 0.0)
    assert whole.discarded == cut.discarded


@settings(deadline=None)
@given(GS1_CODES)
def test_the_elements_are_what_a_well_kept_library_finds(text: str) -> None:
    found = GS1Message.parse(text).element_strings
    assert gs1.elements(text) == {element.ai.ai: element.value for element in found}


PIECES = ["01", "06901234567892", "17", "11", "280100", "281300", "10", "A1b", "21", "\x1d", "9", "37", "$"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_what_a_well_kept_library_refuses_is_never_taken_for_a_trade_item_with_a_date(text: str) -> None:
    """Only where our parser finds all that the classification relies on: a GTIN, dates, lot, serial."""
    ours = gs1.elements(text)
    if ours is None or not ours.keys() <= {"01", "10", "11", "15", "17", "21"}:
        return
    if "01" in ours and not gs1.has_check_digit(ours["01"]):
        return
    try:
        theirs = GS1Message.parse(text.strip("\x1d")).element_strings
    except ParseError:
        pytest.fail("taken apart although it is no GS1 code")
    assert ours == {element.ai.ai: element.value for element in theirs}
