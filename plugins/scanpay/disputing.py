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
from plugins.scanpay.orders import BOOKING, Order, State
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
_ENDS: Final[Mapping[str, str]] = {State.CANCELLED: "已取消", State.REFUNDED: "已退费"}
_ENDED_THERE: Final = "订单在本机为支付成功，平台现在显示{told}：请核对医院的记账"
_CANCELLED_UNASKED: Final = "医院没有按时确认记账，代理已发起取消，订单{told}：请核对，已记账的应撤销"
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


def contradicts(status: str | None, order: Order) -> bool:
    """Whether a state that ST009 says is not the one that was told, so that it has to be looked at."""
    if order.state is State.PAID:
        return status in _ENDED
    return status == PAID and is_disputable(order)


def is_looked_at(kind: str, order: Order) -> bool:
    """Whether a settled order still needs the look that a fact of this kind stands for."""
    return is_disputable(order) or order.state is (State.PAID if kind == LATE_LOOK else State.DISPUTED)


def _stays_open(order: Order) -> bool:
    return is_disputable(order) or order.state is State.DISPUTED


def no_longer(order: Order) -> tuple[Forget, ...]:
    """The looks that an order needs no more in this state."""
    kinds = () if _stays_open(order) else (LATE_LOOK, TOLD_PAID)
    return tuple(Forget(kind, (order.hospcode,), order.orderid) for kind in kinds)


def disputed(order: Order, data: JsonObject, at: str, proof: str) -> Order:
    """The order, paid by an answer's ``data`` after it was told as what it ``was``, not paid or cancelled."""
    shares = shares_of(data)
    total = shares.get("total") or known_amount(data.get("orderamt")) or order.total
    known = {**shares, "total": total}
    was = order.state.value
    return replace(order, state=State.DISPUTED, was=was, proof=proof, by="ST009", at=at or order.at, **known)


def looked(outcome: Outcome, order: Order, ids: Mapping[str, str], absent: Set[str]) -> Outcome:
    """What the agent's own ST009 found about an order that was told as not paid or cancelled, is disputed
    since, or may be paid no more. An answer that says nothing of its state changes nothing: it is looked at
    again."""
    status = status_of(outcome, absent)
    if status is None or status == PAYING:
        return outcome
    if order.state is State.PAID:
        return ended_there(_ending(outcome, order, (LATE_LOOK,)), order, status, ids)
    if order.state is State.DISPUTED:
        return _in_dispute(outcome, order, status, ids)
    if not is_disputable(order):
        return outcome
    if status != PAID:
        return _ending(outcome, order, (LATE_LOOK,))
    found = disputed(order, outcome.data, ids.get("at", ""), "inquiry")
    return _told(_ending(outcome, found, (LATE_LOOK, TOLD_PAID), found.facts()), found, status, ids)


def _in_dispute(outcome: Outcome, order: Order, status: str, ids: Mapping[str, str]) -> Outcome:
    """That nothing is found confirms a cancellation, and nothing else. What stays as it was is not written
    anew: a person may have accepted it meanwhile."""
    if status in _ENDED:
        return ended_there(outcome, order, status, ids)
    looks = (LATE_LOOK, TOLD_PAID)
    if status == NONE and order.was == State.CANCELLED:
        at = ids.get("at", "") or order.at
        found = replace(order, state=State.CANCELLED, was="", proof=NEGATIVES, by="ST009", at=at)
        return _ending(outcome, found, looks, found.facts())
    return _told(_ending(outcome, order, looks), order, status, ids)


def _told(outcome: Outcome, order: Order, status: str, ids: Mapping[str, str]) -> Outcome:
    text = _PAID_AFTER_ALL if status == PAID else _CONTRADICTED
    text = text.format(told=_ENDS.get(order.was, "未支付"))
    return replace(outcome, message=text, downloads=(*outcome.downloads, _alarm(order, status, text, ids)))


def ended_there(outcome: Outcome, order: Order, status: str, ids: Mapping[str, str]) -> Outcome:
    """An order that ST009 calls cancelled or refunded while it is disputed or counts as paid: it is so here
    too. Where it counted as paid, no receipt is waited for any more and the HIS is told."""
    state = _ENDED.get(status)
    if state is None or order.state not in (State.PAID, State.DISPUTED):
        return outcome
    found = replace(order, state=state, proof="inquiry", by="ST009", at=ids.get("at", "") or order.at)
    told = _ending(outcome, found, (LATE_LOOK, TOLD_PAID), found.facts())
    if order.state is State.DISPUTED:
        return told
    told = _ending(told, found, (BOOKING,))
    alarm = _alarm(found, status, _ENDED_THERE.format(told=_ENDS[state]), ids)
    return replace(told, downloads=(*told.downloads, alarm))


def cancelled_unasked(outcome: Outcome, order: Order, status: str | None, ids: Mapping[str, str]) -> Outcome:
    """The agent's own ST100 has ended an order, by its answer or by what ST009 said of it since: the HIS was
    told that it is paid, asked for nothing, and is told of its end."""
    if order.state not in (State.CANCELLED, State.REFUNDED):
        return outcome
    text = _CANCELLED_UNASKED.format(told=_ENDS[order.state])
    told = _alarm(order, CANCELLED if status is None else status, text, ids)
    return replace(outcome, downloads=(*outcome.downloads, told))


def _ending(
    outcome: Outcome, order: Order, kinds: tuple[str, ...], given: tuple[Identifier, ...] = ()
) -> Outcome:
    gone = tuple(Forget(kind, (order.hospcode,), order.orderid) for kind in kinds)
    return replace(outcome, identifiers=(*outcome.identifiers, *given), forgotten=(*outcome.forgotten, *gone))


def _alarm(order: Order, status: str, text: str, ids: Mapping[str, str]) -> Download:
    """What tells the HIS; ST100 is offered only where the platform says paid to a question."""
    content: JsonObject = {
        "alarm": order.state.value,
        "orderid": order.orderid,
        "busicycleno": order.cycle,
        "orderamt": order.total or order.orderamt,
        "paystatus": status,
        "message": text,
    }
    if status == PAID:
        data = {"orderid": order.orderid, "busicycleno": order.cycle}
        content["offer"] = {"transaction": "ST100", "data": data}
    return Download("ST009", f"{order.state}-{ids['wire_id']}.json", content=content)
