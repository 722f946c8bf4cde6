"""Fields that a HIS leaves to earlier answers: slots where its own keys stand, and what comes of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.catalog import TransactionSpec
from agent.catalog.loader import load_catalog
from agent.catalog.model import CompletionRule, Condition
from agent.dispatch.filling import fill
from agent.events import SLOT, Draft, Hold, Need
from agent.protocol.drafts import drafts_of
from agent.protocol.owing import OWED, owe, unpaid

CATALOG = load_catalog("plugins.ministry.catalog")
GYU004 = CATALOG.transaction("GYU004")
GYU003 = CATALOG.transaction("GYU003")
GYU103 = CATALOG.transaction("GYU103")
STAY = {"akb020": "H1", "akc190": "ZY1"}
SLOT_OF_STAY = {SLOT: "settlement/H1/ZY1"}


def deduction(**more: Any) -> dict[str, Any]:
    row = {"aac002": "519900199901011234", "aac003": "测试甲", "akb020": "H1", "aaz516_s": "K1"}
    return {**row, "aae013": "演练", "aae019": "1.00", **more}


def planned(spec: TransactionSpec, data: dict[str, Any]) -> tuple[Draft, ...]:
    owed = owe(spec, data)
    return tuple(owed.put(spec, draft) for draft in drafts_of(spec, owed.data, "lane"))


# -- planning ----------------------------------------------------------------------------------------------
def test_a_field_that_is_left_out_becomes_a_slot_and_the_key_beside_it_goes() -> None:
    owed = owe(GYU004, {"datalist": [deduction(akc190="ZY1")]})
    (row,) = owed.data["datalist"]
    assert row["aaz515"] == SLOT_OF_STAY
    assert "akc190" not in row
    assert owed.needs == {
        "settlement/H1/ZY1": Need("settlement/H1/ZY1", "settlement", ("H1", "ZY1"), required=False)
    }


@pytest.mark.parametrize("given", ["S-1", " S-1 ", 7])
def test_a_value_that_the_his_gives_stands(given: Any) -> None:
    owed = owe(GYU004, {"datalist": [deduction(akc190="ZY1", aaz515=given)]})
    assert owed.data["datalist"][0]["aaz515"] == given
    assert not owed.needs


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_an_empty_value_is_one_that_is_left_out(blank: Any) -> None:
    owed = owe(GYU004, {"datalist": [deduction(akc190="ZY1", aaz515=blank)]})
    assert owed.data["datalist"][0]["aaz515"] == SLOT_OF_STAY


def test_keys_are_found_in_whatever_case_and_in_the_head() -> None:
    row = {"AKC190": "ZY1", "trtype": "1"}
    owed = owe(GYU003, {"AKB020": "H1", "datalist": [row]})
    assert owed.data["datalist"] == [{"trtype": "1", "aaz515": SLOT_OF_STAY}]


def test_without_the_whole_key_nothing_is_owed_and_the_catalog_says_what_is_missing() -> None:
    row = deduction(akc190="ZY1")
    del row["akb020"], row["aac002"]
    owed = owe(GYU004, {"datalist": [row]})
    assert "aaz515" not in owed.data["datalist"][0]
    assert not owed.needs


def test_a_condition_chooses_between_rules() -> None:
    rows = [{"akc190": "ZY1", "trtype": kind, "aaz516_s": "K1"} for kind in ("1", "2", "3", "4")]
    owed = owe(GYU003, {"akb020": "H1", "datalist": rows})
    kinds = [row["aaz515"][SLOT].partition("/")[0] for row in owed.data["datalist"]]
    assert kinds == ["settlement", "settlement", "revoked", "settlement"]
    assert ["aaz516" in row for row in owed.data["datalist"]] == [False, True, False, True]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Condition("trtype", present=True), True),
        (Condition("trtype", present=False), False),
        (Condition("aaz516", present=False), True),
        (Condition("trtype", excluding=frozenset({"1"})), False),
        (Condition("aaz516", excluding=frozenset({"1"})), False),
    ],
)
def test_every_form_of_condition_counts(condition: Condition, holds: bool) -> None:
    rule = CompletionRule("aaz515", "settlement", ("akb020", "akc190"), at="row", when=condition)
    owed = owe(replace(GYU003, completions=(rule,)), {**STAY, "datalist": [{"trtype": "1", "akc190": "ZY1"}]})
    assert bool(owed.needs) is holds


def test_a_list_within_a_row_is_completed_too() -> None:
    row = {**STAY, "filedata": [{"filetype": "02", "aaa418": "x.pdf", "AAA726_S": "F1"}, {"aaa726": "9"}]}
    owed = owe(GYU103, {"datalist": [row]})
    first, second = owed.data["datalist"][0]["filedata"]
    assert first == {"filetype": "02", "aaa418": "x.pdf", "aaa726": {SLOT: "attachment/F1"}}
    assert second == {"aaa726": "9"}


@pytest.mark.parametrize("data", [None, [], "x", {"datalist": "x"}, {"datalist": ["x", None]}, {}])
def test_data_that_is_none_is_left_to_the_catalogs_checks(data: Any) -> None:
    owed = owe(GYU004, data)
    assert owed.data == data
    assert not owed.needs


def test_a_slot_of_the_his_itself_is_left_as_it_is_to_be_refused() -> None:
    data = {"datalist": [deduction(akc190="ZY1", aaz515={SLOT: "settlement/H9/ZY9"})]}
    assert owe(GYU004, data).data is data


def test_a_transaction_that_completes_nothing_costs_nothing() -> None:
    data = {"datalist": [{}]}
    assert owe(CATALOG.transaction("GYU101"), data).data is data


def test_each_draft_needs_what_its_own_rows_were_left_with_and_stands_in_their_stays() -> None:
    rows = [deduction(akc190=f"ZY{number}", aaz516_s=f"K{number}") for number in range(501)]
    first, second = planned(GYU004, {"datalist": rows})
    assert (len(first.needs), len(second.needs)) == (500, 1)
    assert second.needs[0].key == ("H1", "ZY500")
    assert second.memo[OWED] == [["datalist", 0, "aaz515"]]
    visits = [scope for scope in second.scopes if scope.kind == "visit"]
    assert [(scope.key, scope.hold) for scope in visits] == [(("H1", "ZY500"), Hold.EXCLUSIVE)]


def test_a_need_of_many_rows_is_one() -> None:
    rows = [deduction(akc190="ZY1", aaz516_s=f"K{number}") for number in range(3)]
    (draft,) = planned(GYU004, {"datalist": rows})
    assert len(draft.needs) == 1
    assert len(draft.memo[OWED]) == 3


def test_what_was_wrong_is_still_read_by_its_keys() -> None:
    owed = owe(GYU004, {"datalist": [deduction(akc190="ZY1"), "no row"]})
    assert owed.keyed(GYU004)["datalist"][0]["akc190"] == "ZY1"
    assert owe(GYU004, None).keyed(GYU004) == {}


# -- at the claim -------------------------------------------------------------------------------------------
def claimed(draft: Draft, **values: str) -> Draft:
    slots = {need.slot: "" for need in draft.needs}
    return fill(draft, {**slots, **values})


def test_what_was_found_leaves_nothing_to_say() -> None:
    (draft,) = planned(GYU004, {"datalist": [deduction(akc190="ZY1")]})
    paid = claimed(draft, **{"settlement/H1/ZY1": "S-1"})
    assert paid.body["datalist"][0]["aaz515"] == "S-1"
    assert unpaid(GYU004, paid) == ((), ())


def test_what_is_demanded_and_was_not_found_is_told_at_its_row_of_the_submission() -> None:
    rows = [deduction(akc190=f"ZY{number}", aaz516_s=f"K{number}") for number in range(502)]
    _, second = planned(GYU004, {"datalist": rows})
    faults, warnings = unpaid(GYU004, claimed(second, **{"settlement/H1/ZY500": "S-1"}))
    assert [(fault.pointer, fault.code, fault.rule) for fault in faults] == [
        ("/datalist/501/aaz515", "RE0052", "missing")
    ]
    assert warnings == ()


def test_what_the_document_does_not_demand_is_only_warned_of() -> None:
    row = {**STAY, "filedata": [{"aaa726_s": "F1"}]}
    (draft,) = planned(GYU103, {"datalist": [row]})
    faults, warnings = unpaid(GYU103, claimed(draft))
    assert faults == ()
    assert [warning.pointer for warning in warnings] == ["/datalist/0/filedata/0/aaa726"]
