"""Wire values are read exactly or refused; numbers are written plainly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from agent.catalog.values import (
    Unreadable,
    as_object,
    comparable,
    fits,
    is_absent,
    is_blank,
    is_slot,
    read_number,
    read_text,
    write_number,
)


@pytest.mark.parametrize("value", [None, "", "  ", "\u3000", [], {}])
def test_null_blank_and_empty_are_absent(value: Any) -> None:
    assert is_absent(value)


@pytest.mark.parametrize("value", ["0", 0, Decimal(0), False, [None], {"a": None}])
def test_zero_and_false_are_there(value: Any) -> None:
    assert not is_absent(value)


def test_an_empty_list_is_no_blank_scalar() -> None:
    assert not is_blank([])
    assert is_blank(" ")


@pytest.mark.parametrize(
    ("value", "text"), [(" 03 ", "03"), ("\u3000甲\n", "甲"), (71, "71"), (Decimal("1.50"), "1.50")]
)
def test_text_is_trimmed_and_numbers_are_spelled(value: Any, text: str) -> None:
    assert read_text(value) == text


@pytest.mark.parametrize("value", [True, 1.5, ["a"], {"a": 1}, 10**90])
def test_what_is_no_scalar_is_no_text(value: Any) -> None:
    with pytest.raises(Unreadable) as caught:
        read_text(value)
    assert caught.value.rule == "type"


@pytest.mark.parametrize(
    "value", ["张\ufffd", "a\x00b", "\ud800", "3.6E+17", "3.60115E+17", Decimal("3.6E+17")]
)
def test_damaged_text_is_refused(value: Any) -> None:
    with pytest.raises(Unreadable) as caught:
        read_text(value)
    assert caught.value.rule == "characters"


def test_line_breaks_inside_a_note_are_text() -> None:
    assert read_text("第一行\n第二行\t完") == "第一行\n第二行\t完"


@pytest.mark.parametrize(
    ("value", "number"),
    [("12.50", "12.50"), (" -3 ", "-3"), ("+1", "1"), (7, "7"), (Decimal("1E+3"), "1000"), ("007", "7")],
)
def test_numbers_are_exact(value: Any, number: str) -> None:
    assert read_number(value) == Decimal(number)


@pytest.mark.parametrize(
    "value", ["1,000", "12.", ".5", "1e3", "１２", "1_000", "NaN", "x", "1" * 65, Decimal("NaN")]
)
def test_what_is_no_plain_number_is_refused(value: Any) -> None:
    with pytest.raises(Unreadable) as caught:
        read_number(value)
    assert caught.value.rule == "number"


def test_a_number_beyond_all_measure_is_refused_without_being_written_out() -> None:
    with pytest.raises(Unreadable):
        read_number(Decimal("1E+999999999"))


@pytest.mark.parametrize("value", [True, 0.1, ["1"]])
def test_a_float_or_a_bool_is_no_number(value: Any) -> None:
    with pytest.raises(Unreadable) as caught:
        read_number(value)
    assert caught.value.rule == "type"


@pytest.mark.parametrize(
    ("number", "inside"),
    [
        ("99999999999999.99", True),
        ("100000000000000", False),
        ("0.01", True),
        ("0.001", False),
        ("1.500", True),
        ("-99999999999999.99", True),
        ("0", True),
        ("0.000", True),
    ],
)
def test_precision_16_2_bounds_both_sides_of_the_point(number: str, inside: bool) -> None:
    assert fits(Decimal(number), 16, 2) is inside


@pytest.mark.parametrize(
    ("number", "decimals", "text"),
    [
        ("7000", 2, "7000.00"),
        ("6.700", 2, "6.70"),
        ("0", 2, "0.00"),
        ("-0", 2, "0.00"),
        ("1E+3", 2, "1000.00"),
        ("1.2500", 4, "1.25"),
        ("3.000000", 6, "3"),
        ("1E+1", 4, "10"),
        ("0.0001", 4, "0.0001"),
        ("100", 0, "100"),
        ("-2.50", 4, "-2.5"),
    ],
)
def test_numbers_are_written_plainly(number: str, decimals: int, text: str) -> None:
    assert write_number(Decimal(number), decimals) == text


def test_json_text_counts_as_an_object() -> None:
    assert as_object('{"a": 1}') == {"a": 1}
    assert as_object({"a": 1}) == {"a": 1}
    assert as_object("[1]") is None
    assert as_object("{") is None
    assert as_object(3) is None


def test_only_the_slot_object_is_a_slot() -> None:
    assert is_slot({"$slot": "x"})
    assert not is_slot({"$slot": "x", "a": 1})
    assert not is_slot("$slot")


@pytest.mark.parametrize(("value", "text"), [(" 01", "01"), (1, "1"), (None, ""), ([], ""), (True, "")])
def test_conditions_compare_trimmed_text(value: Any, text: str) -> None:
    assert comparable(value) == text
