"""Framing: which bytes make a code, with every terminator and every bad habit of a scanner."""

from __future__ import annotations

import pytest

from agent.devices.framing import Framer, FramingRules


def fed(rules: FramingRules, *chunks: bytes) -> list[bytes]:
    framer = Framer(rules)
    return [code for number, chunk in enumerate(chunks) for code in framer.feed(chunk, number / 1000)]


@pytest.mark.parametrize(
    "sent",
    [
        b"A1\rB2\r",
        b"A1\nB2\n",
        b"A1\r\nB2\r\n",
        b"\x02A1\x03\x02B2\x03",
        b"\x02A1\x03\r\n\x02B2\x03\r\n",
        b"\x02A1\r\x02B2\r",
        b"\r\n\nA1\rB2\n\r",
    ],
)
def test_every_terminator_ends_a_code_and_begins_none(sent: bytes) -> None:
    assert fed(FramingRules(), sent) == [b"A1", b"B2"]
    assert fed(FramingRules(), *(bytes([byte]) for byte in sent)) == [b"A1", b"B2"]


def test_a_line_feed_that_comes_late_begins_no_code() -> None:
    framer = Framer(FramingRules())
    assert framer.feed(b"A1\r", 0.0) == [b"A1"]
    assert framer.quiet(5.0) == []
    assert framer.feed(b"\nB2\r", 9.0) == [b"B2"]
    assert framer.discarded == 0


def test_a_code_without_its_end_is_not_glued_to_the_next() -> None:
    framer = Framer(FramingRules(stale_s=2.0))
    assert framer.feed(b"6901", 0.0) == []
    assert framer.due_at == 2.0
    assert framer.quiet(1.9) == []
    assert framer.quiet(2.0) == []
    assert framer.feed(b"B2\r", 3.0) == [b"B2"]
    assert framer.discarded == 1


def test_a_pause_within_a_code_does_not_shorten_it() -> None:
    framer = Framer(FramingRules(stale_s=2.0))
    framer.feed(b"690", 0.0)
    assert framer.quiet(1.0) == []
    assert framer.feed(b"123\r", 1.5) == [b"690123"]


def test_what_lay_in_the_buffer_while_nobody_read_belongs_to_the_code() -> None:
    framer = Framer(FramingRules(gap_s=0.2))
    framer.feed(b"690", 0.0)
    assert framer.feed(b"123", 7.0) == []  # no empty read in between: nothing says it was quiet
    assert framer.quiet(7.2) == [b"690123"]


def test_start_of_text_discards_what_has_lost_its_end() -> None:
    framer = Framer(FramingRules())
    assert framer.feed(b"\x02A1\x02B2\x03", 0.0) == [b"B2"]
    assert framer.discarded == 1


def test_a_quiet_gap_ends_a_code_where_configured() -> None:
    framer = Framer(FramingRules(gap_s=0.2))
    assert framer.feed(b"A1", 0.0) == []
    assert framer.quiet(0.1) == []
    assert framer.quiet(0.2) == [b"A1"]
    assert framer.quiet(9.0) == []
    assert framer.due_at is None


def test_too_long_an_input_is_discarded_up_to_its_terminator() -> None:
    framer = Framer(FramingRules(longest=8))
    assert framer.feed(b"12345678\r", 0.0) == [b"12345678"]
    assert framer.feed(b"123456789", 0.1) == []
    assert framer.feed(b"0123\rB2\r", 0.2) == [b"B2"]
    assert framer.discarded == 1


def test_too_long_an_input_that_never_ends_is_forgotten_after_silence() -> None:
    framer = Framer(FramingRules(longest=8, stale_s=2.0))
    framer.feed(b"x" * 1000, 0.0)
    framer.quiet(2.0)
    assert framer.feed(b"B2\r", 3.0) == [b"B2"]


def test_too_long_an_input_is_no_code_after_a_gap_either() -> None:
    framer = Framer(FramingRules(gap_s=0.2, longest=8))
    framer.feed(b"123456789", 0.0)
    assert framer.quiet(0.3) == []
    framer.feed(b"B2", 1.0)
    assert framer.quiet(1.3) == [b"B2"]


def test_what_was_begun_before_the_device_went_away_is_not_continued() -> None:
    framer = Framer(FramingRules())
    framer.feed(b"6901", 0.0)
    framer.reset()
    assert framer.feed(b"B2\r", 0.1) == [b"B2"]


def test_where_something_was_lost_nothing_up_to_the_next_end_is_a_code() -> None:
    framer = Framer(FramingRules())
    framer.feed(b"6901", 0.0)
    framer.lose(0.1)
    assert framer.feed(b"23\rB2\r", 0.2) == [b"B2"]
    framer.lose(1.0)
    assert framer.quiet(3.0) == []  # the end was among what was lost
    assert framer.feed(b"C3\r", 3.1) == [b"C3"]


def test_a_terminator_of_the_sites_own_ends_a_code() -> None:
    assert fed(FramingRules(terminators=b"\t\r\n"), b"A1\tB2\t\r") == [b"A1", b"B2"]
