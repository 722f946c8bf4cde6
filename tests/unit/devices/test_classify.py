"""Classification: what a code is, however a scanner dresses it up."""

from __future__ import annotations

import pytest

from agent.devices import gs1
from agent.devices.classify import CodeTable, classify, rules_from
from agent.devices.text import code_text
from agent.errors import ConfigurationError

TABLE = CodeTable()
ECREDENTIAL = "4240123456789012345678360000"
ESSCARD = "ECWI530100100000601234"
TRACE = "81012345678901234567"
LETTERS = "8101234abcDEF0987XyZ"
GS1 = "0106901234567892172801001021A\x1d21S-1/b"


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (ECREDENTIAL, "ecredential"),
        (ESSCARD, "esscard"),
        (TRACE, "tracecode"),
        (LETTERS, "tracecode"),
        ("MA.156.M0.100123.10.A1", "tracecode"),
        (f"]d2{GS1}", "tracecode"),
        (GS1, "tracecode"),
        ("6901234567892", "ean13"),
        ("]E06901234567892", "ean13"),
        ("6901234567893", "unknown"),  # a wrong check digit
        ("86901234567890", "unknown"),  # 本位码
        ("https://a.cn/1234567", "unknown"),
        ("281234567890123456", "unknown"),
        ("", "unknown"),
        ("张三", "unknown"),
    ],
)
def test_each_form_has_its_kind(sent: str, kind: str) -> None:
    assert classify(sent.encode(), TABLE).kind == kind


@pytest.mark.parametrize("identifier", ["]C1", "]d2", "]Q3", "]e0"])
def test_gs1_codes_are_taken_apart_and_keep_their_separators(identifier: str) -> None:
    code = classify(f"{identifier}\x1d{GS1}\x1d\r".encode(), TABLE)
    assert code.kinds == ("tracecode",)
    assert code.text == GS1
    assert code.elements == {"01": "06901234567892", "17": "280100", "10": "21A", "21": "S-1/b"}
    assert code.drug == "06901234567892"
    assert code.symbology == identifier[1:]
    assert code.without_separators == GS1.replace("\x1d", "")


@pytest.mark.parametrize("code", [TRACE, ECREDENTIAL, ESSCARD, GS1])
def test_a_separator_at_an_edge_belongs_to_no_code(code: str) -> None:
    found = classify(f"\x1d{code}\x1d\r".encode(), TABLE)
    assert (found.text, found.kind) == (code, classify(code.encode(), TABLE).kind)


def test_a_gs1_code_is_the_same_box_with_and_without_its_identifier() -> None:
    bare = classify(b"01069012345678922100042", TABLE)
    dressed = classify(b"]C101069012345678922100042\x1d17280100", TABLE)
    assert bare.identity == dressed.identity == "01069012345678922100042"


def test_the_first_seven_characters_of_a_trace_code_tell_the_medicine() -> None:
    assert classify(TRACE.encode(), TABLE).drug == "8101234"
    assert classify(f"]C0{LETTERS}".encode(), TABLE).drug == "8101234"
    assert classify(ECREDENTIAL.encode(), TABLE).drug == ""


def test_letters_keep_their_case_and_full_width_forms_are_folded() -> None:
    wide = "".join(chr(ord(char) + 0xFEE0) for char in LETTERS)
    for encoding in ("utf-8", "gb18030"):
        code = classify(wide.encode(encoding), TABLE)
        assert (code.kind, code.text) == ("tracecode", LETTERS)


def test_a_shipping_label_is_no_trace_code() -> None:
    assert classify(b"]C100069012345678901230", TABLE).kind == "unknown"
    assert classify(b"00069012345678901230", TABLE).kind == "tracecode"  # without the scanner's word


def test_a_code_that_fits_several_kinds_names_them_all() -> None:
    assert classify(b"0106901234567892210042", TABLE).kinds == ("tracecode", "esscard")
    assert classify(b"0106901234567892211234567890", TABLE).kinds == ("tracecode", "ecredential")


def test_a_gtin_whose_check_digit_is_wrong_is_believed_only_with_an_identifier() -> None:
    assert classify(b"01069012345678912199", TABLE).kinds == ("tracecode",)  # by its 20 characters
    assert classify(b"01069012345678912199", TABLE).elements == {}
    assert classify(b"]d201069012345678912199", TABLE).elements["21"] == "99"


