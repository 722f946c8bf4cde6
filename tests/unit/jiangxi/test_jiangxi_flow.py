"""Steps out of order: refused where the agent knows better, warned of where it does not, forced through."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.events import JsonObject, Verdict
from tests.unit.jiangxi.province import (
    HOSPITAL,
    TODAY,
    Facts,
    Line,
    clinic,
    discharge,
    fee,
    fees,
    line,
    rehabilitation,
    settlement,
    stay,
    taking_back,
    traces,
)

Given = Callable[[Line], str]


def registered(this: Line) -> str:
    return str(this.do("MZ002", clinic(ckc349="M1")).data["akc190"])


def uploaded(this: Line) -> str:
    number = registered(this)
    this.do("FY001", fees(fee(1, ckc349="M1"), akc190=number))
    return number


def settled(this: Line) -> str:
    number = uploaded(this)
    this.do("FY005", settlement(akc190=number))
    return number


def emptied(this: Line) -> str:
    number = uploaded(this)
    this.do("JY001", taking_back(akc190=number))
    return number


def admitted(this: Line) -> str:
    return str(this.do("ZY001", stay()).data["akc190"])


def discharged(this: Line) -> str:
    number = admitted(this)
    this.do("ZY004", discharge(akc190=number))
    return number


def revoked(this: Line) -> str:
    number = admitted(this)
    this.do("JY003", taking_back(akc190=number))
    return number


def calculated(this: Line) -> str:
    return str(this.do("KF001", rehabilitation()).data["akc190"])


BANK = {"bae118": "102100099996", "aae009": "演练赣甲", "aae010": "6200000000000000014"}
MORE = fees(fee(7, ckc349="M1"))
CONTRADICTIONS: list[tuple[Given, str, JsonObject, str, str]] = [
    (registered, "FY005", settlement(), "no_fees", "先提交 FY001"),
    (emptied, "FY005", settlement(), "no_fees", "先提交 FY001"),
    (settled, "FY005", settlement(), "settled", "JY002"),
    (settled, "FY001", MORE, "settled", "JY002"),
    (settled, "JY001", taking_back(), "settled", "JY002"),
    (emptied, "JY001", taking_back(), "no_fees", "没有可以删除的明细"),
    (uploaded, "JY002", taking_back(), "not_settled", "JY001"),
    (registered, "ZY004", discharge(), "registered", "不是住院"),
    (registered, "ZY002", dict(BANK), "registered", "不是住院"),
    (registered, "JY003", taking_back(), "registered", "不是住院"),
    (discharged, "ZY004", discharge(), "discharged", "已办理出院登记"),
    (revoked, "ZY004", discharge(), "revoked", "ZY001"),
    (revoked, "FY001", MORE, "revoked", "ZY001"),
    (revoked, "SQ002", traces(), "revoked", "不需要再上传"),
    (calculated, "FY001", MORE, "registered", "KF002"),
    (calculated, "FY005", settlement(aka130="73"), "registered", "KF002"),
]


@pytest.mark.parametrize(("given", "transaction", "data", "rule", "advice"), CONTRADICTIONS)
def test_a_step_that_contradicts_our_own_history_is_refused_with_what_to_do(
    given: Given, transaction: str, data: JsonObject, rule: str, advice: str
) -> None:
    this = line()
    number = given(this)
    completion = this.ready(this.plan(transaction, {**data, "akc190": number})[0])
    assert rule in [fault.rule for fault in completion.refused]
    assert advice in next(fault.message for fault in completion.refused if fault.rule == rule)
    assert all(number not in fault.message for fault in completion.refused)


@pytest.mark.parametrize(("given", "transaction", "data", "rule", "advice"), CONTRADICTIONS)
def test_force_turns_every_refusal_into_a_warning(
    given: Given, transaction: str, data: JsonObject, rule: str, advice: str
) -> None:
    this = line()
    number = given(this)
    completion = this.ready(this.plan(transaction, {**data, "akc190": number})[0], forced=True)
    assert completion.refused == ()
    assert rule in [warning.rule for warning in completion.warnings]


@pytest.mark.parametrize(("given", "transaction", "data", "rule", "advice"), CONTRADICTIONS)
def test_without_history_the_province_decides(
    given: Given, transaction: str, data: JsonObject, rule: str, advice: str
) -> None:
    this = line()
    number = given(this)
    this.facts = Facts()
    completion = this.ready(this.plan(transaction, {**data, "akc190": number})[0])
    assert completion.refused == ()
    assert [warning.rule for warning in completion.warnings] == ["no_history"]


def test_a_step_in_order_is_neither_refused_nor_warned_of() -> None:
    this = line()
    number = uploaded(this)
    for transaction, data in (("FY004", {}), ("FY005", settlement()), ("FY001", MORE)):
        completion = this.ready(this.plan(transaction, {**data, "akc190": number})[0])
        assert (completion.refused, completion.warnings) == ((), ())


def test_a_stay_settled_before_its_discharge_and_another_category_are_only_warned_of() -> None:
    this = line()
    number = admitted(this)
    this.do("FY001", fees(fee(1, ckc349="ZY0001", aka130="72"), akc190=number))
    data = settlement(akc190=number, bke107="2", aka130="74")
    completion = this.ready(this.plan("FY005", data)[0])
    assert completion.refused == ()
    assert [warning.rule for warning in completion.warnings] == ["not_discharged", "category"]


def test_a_clinic_visit_settled_as_a_stay_is_warned_of() -> None:
    this = line()
    number = uploaded(this)
    completion = this.ready(this.plan("FY005", settlement(akc190=number, bke107="2"))[0])
    assert [(w.rule, w.pointer) for w in completion.warnings] == [("category", "/bke107")]
    assert completion.refused == ()


@pytest.mark.parametrize(("transaction", "data"), [("FY005", settlement()), ("JY001", taking_back())])
def test_fees_of_a_stay_from_before_going_live_are_only_warned_of(transaction: str, data: JsonObject) -> None:
    """The agent discharged whom it did not admit: of the fees it knows nothing."""
    this = line()
    number = admitted(this)
    this.do("FY001", fees(fee(1, ckc349="ZY0001", aka130="72"), akc190=number))
    this.facts = Facts()
    this.do("ZY004", discharge(akc190=number))
    completion = this.ready(this.plan(transaction, {**data, "akc190": number})[0])
    assert completion.refused == ()
    assert "no_fees" in [warning.rule for warning in completion.warnings]


@pytest.mark.parametrize(
    ("transaction", "data", "advice"),
    [
        ("FY001", fees(fee(1)), "请先用 MZ002 或 ZY001 登记"),
        ("FY005", settlement(), "FY001"),
        ("KF002", settlement(aka130="73"), "请先用 KF001"),
        ("ZY004", discharge(), "请先用 ZY001"),
        ("JY003", taking_back(), "请先用 ZY001"),
        ("SQ002", traces(), "请先登记"),
        ("CX002", {"akb020": HOSPITAL}, "请先登记"),
    ],
)
@pytest.mark.parametrize("forced", [False, True])
def test_a_visit_that_is_not_registered_here_is_refused_by_its_own_number_with_what_to_do(
    transaction: str, data: JsonObject, advice: str, forced: bool
) -> None:
    """Forced, too: there is no number to send."""
    this = line()
    completion = this.ready(this.plan(transaction, {**data, "ckc349": "M9"})[0], forced=forced)
    (fault,) = completion.refused
    assert fault.rule == "unknown_visit"
    assert advice in fault.message
    assert "直接填写 akc190" in fault.message
    assert completion.alone is (transaction != "FY001")


def test_a_second_registration_under_one_number_is_warned_of_until_the_first_is_settled() -> None:
    this = line()
    number = uploaded(this)
    again = this.plan("MZ002", clinic(ckc349="M1"))[0]
    assert [warning.rule for warning in this.ready(again).warnings] == ["registered"]
    this.do("FY005", settlement(akc190=number))
    assert this.ready(again).warnings == ()
    assert this.ready(this.plan("MZ002", clinic(ckc349="M2"))[0]).warnings == ()


def test_what_a_query_says_of_a_settlement_elsewhere_is_only_warned_of() -> None:
    """It may have been refunded elsewhere since."""
    this = line()
    number = uploaded(this)
    known = this.facts
    this.facts = Facts()
    this.do("FY005", settlement(akc190=number))
    this.facts = known
    this.do("CX001", {"akb020": HOSPITAL, "akc190": number})
    completion = this.ready(this.plan("FY001", {**MORE, "akc190": number})[0])
    assert completion.refused == ()
    assert [warning.rule for warning in completion.warnings] == ["settled"]
    refund = this.ready(this.plan("JY002", taking_back(akc190=number))[0])
    assert (refund.refused, refund.warnings) == ((), ())


def test_a_detail_that_was_uploaded_before_is_warned_of_by_its_place() -> None:
    this = line()
    number = uploaded(this)
    data = fees(fee(8, ckc349="M1"), fee(1, ckc349="M1"), akc190=number)
    completion = this.ready(this.plan("FY001", data)[0])
    assert [(w.rule, w.pointer) for w in completion.warnings] == [("uploaded", "/inputlist/1/bke384")]
    assert completion.refused == ()


def test_a_detail_that_is_not_ours_is_only_warned_of() -> None:
    this = line()
    number = uploaded(this)
    completion = this.ready(this.plan("JY001", taking_back(akc190=number, bke384="HIS-9"))[0])
    assert completion.refused == ()
    assert [warning.rule for warning in completion.warnings] == ["unknown_detail"]


def test_a_settlement_that_a_person_knows_of_counts_though_it_was_never_sent() -> None:
    this = line()
    number = uploaded(this)
    draft = this.ready(this.plan("FY005", settlement(akc190=number))[0]).draft
    this.facts.take(this.adapter.resolved(draft, {}, {}))
    assert this.facts.value("settled", (number,)) == TODAY
    again = this.ready(this.plan("FY005", settlement(akc190=number))[0])
    assert [fault.rule for fault in again.refused] == ["settled"]


def test_a_revoked_stay_can_be_admitted_again_under_its_number() -> None:
    this = line()
    revoked(this)
    assert this.do("ZY001", stay()).verdict is Verdict.ACCEPTED
    fresh = this.facts.value("visit", (HOSPITAL, "ZY0001"))
    assert this.do("ZY004", discharge(ckc349="ZY0001")).data["akc190"] == fresh
