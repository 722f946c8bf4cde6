"""After a backup was restored no payment is cancelled for want of a word that may have come since."""

from __future__ import annotations

from datetime import timedelta

from plugins.scanpay import disputing
from plugins.scanpay.orders import BOOKING
from tests.unit.scanpay.test_scanpay_orders import Held, due, paid_order
from tests.unit.scanpay.test_scanpay_planning import adapter
from tests.unit.scanpay.till import HOSPCODE, NOW

UNBOOKED = disputing.waiting(BOOKING, HOSPCODE, "D1", NOW.isoformat(), "C1")


def test_a_payment_that_the_backup_calls_unbooked_is_left_to_people() -> None:
    facts = (*paid_order().facts(), UNBOOKED)
    assert due(*facts, at=NOW + timedelta(days=1), ack_within_s=30) == ["ST100"]
    (forgotten,) = adapter().restored(Held(*facts))
    assert (forgotten.kind, forgotten.key, forgotten.member) == (BOOKING, (HOSPCODE,), "D1")
    kept = [fact for fact in facts if (fact.kind, fact.member) != (forgotten.kind, forgotten.member)]
    assert due(*kept, at=NOW + timedelta(days=1), ack_within_s=30) == []


def test_the_order_itself_stays_known() -> None:
    assert adapter().restored(Held(*paid_order().facts())) == ()
