"""Trace codes: what is owed, what an upload waits for, what is warned of, what comes back."""

from __future__ import annotations

import pytest

from agent.events import Debt, Forget, JsonObject, Outcome, Verdict
from plugins.jiangxi.facts import facts_after
from tests.unit.jiangxi.province import (
    HOSPITAL,
    TODAY,
    TRACE,
    Facts,
    Line,
    clinic,
    fee,
    fees,
    line,
    settlement,
    taking_back,
    trace,
    traces,
)

OTHER = "84999990123456789abc"


def detail(number: int) -> str:
    return f"{HOSPITAL}{TODAY}{number:010d}"


def visited(this: Line, *rows: JsonObject, own: str = "MZ0001") -> str:
    """A visit with fees, not settled."""
    number = str(this.do("MZ002", clinic(ckc349=own)).data["akc190"])
    this.do("FY001", fees(*rows, ckc349=own))
    return number


def settled(this: Line, *rows: JsonObject, own: str = "MZ0001") -> str:
    number = visited(this, *rows, own=own)
    this.do("FY005", settlement(akc190=number))
    return number


def owed(this: Line) -> dict[str, str]:
    """What is left, by detail, of all settled visits."""
    return {item["detail"]: item["left"] for debt in this.adapter.debts(this.facts) for item in debt.items}


def warned(this: Line, data: JsonObject) -> list[tuple[str, str]]:
    completion = this.ready(this.plan("SQ002", data)[0])
    return [(warning.rule, warning.pointer) for warning in completion.warnings]


# -- owed -------------------------------------------------------------------------------------------------
def test_a_settled_visit_owes_the_codes_of_its_drug_rows_alone() -> None:
    this = line()
    care = fee(2, bkc369="16", bkc370="13", ake001="ZL-110100001", ake002="普通门诊诊察费")
    number = visited(this, fee(1, akc226="2"), care)
    assert this.adapter.debts(this.facts) == (), "nothing is owed before the settlement"
    this.do("FY005", settlement(akc190=number))
    assert this.adapter.debts(this.facts) == (
        Debt(
            HOSPITAL,
            number,
            "MZ0001",
            TODAY,
            ({"detail": detail(1), "name": "糠甾醇片", "left": "2"},),
        ),
    )


def test_configured_kinds_owe_codes_too() -> None:
    this = line({"traced": ["13", "15"]})
    settled(this, fee(1), fee(2, bkc369="15", bkc370="18", ake001="C-0001", ake002="演练敷料"))
    assert set(owed(this)) == {detail(1), detail(2)}


def test_codes_are_owed_until_the_whole_quantity_is_accounted_for() -> None:
    this = line()
    number = settled(this, fee(1, akc226="3"), fee(2))
    this.do("SQ002", traces(trace(1, TRACE, bkc516="2"), akc190=number))
    assert owed(this) == {detail(1): "1", detail(2): "1"}
    this.do("SQ002", traces(trace(1, OTHER), trace(2, "85" + "1" * 18), akc190=number))
    assert owed(this) == {}
    assert this.facts.values("due", (HOSPITAL,)) == {}


def test_a_refund_and_a_deletion_take_the_debt_away() -> None:
    this = line()
    number = visited(this, fee(1), fee(2))
    this.do("JY001", taking_back(akc190=number, bke384=detail(2)))
    this.do("FY005", settlement(akc190=number))
    assert set(owed(this)) == {detail(1)}
    this.do("JY002", taking_back(akc190=number))
    assert owed(this) == {}


# -- waiting for the settlement ---------------------------------------------------------------------------
def test_codes_collected_before_the_settlement_wait_for_it() -> None:
    this = line()
    number = visited(this, fee(1))
    draft = this.plan("SQ002", traces(trace(1), ckc349="MZ0001"))[0]
    held = this.ready(draft)
    assert [(awaited.kind, awaited.key) for awaited in held.awaits] == [("settled", (number,))]
    assert held.refused == ()
    this.do("FY005", settlement(akc190=number))
    now = this.ready(draft)
    assert now.awaits == ()
    assert this.send(now.draft).verdict is Verdict.ACCEPTED