def test_a_trade_item_needs_the_scanners_word_or_a_second_element() -> None:
    assert classify(b"0106901234567892", TABLE).kind == "unknown"
    assert classify(b"]d20106901234567892", TABLE).kind == "tracecode"
    assert classify(b"]C0010690123456789210LOT7\x1d21S1", TABLE).kind == "unknown"
    assert classify(b"010690123456789210LOT7\x1d21S1", TABLE).kind == "tracecode"


def test_a_lost_separator_is_seen_by_a_lot_that_is_too_long() -> None:
    assert gs1.elements("010690123456789210LOT45678921SERIAL1234567") is None
    assert gs1.elements("010690123456789210LOT456789\x1d21SERIAL1234567") is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x1d",
        "01",
        "0106901234567",
        "01A6901234567892",
        "17281301",
        "1728013A",
        "10",
        "10\x1d21A",
        "0X",
        "05123",
        "10LOT 1",
        "10A\x1d10B",
        "２1A",
    ],
)
def test_what_is_no_string_of_elements_is_none(text: str) -> None:
    assert gs1.elements(text) is None


def test_an_identifier_alone_is_a_code_and_not_an_identifier() -> None:
    assert classify(b"]C1", TABLE).text == "]C1"


def test_prefixes_and_suffixes_of_the_site_are_taken_off_once_and_never_the_whole_code() -> None:
    assert code_text(b"P00P00123#\r", ("P", "P00"), ("#",)) == "P00123"
    assert code_text(b"P00", ("P00",)) == "P00"
    assert code_text(b"#", (), ("#",)) == "#"


def test_the_sites_own_rules_come_first() -> None:
    rules = rules_from(
        [
            {"kind": "invoice", "pattern": r"FP\d{18}"},
            {"kind": "wristband", "pattern": ".+", "symbologies": ["]Q1"]},
        ]
    )
    table = CodeTable(rules)
    assert classify(b"FP123456789012345678", table).kinds == ("invoice", "tracecode")
    assert classify(b"]Q1" + TRACE.encode(), table).kind == "wristband"
    assert classify(TRACE.encode(), table).kind == "tracecode"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"kind": "x", "pattern": "("}, "正则"),
        ({"kind": "x", "pattern": r"\d*"}, "空的码"),
        ({"kind": "x", "pattern": r"(\d+)+X"}, "匹配很久"),
        ({"kind": "X", "pattern": "a"}, "kind"),
        ({"kind": "x"}, "只能写一个"),
        ({"kind": "x", "pattern": "a", "form": "gs1"}, "只能写一个"),
        ({"kind": "x", "form": "ean8"}, "form"),
        ({"kind": "x", "pattern": "a", "patern": "b"}, "patern"),
        ({"kind": "x", "pattern": "a", "symbologies": "Q1"}, "symbologies"),
    ],
)
def test_a_wrong_row_is_refused_with_its_number(row: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=f"第 2 行.*{says}"):
        rules_from([{"kind": "ok", "pattern": "a"}, row])


def test_a_code_longer_than_any_pattern_is_meant_for_is_tried_on_none() -> None:
    table = CodeTable(rules_from([{"kind": "link", "pattern": "https://.+"}]))
    assert classify(b"https://" + b"a" * 504, table).kind == "link"
    assert classify(b"https://" + b"a" * 505, table).kind == "unknown"


def test_a_code_keeps_itself_to_itself() -> None:
    assert ECREDENTIAL not in repr(classify(ECREDENTIAL.encode(), TABLE))
    assert "06901234567892" not in repr(classify(GS1.encode(), TABLE))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0106901234567892\x1d17280101\x1d\x1d21S1", {"01": "06901234567892", "17": "280101", "21": "S1"}),
        (
            "01069012345678924101234567890128" + "21S1",
            {"01": "06901234567892", "410": "1234567890128", "21": "S1"},
        ),
        ("0106901234567892" + "3103000125" + "10L1", {"01": "06901234567892", "3103": "000125", "10": "L1"}),
        ("\x1d0106901234567892\x1d10L1\x1d", {"01": "06901234567892", "10": "L1"}),
    ],
)
def test_separators_where_none_is_needed_and_longer_identifiers_are_understood(
    text: str, found: dict[str, str]
) -> None:
    assert gs1.elements(text) == found


def test_group_separators_at_the_edges_are_part_of_the_text() -> None:
    assert code_text(b" \x1dA1\x1d\r\n") == "\x1dA1\x1d"
