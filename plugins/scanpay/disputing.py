"""Orders that were told as not paid, or as cancelled because nothing was found: looked at again, and what
becomes of them when they are paid after all.

Whoever says so first, the platform unasked or ST009 when it is asked again, the order is disputed with that
commit: nobody pays it once more, and its cycle stays open. The agent's own look then tells the HIS, by a file
that stays until it is taken away, and offers ST100 where ST009 itself says that the order is paid.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Final

from agent import jsontext
from agent.events import Download, Forget, Identifier, JsonObject, Outcome
from plugins.scanpay.amounts import known_amount, shares_of
from plugins.scanpay.orders import Order, State
from plugins.scanpay.statuses import CANCELLED, NONE, PAID, PAYING, REFUNDED, status_of

LATE_LOOK: Final = "late-look"
"""By hospcode, member orderid: ended as not paid or cancelled because nothing was found; to be looked at once
more."""
TOLD_PAID: Final = "told-paid"
"""By hospcode, member orderid: the platform said unasked that it is paid; once its own messages have ended
otherwise, it is to be looked at and the HIS to be told."""
SINCE: Final = "since"
NOW: Final = "now"
NEGATIVES: Final = "negatives"
"""The proof of what ended because nothing was found."""
_ENDED: Final = {CANCELLED: State.CANCELLED, REFUNDED: State.REFUNDED}
_PAID_AFTER_ALL: Final = "订单此前已按{told}告知，平台现在显示支付成功：请立即核实，需要时用 ST100 取消"
_CONTRADICTED: Final = (
    "订单此前已按{told}告知，平台又通知支付成功，但查询支付状态不是支付成功：请立即向平台核实"
)


def look_now(order: Order) -> Identifier:
    """The fact by which the agent looks at an order at once, in its turn."""
    return waiting(LATE_LOOK, order.hospcode, order.orderid, NOW, order.cycle)


def told_paid(order: Order) -> Identifier:
    """The fact that the platform said unasked that an order is paid."""
    return waiting(TOLD_PAID, order.hospcode, order.orderid, NOW, order.cycle)


def waiting(kind: str, hospcode: str, orderid: str, since: str, cycle: str) -> Identifier:
    """``since`` is ISO 8601, "" when nobody looked yet, or ``now``."""
    return Identifier(kind, (hospcode,), jsontext.write({SINCE: since, "cycle": cycle}), orderid)


def ended_by_silence(order: Order) -> bool:
    """Whether an order counts as cancelled because nothing was found of it."""
    return order.state is State.CANCELLED and order.proof == NEGATIVES


def is_disputable(order: Order) -> bool:
    """Whether the platform's word that an order is paid contradicts what was told of it."""
    return order.state is State.NOT_PAID or ended_by_silence(order)


def is_looked_at(kind: str, order: Order) -> bool:
    """Whether a settled order still needs the look that a fact of this kind stands for."""
    return is_disputable(order) or (kind == TOLD_PAID and order.state is State.DISPUTED)


def no_longer(order: Order) -> tuple[Forget, ...]:
    """The looks that an order needs no more in this state."""
    kinds = () if is_looked_at(TOLD_PAID, order) else (LATE_LOOK, TOLD_PAID)
    return tuple(Forget(kind, (order.hospcode,), order.orderid) for kind in kinds)


def disputed(order: Order, data: JsonObject, at: str, proof: str) -> Order:
    """The order, paid by an answer's ``data`` after it was told as what it ``was``, not paid or cancelled."""
    shares = shares_of(data)
    total = shares.get("total") or known_amount(data.get("orderamt")) or order.total
    known = {**shares, "total": total}
    was = order.state.value
    return replace(order, state=State.DISPUTED, was=was, proof=proof, by="ST009", at=at or order.at, **known)


def looked(outcome: Outcome, order: Order, ids: Mapping[str, str], absent: Set[str]) -> Outcome:
    """What the agent's own ST009 found about an order that was told as not paid or cancelled, or is disputed
    since. An answer that says nothing of its state changes nothing: it is looked at again."""
    status = status_of(outcome, absent)
    if status is None or status == PAYING or not is_looked_at(TOLD_PAID, order):
        return outcome
    if is_disputable(order):
        if status != PAID:
            return _ending(outcome, order, (LATE_LOOK,))
        found = disputed(order, outcome.data, ids.get("at", ""), "inquiry")
    else:
        ended = _undisputed(order, status, ids.get("at", ""))
        if ended is not None:
            return _ending(outcome, ended, (LATE_LOOK, TOLD_PAID), ended.facts())
        found = order
    told = _ending(outcome, found, (LATE_LOOK, TOLD_PAID), found.facts())
    about = "已取消" if found.was == State.CANCELLED else "未支付"
    text = (_PAID_AFTER_ALL if status == PAID else _CONTRADICTED).format(told=about)
    return replace(told, message=text, downloads=(*told.downloads, _alarm(found, status, text, ids)))


def _undisputed(order: Order, status: str, at: str) -> Order | None:
    """How a dispute ends by what ST009 says; that nothing is found confirms a cancellation, and nothing
    else."""
    if status in _ENDED:
        return replace(order, state=_ENDED[status], proof="inquiry", by="ST009", at=at or order.at)
    if status == NONE and order.was == State.CANCELLED:
        return replace(order, state=State.CANCELLED, was="", proof=NEGATIVES, by="ST009", at=at or order.at)
    return None


def _ending(
    outcome: Outcome, order: Order, kinds: tuple[str, ...], given: tuple[Identifier, ...] = ()
) -> Outcome:
    gone = tuple(Forget(kind, (order.hospcode,), order.orderid) for kind in kinds)
    return replace(outcome, identifiers=(*outcome.identifiers, *given), forgotten=(*outcome.forgotten, *gone))


def _alarm(order: Order, status: str, text: str, ids: Mapping[str, str]) -> Download:
    """What tells the HIS; ST100 is offered only where the platform says paid to a question."""
    content: JsonObject = {
        "alarm": "disputed",
        "orderid": order.orderid,
        "busicycleno": order.cycle,
        "orderamt": order.total or order.orderamt,
        "paystatus": status,
        "message": text,
    }
    if status == PAID:
        data = {"orderid": order.orderid, "busicycleno": order.cycle}
        content["offer"] = {"transaction": "ST100", "data": data}
    return Download("ST009", f"disputed-{ids['wire_id']}.json", content=content)