def test_a_settlement_elsewhere_that_a_query_shows_ends_the_wait_and_begins_the_debt() -> None:
    this = line()
    number = visited(this, fee(1))
    known = this.facts
    this.facts = Facts()
    this.do("FY005", settlement(akc190=number))
    this.facts = known
    draft = this.plan("SQ002", traces(trace(1), ckc349="MZ0001"))[0]
    assert this.ready(draft).awaits
    this.do("CX001", {"akb020": HOSPITAL, "startDate": TODAY, "expirationDate": TODAY})
    assert this.ready(draft).awaits, "a list of a time is not read for single visits"
    this.do("CX001", {"akb020": HOSPITAL, "ckc349": "MZ0001"})
    assert set(owed(this)) == {detail(1)}
    now = this.ready(draft)
    assert (now.awaits, now.refused) == ((), ())
    assert this.send(now.draft).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ({"akc194": "20251231"}, "20251231"),
        ({"akc194": "2025-12-31"}, "20251231"),
        ({"akc194": "", "bae237": "2025-12-31 09:00:00"}, "20251231"),
        ({"akc194": "S61.001", "bae237": "20251231090000"}, "20251231"),
        ({"akc194": "20251399"}, TODAY),
        ({}, TODAY),
    ],
)
def test_the_day_of_a_settlement_elsewhere_is_read_however_it_is_written(told: JsonObject, day: str) -> None:
    this = line()
    number = visited(this, fee(1))
    draft = this.plan("CX001", {"akb020": HOSPITAL, "akc190": number})[0]
    answer = {"outputlist": [{"akc190": number, **told}]}
    left = facts_after(draft, answer, frozenset({"13"}), TODAY)
    this.facts.take(Outcome(Verdict.ACCEPTED, identifiers=tuple(left.identifiers)))
    assert [debt.since for debt in this.adapter.debts(this.facts)] == [day]


def test_a_refund_ends_what_a_query_showed() -> None:
    this = line()
    number = settled(this, fee(1))
    this.do("CX001", {"akb020": HOSPITAL, "akc190": number})
    this.do("JY002", taking_back(akc190=number))
    this.do("FY001", fees(fee(2), akc190=number, ckc349="MZ0001"))
    completion = this.ready(this.plan("SQ002", traces(trace(2), akc190=number))[0])
    assert completion.awaits, "it waits for the new settlement"


def test_forced_codes_wait_for_nothing() -> None:
    this = line()
    visited(this, fee(1))
    draft = this.plan("SQ002", traces(trace(1), ckc349="MZ0001"))[0]
    assert this.ready(draft, forced=True).awaits == ()


def test_a_visit_without_history_is_not_waited_for() -> None:
    this = line()
    number = settled(this, fee(1))
    this.facts = Facts()
    completion = this.ready(this.plan("SQ002", traces(trace(1), akc190=number))[0])
    assert completion.awaits == ()
    assert [warning.rule for warning in completion.warnings] == ["no_history"]
    assert this.send(completion.draft).verdict is Verdict.ACCEPTED


# -- warnings ------------------------------------------------------------------------------------------------
def test_a_code_twice_in_one_upload_is_warned_of_unless_the_pack_is_split() -> None:
    this = line()
    number = settled(this, fee(1), fee(2))
    twice = traces(trace(1), trace(2), akc190=number)
    assert warned(this, twice) == [("duplicate", "/kc25list/1/kc56list/0/bkc372")]
    split = traces(trace(1, bkc507="1"), trace(2, bkc507="1"), akc190=number)
    assert warned(this, split) == []


@pytest.mark.parametrize(
    ("row", "odd"),
    [
        (trace(1, TRACE, bkc516="2"), True),
        (trace(1, TRACE, OTHER, bkc516="1"), True),
        (trace(1, TRACE, OTHER, bkc516="2.0000"), False),
        (trace(1, TRACE, bkc516="6", bkc507="1"), False),
        (trace(1, TRACE, bkc516="-2"), True),
    ],
)
def test_whole_packs_want_a_code_each(row: JsonObject, odd: bool) -> None:
    this = line()
    number = settled(this, fee(1, akc226="6"))
    this.do("SQ002", traces(trace(1, TRACE, bkc507="1"), akc190=number))
    this.facts.take(Outcome(Verdict.ACCEPTED, forgotten=(Forget("trace", (TRACE,)),)))
    counts = [pointer for rule, pointer in warned(this, traces(row, akc190=number)) if rule == "count"]
    assert counts == (["/kc25list/0/bkc516"] if odd else [])


def test_a_code_used_in_another_visit_is_warned_of() -> None:
    this = line()
    first, second = settled(this, fee(1)), settled(this, fee(2), own="MZ0002")
    this.do("SQ002", traces(trace(1), akc190=first))
    again = traces(trace(2), akc190=second)
    assert warned(this, again) == [("used", "/kc25list/0/kc56list/0/bkc372")]


def test_a_split_pack_may_be_sold_from_in_another_visit() -> None:
    this = line()
    first, second = settled(this, fee(1)), settled(this, fee(2), own="MZ0002")
    this.do("SQ002", traces(trace(1, bkc507="1"), akc190=first))
    assert warned(this, traces(trace(2, bkc507="1"), akc190=second)) == []
    assert warned(this, traces(trace(2, bkc507="0"), akc190=second)) != []


def test_a_code_that_was_sold_whole_cannot_be_split_elsewhere() -> None:
    this = line()
    first, second = settled(this, fee(1)), settled(this, fee(2), own="MZ0002")
    this.do("SQ002", traces(trace(1), akc190=first))
    split = traces(trace(2, bkc507="1"), akc190=second)
    assert warned(this, split) == [("used", "/kc25list/0/kc56list/0/bkc372")]


