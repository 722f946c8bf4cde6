"""What a HIS may leave out, and what it may write otherwise."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from agent.errors import SubmissionInvalid
from agent.events import SLOT, Draft, JsonObject, Submission
from tests.unit.jiangxi.province import (
    HOSPITAL,
    TODAY,
    clinic,
    fee,
    fees,
    line,
    settlement,
    trace,
    traces,
    without,
)


def planned(transaction: str, data: JsonObject, **settings: Any) -> tuple[Draft, ...]:
    return line(settings).plan(transaction, data)


def faults(transaction: str, data: Any) -> list[tuple[str, str]]:
    with pytest.raises(SubmissionInvalid) as caught:
        planned(transaction, data)
    return [(fault.pointer, fault.rule) for fault in caught.value.faults]


def test_the_hiss_own_data_is_never_changed() -> None:
    data = fees(without(fee(1), "bke384"), {**fee(2), "bkc372": "]C0" + "8" * 20}, ckc349="M1")
    before = copy.deepcopy(data)
    planned("FY001", data)
    assert data == before


def test_keys_in_another_case_are_completed_under_the_documents_code() -> None:
    row = {**without(fee(1), "bke384"), "BKE384": "", "Akc225": "12", "akc226": "1"}
    del row["akc225"]
    (draft,) = planned("FY001", {" AKC190 ": "", "CKC349": "M1", "inputList": [row]})
    assert draft.body["inputlist"][0]["bke384"] == {SLOT: "bke384.0"}
    assert draft.body["inputlist"][0]["akc264"] == "12.00"
    assert draft.body["akc190"] == {SLOT: "akc190"}


@pytest.mark.parametrize(
    ("price", "quantity", "total"),
    [
        ("0.3333", "3", "1.00"),
        ("0.0050", "1", "0.01"),
        ("12.3456", "3", "37.04"),
        ("100", "0.125", "12.50"),
        ("999999999999.9999", "1", "1000000000000.00"),
        ("10", "-2", "-20.00"),
        ("0.0001", "0.0001", "0.00"),
    ],
)
def test_a_line_total_is_exact_and_rounded_half_up(price: str, quantity: str, total: str) -> None:
    given = fee(1, akc225=price, akc226=quantity)
    (draft,) = planned("FY001", fees(given, ckc349="M1"))
    assert draft.body["inputlist"][0]["akc264"] == draft.body["totalFee"] == total
    planned("FY001", fees({**given, "akc264": total}, ckc349="M1"))
    assert faults("FY001", fees({**given, "akc264": "0.77"}, ckc349="M1")) == [
        ("/inputlist/0/akc264", "amount")
    ]


def test_a_total_that_cannot_be_computed_is_not_invented() -> None:
    found = faults("FY001", fees(fee(1, akc225="twelve"), ckc349="M1"))
    assert ("/inputlist/0/akc225", "number") in found
    assert ("/inputlist/0/akc264", "missing") in found
    assert ("/totalFee", "missing") in found


def test_rows_of_two_visits_do_not_name_a_visit() -> None:
    rows = [fee(1, akc190="1", ckc349="M1"), fee(2, akc190="2", ckc349="M2")]
    assert ("/akc190", "missing") in faults("FY001", fees(*rows))


def test_the_visit_that_all_rows_name_is_the_heads() -> None:
    (draft,) = planned("FY001", fees(fee(1, akc190="1", ckc349="M1"), fee(2, akc190="1", ckc349="M1")))
    assert draft.body["akc190"] == "1"


def test_numbers_are_drawn_for_the_rows_of_each_message_alone() -> None:
    rows = [without(fee(n), "bke384") for n in range(1, 6)]
    drafts = planned("FY001", fees(*rows, ckc349="M1"), rows_per_message=2)
    assert [[need.slot for need in draft.needs] for draft in drafts] == [
        ["bke384.0", "bke384.1", "akc190"],
        ["bke384.2", "bke384.3", "akc190"],
        ["bke384.4", "akc190"],
    ]
    draw = drafts[0].needs[0].draw
    assert draw is not None
    assert (draw.series.name, draw.series.digits, draw.series.daily) == (f"bke384/{HOSPITAL}", 9, True)


def test_an_institution_that_is_not_configured_is_refused_also_where_it_only_chooses_the_lane() -> None:
    assert faults("FY005", settlement(akc190="1", akb020="Y9999")) == [("/akb020", "institution")]
    assert faults("FY004", {"akc190": "1", "akb020": "Y9999"}) == [("/akb020", "institution")]


def test_the_hospitals_number_and_the_institution_tell_submissions_apart_and_are_not_sent() -> None:
    this = line()
    one, other = ({**clinic(), "ckc349": number} for number in ("M1", "M2"))
    plans = [this.adapter.plan(_submission("MZ002", data), this.clock.now()) for data in (one, other)]
    assert plans[0].normalised != plans[1].normalised
    assert all("ckc349" not in plan.drafts[0].body for plan in plans)


def _submission(transaction: str, data: JsonObject) -> Any:
    from agent.events import Submission

    return Submission("jiangxi", transaction, "HIS-1", data)


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_data_that_is_no_object_is_a_fault(data: Any) -> None:
    assert faults("FY001", data) == [("", "type")]


@pytest.mark.parametrize(
    "codes", ["81234567890123456789", 5, {"bkc372": "81234567890123456789"}, [5], [[]], [None]]
)
def test_codes_in_no_known_form_are_faults_not_crashes(codes: Any) -> None:
    found = faults("SQ002", traces(trace(1, kc56list=codes), akc190="1"))
    assert all(pointer.startswith("/kc25list/0/kc56list") for pointer, _ in found)
    assert found


def test_a_price_and_a_kind_that_do_not_go_together_are_only_warned_of() -> None:
    this = line()
    data = fees(fee(1, bkc370="18"), fee(2, bkc369="16", bkc370="21"), fee(3), ckc349="M1")
    plan = this.adapter.plan(_submission("FY001", data), this.clock.now())
    assert [warning.pointer for warning in plan.warnings if warning.rule == "category"] == [
        "/inputlist/0/bkc369",
        "/inputlist/1/bkc369",
    ]


@pytest.mark.parametrize(
    ("change", "warned"),
    [
        ({}, []),
        ({"akc226": "-2"}, [("/inputlist/1/akc226", "negative")]),
        ({"akc226": -2}, [("/inputlist/1/akc226", "negative")]),
        ({"bke384": "10001"}, [("/inputlist/1/bke384", "naming")]),
        ({"bke384": f"Y0401{TODAY}0000000002"}, [("/inputlist/1/bke384", "naming")]),
    ],
)
def test_a_negative_quantity_and_a_number_of_another_form_are_only_warned_of(
    change: JsonObject, warned: list[tuple[str, str]]
) -> None:
    this = line()
    data = fees(fee(1), {**fee(2), **change}, ckc349="M1")
    plan = this.adapter.plan(Submission("jiangxi", "FY001", "HIS-1", data), this.clock.now())
    assert [(warning.pointer, warning.rule) for warning in plan.warnings] == warned
    assert len(plan.drafts) == 1


def test_a_form_of_numbers_is_told_of_once() -> None:
    this = line()
    data = fees(*(fee(1, bke384=f"D{n}") for n in range(300)), ckc349="M1")
    plan = this.adapter.plan(Submission("jiangxi", "FY001", "HIS-1", data), this.clock.now())
    assert [warning.pointer for warning in plan.warnings] == ["/inputlist/0/bke384"]
