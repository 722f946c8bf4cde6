"""The ledger's amounts: what was asked for, and what a platform answered, also where that is no number."""

from __future__ import annotations

from decimal import Decimal

import pytest

from agent.events import Outcome, Verdict
from plugins.scanpay import keeping
from plugins.scanpay.orders import ORDER_STATE, Order, State, read_order, total_of
from plugins.scanpay.reconciling.comparing import Kind, compare
from plugins.scanpay.reconciling.ledger import side_of
from plugins.scanpay.reconciling.statement import Row
from tests.unit.scanpay.test_scanpay_orders import IDS, claimed, scanned_payment
from tests.unit.scanpay.test_scanpay_planning import adapter


def settled(total: str) -> Order:
    """An order of 25.00 after an answer that says another total."""
    balance = {"balanceno": "J1", "akc264": total, "akc260": total, "akc255": "0", "akc261": "0"}
    data = {"orderid": "D1", "balancecode": "B", "aptorderackdata": {"balanceret": balance}}
    answer = Outcome(Verdict.ACCEPTED, "00", data=data)
    kept = keeping.kept(answer, claimed("ST007", scanned_payment()), IDS, adapter().settings)
    (text,) = [fact.value for fact in kept.identifiers if fact.kind == ORDER_STATE]
    return read_order(text)


@pytest.mark.parametrize("total", ["十二元", "1,200.00", "NaN", "1E3", " "])
def test_an_amount_that_is_none_stops_neither_the_ledger_nor_reconciling(total: str) -> None:
    order = settled(total)
    assert (order.state, total_of([order])) == (State.PAID, Decimal("25.00"))
    (row,) = side_of([order], "C1").rows
    assert (row.total, row.fund) == (Decimal("25.00"), None)


def test_a_platform_that_settled_more_than_was_asked_for_is_found_by_reconciling() -> None:
    side = side_of([settled("250.00")], "C1")
    there = Row("pos", "D1", "J1", side.rows[0].day, Decimal("250.00"))
    (finding,) = compare(side.rows, [there]).findings
    assert finding.kind is Kind.AMOUNTS_DIFFER
