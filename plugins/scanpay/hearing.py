"""Results that the platform sends to ``backurl`` (``ProtocolSpec.hear``).

The document demands an address and describes no message (anomalies S16). Taken for one is the pairs of an
answer to ST009 with the order's number and state, signed by the platform: the same word as to a question,
judged by the same rules. Whatever else comes is refused, and ST009 asked: that an order is not there can only
be the answer to a question.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agent.clock import BEIJING
from agent.events import Draft, History, Scope
from agent.hookspecs import Hearing, Incoming, Noted, Notice, ProtocolAdapter
from agent.protocol.matching import answer_refused
from agent.protocol.values import text_of
from plugins.scanpay import codec, inquiry, outcomes
from plugins.scanpay.adapter import ScanpayAdapter
from plugins.scanpay.disputing import disputed, is_disputable, told_paid
from plugins.scanpay.forms import read_form
from plugins.scanpay.orders import order_of
from plugins.scanpay.statuses import PAID, status_of

PROOF: Final = "callback"
REPLY: Final = b"respcode=00&aprcode=00"
"""What the platform wants to hear is not described either: the document's own words for success."""
PAID_AFTER_ALL: Final = "paid_after_not_paid"


@dataclass(frozen=True, slots=True)
class Callbacks:
    """:class:`agent.hookspecs.Hearing` of scan-to-pay."""

    adapter: ScanpayAdapter

    def heard(self, incoming: Incoming) -> Notice:
        verified = self.adapter.sealing.open(read_form(incoming.body), "")
        spec = self.adapter.catalog.transaction(inquiry.ASK)
        answer = codec.read_answer(verified, spec)
        orderid = text_of(answer.data.get("orderid")) or verified.value("orderid")
        hospcode = verified.value("hospcode") or self.adapter.settings.hospcode
        if not orderid or verified.value("orderid") not in ("", orderid):
            raise answer_refused("结果通知没有写明订单", "callback without one order")
        if hospcode != self.adapter.settings.hospcode:
            raise answer_refused("结果通知不是本机构的", "callback for another institution")
        answer.data["orderid"] = orderid
        question = {"orderid": orderid}
        told = outcomes.outcome(spec, Draft(inquiry.ASK, "", question, harmless=True), answer)
        if not status_of(told, frozenset()):
            raise answer_refused("结果通知没有写明支付状态", "callback without paystatus")
        return Notice(
            key=_digest(verified.pairs),
            transaction=inquiry.ASK,
            question=question,
            scope=Scope("order", (orderid,)),
            answer=told,
            reply=REPLY,
        )

    def noted(self, notice: Notice, history: History, now: datetime) -> Noted:
        """That an order is paid which was told as not paid, or as cancelled because nothing was found, makes
        it disputed, and has the HIS told. Said while the order's own message is under way, it is kept for
        the case that this ends otherwise. All else changes nothing."""
        order = order_of(history, self.adapter.settings.hospcode, notice.scope.key[0])
        status = status_of(notice.answer, self.adapter.settings.order_absent)
        if order is None or status != PAID:
            return Noted()
        if order.unsettled:
            return Noted((told_paid(order),))
        if not is_disputable(order):
            return Noted()
        at = now.astimezone(BEIJING).isoformat(timespec="seconds")
        found = disputed(order, notice.answer.data, at, PROOF)
        return Noted((*found.facts(), told_paid(order)), alarm=PAID_AFTER_ALL)


def hear(adapter: ProtocolAdapter) -> Hearing:
    if not isinstance(adapter, ScanpayAdapter):
        raise TypeError("callbacks of scan-to-pay are heard by its own adapter")
    return Callbacks(adapter)


def _digest(pairs: tuple[tuple[str, str], ...]) -> str:
    """Names what was said: a repetition that is signed anew is still the same."""
    said = sorted((name.lower(), value) for name, value in pairs if not name.lower().endswith("signature"))
    return hashlib.sha256(repr(said).encode("utf-8")).hexdigest()
