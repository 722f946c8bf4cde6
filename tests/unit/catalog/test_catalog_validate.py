"""Every fault of a message is told at once, with its place, rule and official code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.catalog import TransactionSpec, examine, open_catalog, validate
from agent.errors import CatalogError
from tests.unit.catalog.small_catalog import BEHAVIOUR, IF, NAME, NO, inline, rows, write_catalog

HEAD = NAME


def spec_of(folder: Path, *fields: str, behaviour: str = "") -> TransactionSpec:
    request = ",\n".join(fields)
    text = BEHAVIOUR + behaviour + f"request = [\n{request}\n]\n"
    return open_catalog(write_catalog(folder, t1=text)).transaction("T1")


def told(spec: TransactionSpec, data: Any, **options: Any) -> list[tuple[str, str, str]]:
    return [(fault.pointer, fault.rule, fault.code) for fault in examine(spec, data, **options).faults]


NUMBER = inline("nr", "号", length="3")
FEE = inline("fee", "金额", 'codes={length="E6", number="E7"}', kind="N", length="6,2", required=NO)
ROWS = rows(NUMBER, FEE, more='codes={missing="E3", array="E4", limit="E5"}, ')


def test_all_faults_of_a_message_come_at_once_in_document_order(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, HEAD, ROWS)
    data = {"name": " ", "rows": [{"nr": "1", "fee": "x"}, {"nr": "1234", "fee": "1.234"}, {"fee": 1}]}
    assert told(spec, data) == [
        ("/name", "missing", "E1"),
        ("/rows/0/fee", "number", "E7"),
        ("/rows/1/nr", "length", ""),
        ("/rows/1/fee", "precision", "E6"),
        ("/rows/2/nr", "missing", ""),
    ]


def test_a_fault_names_field_and_chinese_name_but_never_the_value(tmp_path: Path) -> None:
    (fault,) = validate(spec_of(tmp_path, HEAD), {"name": "赵钱孙李周"})
    assert (fault.field, fault.name, fault.code) == ("name", "姓名", "E2")
    assert fault.message == "姓名长度不能超出限制（最多 4 个字符，现有 5 个）"
    assert "赵" not in str(fault.as_json())


def test_length_counts_characters_after_trimming(tmp_path: Path) -> None:
    assert validate(spec_of(tmp_path, HEAD), {"name": "　赵钱孙李 "}) == []


def test_a_code_may_need_all_its_characters(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, inline("usci", "信用代码", 'min_length=3, codes={length="E2"}', length="3"))
    assert told(spec, {"usci": "X1"}) == [("/usci", "length", "E2")]
    assert told(spec, {"usci": "X12"}) == []


@pytest.mark.parametrize("value", [None, "", " ", "\t"])
def test_absent_null_and_blank_are_the_same(tmp_path: Path, value: Any) -> None:
    assert told(spec_of(tmp_path, HEAD), {"name": value}) == [("/name", "missing", "E1")]


@pytest.mark.parametrize("value", [["x"], {"a": "b"}, [], {}, True, 1.5])
def test_a_scalar_field_takes_no_structure(tmp_path: Path, value: Any) -> None:
    assert told(spec_of(tmp_path, HEAD), {"name": value}) == [("/name", "type", "")]


@pytest.mark.parametrize("value", ["赵?", "赵\ufffd"])
def test_a_name_that_an_encoding_has_damaged_is_refused(tmp_path: Path, value: str) -> None:
    assert told(spec_of(tmp_path, HEAD), {"name": value}) == [("/name", "characters", "")]


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_business_data_must_be_an_object(tmp_path: Path, data: Any) -> None:
    assert told(spec_of(tmp_path, HEAD), data) == [("", "type", "")]


@pytest.mark.parametrize("value", ["x", {"nr": "1"}, 3])
def test_a_list_must_be_an_array(tmp_path: Path, value: Any) -> None:
    assert told(spec_of(tmp_path, ROWS), {"rows": value}) == [("/rows", "array", "E4")]


@pytest.mark.parametrize("value", [None, "", []])
def test_a_required_list_needs_an_element(tmp_path: Path, value: Any) -> None:
    assert told(spec_of(tmp_path, ROWS), {"rows": value}) == [("/rows", "missing", "E3")]


def test_an_answer_may_have_an_empty_list_but_not_none(tmp_path: Path) -> None:
    text = BEHAVIOUR + f"response = [{ROWS}]\n"
    spec = open_catalog(write_catalog(tmp_path, t1=text)).transaction("T1")
    assert told(spec, {"rows": []}, side="response") == []
    assert told(spec, {}, side="response") == [("/rows", "missing", "E3")]


@pytest.mark.parametrize("element", [None, {}, ""])
def test_an_element_that_is_not_there_is_empty(tmp_path: Path, element: Any) -> None:
    assert told(spec_of(tmp_path, ROWS), {"rows": [{"nr": "1"}, element]}) == [("/rows/1", "empty", "")]


def test_a_blank_element_tells_its_mandatory_fields(tmp_path: Path) -> None:
    blank = {"nr": " ", "fee": None}
    assert told(spec_of(tmp_path, ROWS), {"rows": [blank]}) == [("/rows/0/nr", "missing", "")]


def test_a_blank_element_of_optional_fields_is_empty(tmp_path: Path) -> None:
    assert told(spec_of(tmp_path, rows(FEE)), {"rows": [{"fee": " "}]}) == [("/rows/0", "empty", "")]


def test_an_element_must_be_an_object(tmp_path: Path) -> None:
    assert told(spec_of(tmp_path, ROWS), {"rows": ["1"]}) == [("/rows/0", "type", "")]


def test_a_split_list_has_no_limit_unless_asked(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, ROWS, behaviour='max_rows = 2\nlist = "rows"\n')
    data = {"rows": [{"nr": str(number)} for number in range(3)]}
    assert told(spec, data) == []
    assert told(spec, data, limit_rows=True) == [("/rows", "limit", "E5")]


def test_max_items_bounds_a_list_that_is_not_split(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, rows(NUMBER, more='max_items=1, codes={limit="E5"}, '))
    assert told(spec, {"rows": [{"nr": "1"}, {"nr": "2"}]}) == [("/rows", "limit", "E5")]


def test_a_list_of_plain_values_takes_values_and_no_blanks(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, inline("tags", "标签", kind="List", length="", required=NO))
    assert told(spec, {"tags": ["a", "b"]}) == []
    assert told(spec, {"tags": ["a", ""]}) == [("/tags/1", "empty", "")]


def test_codes_must_be_in_their_table(tmp_path: Path) -> None:
    colour = inline("colour", "颜色", 'table="COLOUR", codes={table="E8"}', required=NO)
    spec = spec_of(tmp_path, colour)
    assert told(spec, {"colour": 2}) == []
    assert told(spec, {"colour": "3"}) == [("/colour", "table", "E8")]


def test_unknown_error_codes_pass(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, inline("code", "结果", 'table="CODE"'))
    assert told(spec, {"code": "E999"}) == []


def test_a_table_that_does_not_exist_is_a_catalog_error(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, inline("a", "甲", 'table="HUE"'))
    with pytest.raises(CatalogError, match="HUE"):
        validate(spec, {})


def test_one_of_narrows_a_table(tmp_path: Path) -> None:
    colour = inline("colour", "颜色", 'table="COLOUR", one_of=["1"], codes={value="E9"}')
    assert told(spec_of(tmp_path, colour), {"colour": "2"}) == [("/colour", "value", "E9")]


def test_numbers_are_compared_by_value(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, inline("q", "季", 'one_of=["1", "2"]', kind="N", length="1"))
    assert told(spec, {"q": "1.0"}) == []
    assert told(spec, {"q": 3}) == [("/q", "value", "")]


def test_a_file_is_measured_decoded(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path,
        inline("f", "文件", 'format="base64", max_bytes=3, codes={size="E9"}', length="-"),
    )
    assert told(spec, {"f": "YWJj"}) == []
    assert told(spec, {"f": "YWJjZA=="}) == [("/f", "size", "E9")]


KIND = inline("kind", "类别", length="2")


def test_a_condition_makes_a_field_mandatory(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path,
        KIND,
        inline("why", "原因", 'when={field="kind", in=["2"]}, codes={missing="E1"}', required=IF),
    )
    assert told(spec, {"kind": "1"}) == []
    assert told(spec, {"kind": " 2"}) == [("/why", "missing", "E1")]
    assert told(spec, {"kind": 2}) == [("/why", "missing", "E1")]


def test_conditions_look_outwards_and_may_be_several(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path,
        KIND,
        rows(
            NUMBER,
            inline(
                "why", "原因", 'when=[{field="kind", not_in=["1"]}, {field="nr", present=true}]', required=IF
            ),
            required=NO,
        ),
    )
    assert told(spec, {"kind": "2", "rows": [{"nr": "1"}]}) == [("/rows/0/why", "missing", "")]
    assert told(spec, {"kind": "1", "rows": [{"nr": "1"}]}) == []
    assert told(spec, {"kind": "", "rows": [{"nr": "1"}]}) == [("/kind", "missing", "")]


def test_a_dotted_condition_asks_any_element_in_any_spelling(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path,
        inline("nr", "号", 'when={field="rows.kind", in=["2"]}', length="3", required=IF),
        rows(KIND, required=NO),
    )
    assert told(spec, {"rows": [{"kind": "1"}]}) == []
    assert told(spec, {"rows": [{"kind": "1"}, {"KIND": "2"}]}) == [("/nr", "missing", "")]


@pytest.mark.parametrize("named", ["nothing", "kind.nothing", "rows.nothing"])
def test_a_condition_on_a_field_that_no_level_has_is_a_catalog_error(tmp_path: Path, named: str) -> None:
    text = inline("a", "甲", f'when={{field="{named}", in=["2"]}}', length="3", required=IF)
    with pytest.raises(CatalogError, match=named):
        validate(spec_of(tmp_path, KIND, ROWS, text), {})


def test_a_field_may_have_to_be_empty(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path,
        KIND,
        inline("nr", "号", 'empty={field="kind", in=["1"]}, codes={unwanted="E9"}', length="3", required=NO),
    )
    assert told(spec, {"kind": "1", "nr": ""}) == []
    assert told(spec, {"kind": "2", "nr": "7"}) == []
    assert told(spec, {"kind": "1", "nr": "7"}) == [("/nr", "unwanted", "E9")]


def test_an_absent_field_may_stand_for_a_value(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path,
        KIND,
        inline("state", "状态", 'absent_as={field="kind", in=["2"], value="0"}', length="1"),
    )
    assert told(spec, {"kind": "2"}) == []
    assert told(spec, {"kind": "1"}) == [("/state", "missing", "")]


def test_unknown_keys_are_warned_of_and_are_no_fault(tmp_path: Path) -> None:
    report = examine(spec_of(tmp_path, HEAD, ROWS), {"name": "赵", "a/b~": 1, "rows": [{"nr": "1", "x": 2}]})
    assert report.faults == ()
    assert [(warning.pointer, warning.rule) for warning in report.warnings] == [
        ("/a~1b~0", "unknown"),
        ("/rows/0/x", "unknown"),
    ]


def test_keys_match_in_any_case_and_pointers_show_them_as_written(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, HEAD.replace("sensitive", 'aliases=["xm"], sensitive'), ROWS)
    assert told(spec, {"NAME ": "赵", "Rows": [{"NR": "1234"}]}) == [("/Rows/0/NR", "length", "")]
    assert told(spec, {"XM": "赵钱孙李周", "rows": [{"nr": "1"}]}) == [("/XM", "length", "E2")]


def test_one_field_in_two_spellings_is_a_fault(tmp_path: Path) -> None:
    assert told(spec_of(tmp_path, HEAD), {"name": "赵", "NAME": "钱"}) == [("/NAME", "doubled", "")]


def test_slots_stand_for_values_only_where_the_caller_says_so(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, HEAD)
    data = {"name": {"$slot": "x"}}
    assert told(spec, data, slots=True) == []
    assert told(spec, data) == [("/name", "type", "")]


def test_objects_take_objects_or_their_json_text(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, inline("o", "对象", f"children=[{HEAD}]", kind="Object", length="-"))
    assert told(spec, {"o": {"name": "赵"}}) == []
    assert told(spec, {"o": '{"name": ""}'}) == [("/o/name", "missing", "E1")]
    assert told(spec, {"o": "text"}) == [("/o", "type", "")]
