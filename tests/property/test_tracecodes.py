"""Any framing of a trace code gives that code, and none is ever shortened."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from agent.devices.text import code_text
from agent.protocol.tracecodes import GS, TraceForm, read_trace_code, tidy_scan

ALPHABET = string.ascii_letters + string.digits
twenties = st.text(ALPHABET, min_size=20, max_size=20)
values = st.text(ALPHABET + "-./+!*", min_size=1, max_size=20)
gtins = st.text(string.digits, min_size=14, max_size=14)
days = st.text(string.digits, min_size=6, max_size=6)


@st.composite
def element_strings(draw: st.DrawFn) -> str:
    """A GTIN, a serial number, and whatever else a package says, in any order after the GTIN."""
    parts = [("21", draw(values)), *draw(st.sampled_from([[], [("10", draw(values))]]))]
    parts += draw(st.sampled_from([[], [("17", draw(days))], [("11", draw(days)), ("17", draw(days))]]))
    ordered = draw(st.permutations(parts))
    text = "01" + draw(gtins)
    for place, (ai, value) in enumerate(ordered, 1):
        ends = ai in ("11", "17") or place == len(ordered)
        text += ai + value + ("" if ends else GS)
    return text


blanks = st.text("\r\n\t \x02\x03\u3000", max_size=4)
aim = st.sampled_from(["", "]C0", "]C1", "]d1", "]d2", "]Q3", "]e0", f"]d2{GS}", GS])
codes = twenties | element_strings()


@given(codes, blanks, aim, blanks, st.booleans())
def test_any_framing_of_a_code_gives_the_same_code(
    code: str, before: str, identifier: str, after: str, wide: bool
) -> None:
    framed = f"{before}{identifier}{code}{after}"
    if wide:
        framed = framed.translate({number: number + 0xFEE0 for number in range(0x21, 0x7F)})
    assert read_trace_code(framed).code == code


@given(codes, blanks, blanks)
def test_the_scanners_own_reading_and_ours_agree(code: str, before: str, after: str) -> None:
    """What a scanner delivered goes through the devices first, what a HIS typed does not."""
    framed = f"{before}{code}{after}"
    assert read_trace_code(code_text(framed.encode("utf-8"))).code == read_trace_code(framed).code == code


@given(codes)
def test_no_code_is_shortened_and_reading_twice_changes_nothing(code: str) -> None:
    once = read_trace_code(code)
    assert once.code == code
    assert read_trace_code(once.code) == once


@given(element_strings())
def test_brackets_show_the_same_element_string(code: str) -> None:
    shown, rest = f"(01){code[2:16]}", code[16:]
    while rest:
        ai, rest = rest[:2], rest[2:]
        value, rest = (rest[:6], rest[6:]) if ai in ("11", "17") else rest.partition(GS)[::2]
        shown += f"({ai}){value}"
    assert read_trace_code(shown).code == code


@given(element_strings())
def test_a_code_with_a_serial_number_is_gs1_and_names_its_drug(code: str) -> None:
    found = read_trace_code(code)
    if len(code) != 20:
        assert (found.form, found.drug) == (TraceForm.GS1, code[2:16])


@given(st.text(max_size=40))
def test_tidying_any_text_never_fails_and_keeps_what_is_inside(text: str) -> None:
    tidied = tidy_scan(text)
    assert tidied == tidy_scan(tidied) or tidied.startswith("]")
