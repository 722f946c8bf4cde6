"""Orders whose message ended without an outcome: what was never sent, and what perhaps was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plugins.scanpay.orders import State, as_ended
from tests.unit.scanpay.test_scanpay_orders import CYCLE, Held, paid_order, scanned_payment
from tests.unit.scanpay.test_scanpay_planning import adapter, draft


def used(orderid_of: Held) -> list[str]:
    """The faults of another submission that pays D1."""
    payment = draft("ST007", scanned_payment())
    other = replace(payment, memo={**payment.memo, "owner": "ST007/HIS-other"})
    completion = adapter().complete(other, orderid_of, forced=True)
    return [fault.rule for fault in completion.refused]


@pytest.mark.parametrize("giver", ["expired", "cancelled", "invalid"])
def test_an_orderid_is_free_again_after_a_payment_that_never_left(giver: str) -> None:
    asked = paid_order(State.ASKED, doing="ST007")
    assert used(Held(CYCLE, *asked.facts(), giver=giver)) == []


def test_an_orderid_stays_used_after_an_attempt_that_may_have_arrived() -> None:
    asked = paid_order(State.ASKED, doing="ST007")
    ended = as_ended(asked, "doubted")
    assert (ended.state, ended.proof) == (State.NOT_PAID, "decision")
    assert used(Held(CYCLE, *asked.facts(), giver="doubted")) == ["order_used"]


@pytest.mark.parametrize("giver", ["expired", "cancelled", "invalid"])
@pytest.mark.parametrize(
    ("by", "state", "was", "then"),
    [
        ("ST010", State.PAID, "", State.PAID),
        ("ST100", State.DISPUTED, "", State.DISPUTED),
        ("ST024", State.REGISTERED, "", State.REGISTERED),
        ("ST022", State.ASKED, "prepared", State.PREPARED),
        ("ST022", State.ASKED, "", State.NOT_PAID),
    ],
)
def test_an_order_stays_used_when_what_was_to_happen_to_it_never_left(
    giver: str, by: str, state: State, was: str, then: State
) -> None:
    order = paid_order(state, was=was, doing="" if by == "ST022" else by, proof="answer")
    order = replace(order, by=by)
    ended = as_ended(order, giver)
    assert (ended.state, ended.doing, ended.proof) == (then, "", "answer")
    assert used(Held(CYCLE, *order.facts(), giver=giver)) == ["order_used"]
