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