def test_a_code_that_its_own_detail_has_already_is_warned_of() -> None:
    this = line()
    number = settled(this, fee(1, akc226="2"))
    this.do("SQ002", traces(trace(1), akc190=number))
    again = traces(trace(1), akc190=number)
    assert warned(this, again) == [("duplicate", "/kc25list/0/kc56list/0/bkc372")]


def test_a_returned_code_may_be_sold_again() -> None:
    this = line()
    first, second = settled(this, fee(1)), settled(this, fee(2), own="MZ0002")
    this.do("SQ002", traces(trace(1), akc190=first))
    this.do("SQ002", traces(trace(1, bkc516="-1"), akc190=first))
    assert warned(this, traces(trace(2), akc190=second)) == []
    assert this.province.ledger.standing(f"trace:{detail(1)}/{TRACE}") == 0


def test_a_returned_code_is_owed_again_while_the_fee_stands() -> None:
    """A wrong code is taken back, the right one is still wanted."""
    this = line()
    number = settled(this, fee(1, akc226="2"))
    this.do("SQ002", traces(trace(1, TRACE, OTHER, bkc516="2"), akc190=number))
    assert owed(this) == {}
    this.do("SQ002", traces(trace(1, OTHER, bkc516="-1"), akc190=number))
    assert owed(this) == {detail(1): "1"}
    this.do("SQ002", traces(trace(1, "85" + "1" * 18), akc190=number))
    assert owed(this) == {}


def test_a_return_of_what_was_never_sold_leaves_the_debt_as_it_was() -> None:
    this = line()
    number = settled(this, fee(1))
    draft = this.ready(this.plan("SQ002", traces(trace(1, bkc516="-1"), akc190=number))[0]).draft
    this.facts.take(this.adapter.resolved(draft, {}, {}))
    assert owed(this) == {detail(1): "1"}


def test_only_rows_that_lack_codes_are_listed_and_never_for_more_than_they_have() -> None:
    this = line()
    number = settled(this, fee(1, akc226="2"), fee(2))
    this.do("SQ002", traces(trace(2), akc190=number))
    assert owed(this) == {detail(1): "2"}
    this.do("SQ002", traces(trace(1, OTHER), akc190=number))
    draft = this.ready(this.plan("SQ002", traces(trace(1, OTHER, bkc516="-5"), akc190=number))[0]).draft
    this.facts.take(this.adapter.resolved(draft, {}, {}))
    assert owed(this) == {detail(1): "2"}


def test_a_split_pack_may_be_sold_from_twice_for_one_detail() -> None:
    this = line()
    number = settled(this, fee(1, akc226="6"))
    part = traces(trace(1, bkc507="1", bkc516="3"), akc190=number)
    this.do("SQ002", part)
    assert warned(this, part) == []


def test_a_return_after_the_refund_owes_nothing() -> None:
    this = line()
    number = settled(this, fee(1))
    this.do("SQ002", traces(trace(1), akc190=number))
    this.do("JY002", taking_back(akc190=number))
    this.do("SQ002", traces(trace(1, bkc516="-1"), akc190=number))
    assert owed(this) == {}


def test_a_row_of_a_negative_quantity_owes_no_codes() -> None:
    this = line()
    settled(this, fee(1), fee(2, akc226="-1"))
    assert set(owed(this)) == {detail(1)}


def test_a_return_of_what_was_never_sold_here_is_warned_of() -> None:
    this = line()
    number = settled(this, fee(1))
    returned = traces(trace(1, bkc516="-1"), akc190=number)
    assert warned(this, returned) == [("not_sold", "/kc25list/0/kc56list/0/bkc372")]


def test_codes_of_a_detail_that_was_never_uploaded_are_warned_of() -> None:
    this = line()
    number = settled(this, fee(1))
    assert warned(this, traces(trace(9), akc190=number)) == [("unknown_detail", "/kc25list/0/bke384")]


def test_a_refund_after_codes_were_uploaded_says_that_they_stay() -> None:
    this = line()
    number = settled(this, fee(1))
    this.do("SQ002", traces(trace(1), akc190=number))
    completion = this.ready(this.plan("JY002", taking_back(akc190=number))[0])
    assert [warning.rule for warning in completion.warnings] == ["traces"]
    assert completion.refused == ()


@pytest.mark.parametrize("quantity", ["-1", "-0.5"])
def test_returns_do_not_wait_for_a_settlement_that_was_refunded(quantity: str) -> None:
    this = line()
    number = settled(this, fee(1))
    this.do("SQ002", traces(trace(1), akc190=number))
    this.do("JY002", taking_back(akc190=number))
    draft = this.plan("SQ002", traces(trace(1, bkc516=quantity), akc190=number))[0]
    completion = this.ready(draft)
    assert completion.awaits == ()
    assert this.send(completion.draft).verdict is Verdict.ACCEPTED
