"""Which cycle a message goes into, whose code may pay an order, and which submission may go on with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.events import Completion, Finding, Identifier
from plugins.scanpay.orders import Cycle, Order, State, read_order
from tests.unit.scanpay.test_scanpay_orders import (
    CYCLE,
    NO_ORDER,
    ONE,
    TWO,
    Held,
    concluded,
    paid_order,
    says,
    scanned_payment,
)
from tests.unit.scanpay.test_scanpay_planning import adapter, draft
from tests.unit.scanpay.till import HOSPCODE, NOW, OPERATOR, order, scan

LOCAL = Cycle(HOSPCODE, "C1", OPERATOR, "0", NOW.isoformat())
ELSEWHERE = Cycle(HOSPCODE, "R1", OPERATOR, "1", NOW.isoformat())
CYCLES = (CYCLE, Identifier("cycle", (HOSPCODE, OPERATOR, "1"), "R1"), *LOCAL.facts(), *ELSEWHERE.facts())


def complete(transaction: str, data: dict[str, Any], *facts: Identifier) -> Completion:
    return adapter().complete(draft(transaction, data), Held(*CYCLES, *facts), forced=False)


def rules(completion: Completion) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.rule) for fault in completion.refused]


def prepared(**others: Any) -> Order:
    """What ST021 leaves, named to be paid by person ONE."""
    begun = complete("ST021", {**order("D1", ONE), **others})
    (held,) = [fact for fact in begun.given if fact.kind == "order-state"]
    return replace(read_order(held.value), state=State.PREPARED)


def pay(person: int, *facts: Identifier, **others: Any) -> Completion:
    return complete("ST022", {"orderid": "D1", "ordervalidcode": "V1", **scan(person, NOW), **others}, *facts)


# -- cycles -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cycle", "region", "told"),
    [
        ("C1", "0", []),
        ("R1", "1", []),
        ("R1", "0", [("/busicycleno", "wrong_cycle")]),
        ("C1", "1", [("/busicycleno", "wrong_cycle")]),
        ("C9", "0", []),
    ],
)
def test_a_cycle_that_the_his_names_is_of_the_orders_region(
    cycle: str, region: str, told: list[tuple[str, str]]
) -> None:
    payment = scanned_payment(busicycleno=cycle)
    payment["orderdata"]["aae139"] = region
    assert rules(complete("ST007", payment)) == told


def test_nothing_goes_into_a_cycle_that_was_signed_out() -> None:
    closed = replace(LOCAL, number="C0", open=False).facts()
    refused = complete("ST007", scanned_payment(busicycleno="C0"), *closed)
    assert rules(refused) == [("/busicycleno", "wrong_cycle")]


def test_a_refund_goes_into_the_cycle_of_its_orders_region_without_being_told() -> None:
    elsewhere = replace(paid_order(), region="1", cycle="R1")
    data = {"orderid": "D1", "balanceno": "J1", "balancecode": "B1", **scan(ONE, NOW)}
    assert complete("ST010", data, *elsewhere.facts()).draft.body["busicycleno"] == "R1"
    assert complete("ST010", data, *paid_order().facts()).draft.body["busicycleno"] == "C1"


def test_two_steps_are_refused_to_the_other_region() -> None:
    assert ("/aae139", "value") in rules(pay(ONE, aae139="1"))
    assert ("/aae139", "value") in rules(complete("ST021", {**order("D1", ONE), "aae139": "1"}))


# -- payers -------------------------------------------------------------------------------------------
def test_an_order_is_paid_with_the_code_of_its_payer_only() -> None:
    facts = prepared().facts()
    assert rules(pay(ONE, *facts)) == []
    assert rules(pay(TWO, *facts)) == [("/idno", "value")]


@pytest.mark.parametrize(
    ("others", "minutes"),
    [
        ({"orderovertime": "60"}, 61),
        ({"orderovertime": "2"}, 3),
        ({}, 6),
        ({"orderovertime": "60", "ordertime": "2026-01-02 09:04:00"}, 65),
    ],
)
def test_a_payment_of_a_prepared_order_counts_as_not_paid_only_after_the_orders_own_time(
    others: dict[str, str], minutes: int
) -> None:
    attempt = pay(ONE, *prepared(**others).facts()).draft
    conclusion = concluded(attempt, NO_ORDER)
    assert (conclusion.finding, conclusion.counts_from) == (Finding.ABSENT, NOW + timedelta(minutes=minutes))


def test_the_ledger_does_not_say_who_the_payer_is() -> None:
    (fact, *_) = prepared().facts()
    assert order("D1", ONE)["pname"] not in fact.value
    assert order("D1", ONE)["pidno"] not in fact.value


# -- whose turn it is ---------------------------------------------------------------------------------
def test_a_payment_of_unknown_fate_is_paid_by_no_other_submission() -> None:
    asked = pay(ONE, *prepared().facts())
    assert asked.refused == ()
    other = draft("ST022", {"orderid": "D1", "ordervalidcode": "V1", **scan(ONE, NOW)})
    other = replace(other, memo={**other.memo, "owner": "ST022/HIS-2"})
    held = Held(*CYCLES, *asked.given, giver="unknown")
    second = adapter().complete(other, held, forced=False)
    assert rules(second) == [("/orderid", "order_busy")]
    own = replace(other, memo={**other.memo, "owner": asked.draft.memo["owner"]})
    assert adapter().complete(own, held, forced=False).refused == ()


def test_a_refund_of_unknown_fate_is_repeated_by_no_other_submission() -> None:
    data = {"orderid": "D1", "balanceno": "J1", "balancecode": "B1", **scan(ONE, NOW)}
    asked = complete("ST010", data, *paid_order().facts())
    held = Held(*CYCLES, *asked.given, giver="unknown")
    other = draft("ST010", data)
    other = replace(other, memo={**other.memo, "owner": "ST010/HIS-2"})
    assert rules(adapter().complete(other, held, forced=False)) == [("/orderid", "order_busy")]


@pytest.mark.parametrize(
    ("transaction", "state", "firm"),
    [
        ("ST007", State.PAID, ["order_used"]),
        ("ST022", State.PAID, ["order_state"]),
        ("ST022", State.NOT_PAID, ["order_state"]),
        ("ST010", State.NOT_PAID, []),
    ],
)
def test_no_force_pays_an_order_again(transaction: str, state: State, firm: list[str]) -> None:
    data = {
        "ST007": scanned_payment(),
        "ST022": {"orderid": "D1", "ordervalidcode": "V1", **scan(ONE, NOW)},
        "ST010": {"orderid": "D1", "balanceno": "J1", "balancecode": "B1", **scan(ONE, NOW)},
    }[transaction]
    held = Held(*CYCLES, *paid_order(state).facts())
    forced = adapter().complete(draft(transaction, data), held, forced=True)
    assert [fault.rule for fault in forced.refused] == firm
    assert bool(forced.warnings) is not bool(firm)


def test_that_an_earlier_payment_failed_says_nothing_yet_of_the_one_after_it() -> None:
    again = pay(ONE, *replace(prepared(), state=State.NOT_PAID, proof="answer").facts())
    assert again.refused == ()
    conclusion = concluded(again.draft, says("3"))
    assert (conclusion.finding, conclusion.counts_from) == (Finding.ABSENT, NOW + timedelta(minutes=6))
    first = concluded(pay(ONE, *prepared().facts()).draft, says("3"))
    assert first.finding is Finding.FOUND
