"""The platform's field check: every code that the catalog gives a field is reachable over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from agent.catalog.loader import load_catalog
from agent.catalog.model import CodeTable, Condition, FieldSpec
from plugins.ministry.simulator.fields import FieldReader, lower_case_only
from plugins.ministry.simulator.refusals import Refusal
from plugins.ministry.simulator.transactions import TRANSACTIONS
from tests.unit.ministry.simulator.forms import PERSON, SAMPLES, admissions, fee, fees
from tests.unit.ministry.simulator.rehearsed import Rehearsed, rehearsed

CATALOG = load_catalog("plugins.ministry.catalog")
NUMBER = {"aaz515": "1"}
FILLED: dict[str, dict[str, Any]] = {
    "GYU004": NUMBER,
    "GYR003": NUMBER,
    "GYR004": NUMBER,
    "GYU003": NUMBER,
    "GYU008": {"downno": "1"},
    "GYD008": {"hisbusitype": "GYD101"},
    "GYU009": {"transtype": "2", "akb020": "51010000001"},
    "GYD101": PERSON,
}
"""Numbers that the platform would have given, so that a sample has no fault but the one looked for."""


def breaking(spec: FieldSpec, fault: str) -> Any:
    """A value of this field that breaks this rule and none before it."""
    if fault == "length" and spec.kind == "number":
        return "9" * ((spec.digits or 0) + 1)
    if fault == "length":
        return "9" * ((spec.max_length or 0) + 1)
    if fault == "table" and spec.format == "region":
        return "990000"
    if fault == "value" and spec.table:
        return next(code for code in CATALOG.tables[spec.table].codes if code not in spec.one_of)
    return {
        "missing": "",
        "number": "x" * (spec.max_length or 1),
        "format": "2026999999"[: spec.max_length],
        "table": "888"[: min(2, spec.max_length or 2)],
        "value": "GYU999",
        "array": {"no": "array"},
    }[fault]


def breakable(spec: FieldSpec, fault: str) -> bool:
    """Lists and files have tests of their own; what depends on other fields has cases."""
    if fault in ("limit", "size", "unwanted", "array") or (fault == "missing" and spec.required is not True):
        return False
    return fault != "length" or spec.kind == "number" or spec.max_length is not None


def reachable() -> Iterator[Any]:
    for code, sample in SAMPLES.items():
        for field in CATALOG.transaction(code).request:
            in_rows = [(child, True) for child in field.children] if field.code == sample.rows else []
            for child, row in in_rows or [(field, False)]:
                for fault, refusal in child.codes.items():
                    if breakable(child, fault):
                        yield pytest.param(
                            code, child, row, fault, refusal, id=f"{code}-{child.code}-{fault}"
                        )


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsed]:
    with rehearsed() as running:
        province = running.province
        assert province.send("GYU101", admissions()).rows == ["RE0000"]
        yield running


@pytest.mark.parametrize(("code", "spec", "row", "fault", "refusal"), list(reachable()))
def test_each_fault_of_each_field_gets_the_documents_code(
    rehearsal: Rehearsed, code: str, spec: FieldSpec, row: bool, fault: str, refusal: str
) -> None:
    sample, filled = SAMPLES[code], FILLED.get(code, {})
    head = {} if sample.rows else filled
    rows = [{**filled, **({spec.code: breaking(spec, fault)} if row else {})}]
    data = sample.data(rows, head if row else {**head, spec.code: breaking(spec, fault)})
    told = rehearsal.province.send(code, data)
    answer_list = CATALOG.transaction(code).answer_list
    given = [each["ret_code"] for each in told.data[answer_list]] if row and answer_list else []
    assert (given or [told.busi]) == [refusal]


def test_the_transactions_modelled_are_the_catalogs() -> None:
    assert set(TRANSACTIONS) == set(CATALOG.transactions)


def test_a_fault_without_a_code_of_its_own_says_which_field(rehearsal: Rehearsed) -> None:
    told = rehearsal.province.send("GYU102", fees(fee(aae058="x")))
    assert told.rows == ["RE1107"]
    assert told.data["datalist"][0]["ret_msg"] == "参数异常：总金额（元）必须是数字"


def test_a_decimal_too_many_is_a_length_fault(rehearsal: Rehearsed) -> None:
    assert rehearsal.province.send("GYU102", fees(fee(akc225="1.1234567"))).rows == ["RE0214"]
    assert rehearsal.province.send("GYU102", fees(fee(akc225="10.00000000"))).rows == ["RE0000"]


def spec(**changes: Any) -> FieldSpec:
    given = {"code": "x", "name": "字段", "type": "C", "length": "", "required": False, "kind": "text"}
    return FieldSpec(**{**given, **changes})


def read(*fields: FieldSpec, **given: Any) -> Any:
    tables = {"T": CodeTable("T", "表", {"1": ("一",)})}
    return FieldReader(tables.__getitem__).read(fields, given)


@pytest.mark.parametrize("given", [{}, {"x": None}, {"x": ""}, {"x": "  "}, {"x": []}])
def test_absent_null_and_blank_are_the_same(given: dict[str, Any]) -> None:
    assert read(spec(), **given) == {"x": ""}
    assert read(spec(kind="number"), **given) == {"x": None}
    assert read(spec(kind="list"), **given) == {"x": []}
    assert read(spec(required=True, codes={"missing": "RE1"}), **given) == Refusal("RE1")


def test_zero_is_a_value() -> None:
    assert read(spec(kind="number", required=True, digits=3), x=0) == {"x": Decimal(0)}
    assert read(spec(required=True), x="0") == {"x": "0"}


def test_texts_may_come_as_numbers_but_not_as_anything_else() -> None:
    assert read(spec(), x=20260301) == {"x": "20260301"}
    for wrong in (True, {}, {"a": 1}, ["x"]):
        assert isinstance(read(spec(required=True), x=wrong), Refusal)


@pytest.mark.parametrize("text", ["1e3", "0x1", "1.", ".5", "１", "--1", "1,000", "NaN"])
def test_only_plain_numbers_are_numbers(text: str) -> None:
    assert read(spec(kind="number", codes={"number": "RE1"}), x=text) == Refusal("RE1")


def test_a_condition_makes_a_field_mandatory_or_forbidden() -> None:
    kind = spec(code="kind")
    when = spec(required="conditional", when=(Condition("kind", among=frozenset({"1"})),))
    assert isinstance(read(kind, when, kind="1"), Refusal)
    assert read(kind, when, kind="2") == {"kind": "2", "x": ""}
    empty = spec(empty=(Condition("kind", excluding=frozenset({"1"})),), codes={"unwanted": "RE1"})
    assert read(kind, empty, kind="2", x="a") == Refusal("RE1")
    assert read(kind, empty, kind="1", x="a") == {"kind": "1", "x": "a"}
    other = spec(required="conditional", when=(Condition("kind", present=True),))
    assert isinstance(read(kind, other, kind="1"), Refusal)
    assert read(kind, other) == {"kind": "", "x": ""}


def test_a_condition_looks_into_the_object_around_and_into_lists() -> None:
    inner = spec(
        required="conditional", when=(Condition("kind", among=frozenset({"1"})),), codes={"missing": "RE1"}
    )
    rows = spec(code="rows", kind="list", children=(inner,))
    assert read(rows, rows=[{"y": "1"}], kind="1") == Refusal("RE1")
    dotted = spec(required="conditional", when=(Condition("files.type", among=frozenset({"01"})),))
    assert isinstance(read(dotted, files=[{"type": "02"}, {"type": "01"}]), Refusal)
    assert read(dotted, files=[{"type": "02"}]) == {"x": ""}


def test_an_alias_is_read_under_the_fields_own_name() -> None:
    assert read(spec(aliases=("akb299",)), akb299="510000") == {"x": "510000"}


@pytest.mark.parametrize(
    ("changes", "good", "bad"),
    [
        ({"format": "date:YYYYMM"}, "202602", "202613"),
        ({"format": "date:YYYY-MM-DD"}, "2026-02-28", "2026-02-30"),
        ({"format": "digits"}, "0012", "12a"),
        ({"format": "region"}, "510104", "200104"),
        ({"format": "base64", "max_bytes": 3}, "YWJj", "YWJjZA=="),
        ({"format": "base64"}, "YWJj", "YWJ"),
        ({"format": "base64"}, "YWJj", "YW-Jj"),
        ({"format": "extension:pdf,jpg"}, "plan.PDF", "plan.exe"),
        ({"table": "T"}, "1", "2"),
        ({"one_of": ("a", "b")}, "b", "c"),
        ({"min_length": 3, "max_length": 4}, "abc", "ab"),
    ],
)
def test_each_limit_passes_the_good_and_refuses_the_bad(changes: dict[str, Any], good: str, bad: str) -> None:
    assert read(spec(**changes), x=good) == {"x": good}
    assert isinstance(read(spec(**changes), x=bad), Refusal)


def test_lists_are_arrays_of_objects_within_their_limit() -> None:
    rows = spec(kind="list", max_items=1, codes={"array": "RE1", "limit": "RE2"}, children=(spec(code="y"),))
    assert read(rows, x=[{"y": " 1 "}]) == {"x": [{"y": "1"}]}
    assert read(rows, x="no") == Refusal("RE1")
    assert read(rows, x=[{}, {}]) == Refusal("RE2")
    assert read(rows, x=["no"]) == Refusal("RE1")


def test_an_object_is_read_by_its_children() -> None:
    head = spec(kind="object", children=(spec(code="y", required=True, codes={"missing": "RE1"}),))
    assert read(head, x={"y": " 1 ", "z": 2}) == {"x": {"y": "1"}}
    assert read(head, x={"z": 2}) == Refusal("RE1")
    assert isinstance(read(head, x="{}"), Refusal)


def test_upper_case_is_found_at_any_depth() -> None:
    assert lower_case_only({"a": [{"b_s": "X"}], "c": "Y"})
    assert not lower_case_only({"a": [{"B": 1}]})
