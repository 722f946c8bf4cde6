"""agent.jsontext: strict, exact, bounded."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import jsontext

scalars = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_is_written_reads_back_the_same(value):
    assert jsontext.read(jsontext.write(value)) == value


def test_a_number_with_a_point_is_an_exact_decimal_and_goes_out_as_a_plain_string():
    value = jsontext.read('{"aae058": 0.10, "akc225": 1e-7}')
    assert value == {"aae058": Decimal("0.10"), "akc225": Decimal("1E-7")}
    assert jsontext.write(value) == '{"aae058":"0.10","akc225":"0.0000001"}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a":1', "语法错误"),
        ('{"a":1,"a":2}', "重复的键"),
        ('{"a":NaN}', "NaN"),
        ("[Infinity]", "Infinity"),
        ("[" * 40 + "]" * 40, "32 层"),
        ("[" * 200_000, "32 层"),
        ("[" + "9" * 65 + "]", "64 个字符"),
        ("[1e99999999]", "指数过大"),
        ("", "语法错误"),
        ("{} {}", "语法错误"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_its_reason(text, said):
    with pytest.raises(jsontext.JsonTextError, match=said):
        jsontext.read(text)


@given(st.dictionaries(st.text(), values))
def test_the_readable_form_reads_back_the_same(value):
    assert jsontext.read(jsontext.write_readable(value)) == value


def test_the_readable_form_has_a_line_for_each_member_and_row():
    text = jsontext.write_readable({"id": "1", "rows": [{"a": 1}, {"a": 2}]})
    assert text.splitlines() == [
        "{",
        '  "id": "1",',
        '  "rows": [',
        '    {"a":1},',
        '    {"a":2}',
        "  ]",
        "}",
    ]


def test_thirty_two_levels_are_read():
    assert jsontext.read("[" * 32 + "]" * 32) is not None


def test_an_outermost_list_is_no_object():
    with pytest.raises(jsontext.JsonTextError, match="最外层"):
        jsontext.read_object("[]")


def test_the_canonical_form_does_not_depend_on_the_order_of_keys():
    assert jsontext.write_canonical({"b": 1, "a": "伤"}) == jsontext.write_canonical({"a": "伤", "b": 1})


def test_an_error_holds_nothing_of_the_content():
    with pytest.raises(jsontext.JsonTextError) as caught:
        jsontext.read('{"aac003": "张无名", }')
    assert "张无名" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "value",
    [
        {"a": "QUJD" * 40_000, "b": ["短", "QUJD" * 20_000, Decimal("1.50")], "c": None},
        {"not plain": "甲" * 70_000, "quoted": '"\\' * 70_000},
        {"a": "x" * (jsontext.LONG - 1), "b": "x" * jsontext.LONG, "c": "x" * (jsontext.LONG + 1)},
        ["QUJD" * 40_000] * 3,
        "QUJD" * 40_000,
        {},
    ],
    ids=["mixed", "not plain", "at the bound", "thrice", "alone", "nothing"],
)
def test_long_texts_are_written_as_all_others_are(value):
    assert jsontext.write_bytes(value) == jsontext.write(value).encode()


@given(values)
def test_the_canonical_form_in_pieces_is_the_same(value):
    assert b"".join(jsontext.canonical_parts(value)) == jsontext.write_canonical(value)
