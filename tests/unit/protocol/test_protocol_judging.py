"""Rules speak of what can be read, beside every fault of the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent.catalog import load_catalog
from agent.errors import CatalogError, Fault, SubmissionInvalid
from agent.events import JsonObject
from agent.protocol.batches import split
from agent.protocol.judging import judge, readable_part
from agent.protocol.rules import (
    Judged,
    Rule,
    all_of,
    check,
    in_order,
    not_after_today,
    not_before_today,
    not_negative,
    positive,
    unique,
)
from tests.unit.protocol.moments import at

GYU101 = load_catalog("plugins.ministry.catalog").transaction("GYU101")
TODAY = at(9).date()
GOOD = {
    "akb020": "H1",
    "alc002": "1",
    "aab360": "510104",
    "aac002": "519900199901011234",
    "aac003": "测试甲",
    "aka130": "72",
    "akc190": "ZY1",
    "aae030": "20260101",
}


def run(rule: Rule, *rows: JsonObject, head: JsonObject | None = None) -> list[tuple[str, str]]:
    judged = Judged(GYU101, {**(head or {}), "datalist": list(rows)}, TODAY)
    return [(fault.pointer, fault.code) for fault in rule(judged)]


@pytest.mark.parametrize(
    ("rule", "holds", "breaks"),
    [
        (positive("datalist", "n"), ["0.01", "", "x", "NaN"], ["0", "-1", "0.00"]),
        (not_negative("datalist", "n"), ["0", "1", "", "x"], ["-0.01"]),
        (not_after_today("datalist", "n"), ["20260102", "20251231", "", "2027"], ["20260103"]),
        (not_before_today("datalist", "n"), ["20260102", "20260103", ""], ["20260101"]),
    ],
    ids=["positive", "not_negative", "not_after_today", "not_before_today"],
)
def test_bounds(rule: Rule, holds: list[str], breaks: list[str]) -> None:
    assert run(rule, *({"n": value} for value in holds)) == []
    assert len(run(rule, *({"n": value} for value in breaks))) == len(breaks)


def test_two_days_must_be_in_order_when_both_are_there() -> None:
    rule = in_order("datalist", "a", "b", "RE1150")
    rows = [
        {"a": "20260101", "b": "20260101"},
        {"a": "20260102", "b": "20260101"},
        {"a": "20260102", "b": ""},
    ]
    assert run(rule, *rows) == [("/datalist/1/a", "RE1150")]


def test_a_repeated_key_is_told_at_each_repetition() -> None:
    rule = unique("datalist", ("a", "b"), "RE1")
    rows = [{"a": "1", "b": "1"}, {"a": "1", "b": "2"}, {"a": "1", "b": "1"}, {"a": "1", "b": "1"}]
    assert run(rule, *rows) == [("/datalist/2/b", "RE1"), ("/datalist/3/b", "RE1")]


def test_rows_without_a_key_do_not_repeat_each_other() -> None:
    assert run(unique("datalist", ("a", "b")), {"a": "1"}, {"a": "1"}) == []
    assert len(run(unique("datalist", ("a", "b"), optional=("b",)), {"a": "1"}, {"a": "1"})) == 1


def test_several_rules_under_one_name_all_speak() -> None:
    rule = all_of(positive("datalist", "n"), not_before_today("datalist", "d"))
    assert run(rule, {"n": "0", "d": "20260101"}) == [("/datalist/0/n", ""), ("/datalist/0/d", "")]


def test_a_rule_at_the_head_looks_at_the_head() -> None:
    assert run(positive("", "n"), {"n": "0"}, head={"n": "-1"}) == [("/n", "")]


def test_a_fault_names_the_field_as_the_document_does() -> None:
    judged = Judged(GYU101, {"datalist": [{"aae030": "20260103"}]}, TODAY)
    fault = next(iter(not_after_today("datalist", "aae030", "RE1121")(judged)))
    assert (fault.field, fault.name, fault.code) == ("aae030", "入院时间", "RE1121")


def test_a_rule_that_nobody_provides_is_a_catalog_error() -> None:
    with pytest.raises(CatalogError, match="gyu101_admission_day"):
        check(Judged(GYU101, {}, TODAY), {})


def test_skipped_rules_do_not_speak() -> None:
    spec = replace(GYU101, rules=("a", "b"))
    rules = {"a": positive("", "n"), "b": not_negative("", "n")}
    faults = check(Judged(spec, {"n": "-1"}, TODAY), rules, {"a"})
    assert [fault.message for fault in faults] == ["必须大于等于 0"]


SPEC = replace(GYU101, rules=("seen",))


def seen(found: list[JsonObject]) -> Rule:
    """A rule that records what it is shown and finds one fault."""

    def rule(judged: Judged) -> Iterator[Fault]:
        found.append(judged.data)
        yield Fault("/seen", "seen", "seen")

    return rule


def test_rules_see_unreadable_values_as_unknown_and_add_their_faults() -> None:
    data = {"DataList": [{**GOOD, "aae030": "gestern"}, {**GOOD, "aac003": ""}]}
    shown: list[JsonObject] = []
    with pytest.raises(SubmissionInvalid) as caught:
        judge(SPEC, data, TODAY, {"seen": seen(shown)})
    pointers = [fault.pointer for fault in caught.value.faults]
    assert pointers == ["/DataList/0/aae030", "/DataList/1/aac003", "/seen"]
    first, second = shown[0]["datalist"]
    assert first["aae030"] == {"$slot": ""}
    assert (first["akc190"], second["aae030"]) == ("ZY1", "20260101")
    assert data["DataList"][0]["aae030"] == "gestern", "what was dropped stays as it was"


@pytest.mark.parametrize("data", [None, [], "x", 1], ids=str)
def test_data_that_is_no_object_is_refused_without_asking_rules(data: Any) -> None:
    with pytest.raises(SubmissionInvalid):
        judge(SPEC, data, TODAY, {"seen": seen([])})
    assert readable_part(SPEC, data, []) is None


def test_slots_are_not_for_a_his_to_write() -> None:
    data = {"datalist": [{**GOOD, "akc190": {"$slot": "akc190"}}]}
    with pytest.raises(SubmissionInvalid):
        judge(replace(GYU101, rules=()), data, TODAY, {})


def test_a_row_limit_holds_where_the_list_is_not_to_be_split() -> None:
    data = {"datalist": [{**GOOD, "akc190": str(number)} for number in range(501)]}
    assert len(judge(replace(GYU101, rules=()), data, TODAY, {}).data["datalist"]) == 501
    with pytest.raises(SubmissionInvalid):
        judge(replace(GYU101, rules=()), data, TODAY, {}, limit_rows=True)


@pytest.mark.parametrize(
    "pointer", ["", "/nowhere", "/datalist/9/aae030", "/datalist/x", "/datalist/0/aae030/deeper"]
)
def test_a_pointer_that_leads_nowhere_blanks_nothing(pointer: str) -> None:
    found = readable_part(SPEC, {"datalist": [GOOD]}, [Fault(pointer, "missing", "")])
    assert found is not None
    assert found["datalist"][0]["aae030"] == "20260101"


def test_a_fault_within_what_is_blanked_already_changes_nothing() -> None:
    faults = [
        Fault("/datalist/0/aae030", "x", ""),
        Fault("/datalist", "x", ""),
        Fault("/datalist/0/akc190", "x", ""),
    ]
    found = readable_part(SPEC, {"datalist": [GOOD]}, faults)
    assert found == {"datalist": {"$slot": ""}}


def test_what_holds_data_does_not_show_it() -> None:
    judged = Judged(GYU101, {"datalist": [GOOD]}, TODAY)
    holder = next(judged.holders("datalist"))
    normal = judge(replace(GYU101, rules=()), {"datalist": [GOOD]}, TODAY, {})
    batch = next(split(GYU101, normal.data))
    assert "测试甲" not in f"{judged!r}{holder!r}{normal!r}{batch!r}"
