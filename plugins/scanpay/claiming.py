"""What is checked of an order and its cycle at a message's claim, and what is written down then.

The order as it was at the claim travels in the attempt's memo; its scope lets nobody change it meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from agent.errors import Fault
from agent.events import Draft, History, Identifier
from agent.protocol.values import text_of
from plugins.scanpay.belonging import cycle_faults, payer_faults, payer_of
from plugins.scanpay.bodies import Till, about
from plugins.scanpay.orders import (
    AT,
    BOOKING,
    MEMO,
    RECONCILED,
    UNSENT,
    Order,
    State,
    cycle_of,
    is_clean,
    order_of,
    orders_of,
)

CYCLE_NOW: Final = "cycle-now"
"""In the memo of ST002: the region of the cycle that it closes."""

MAKING: Final = frozenset({"ST007", "ST021", "ST023"})
_NEEDED: Final[Mapping[str, tuple[frozenset[State], str]]] = {
    "ST010": (frozenset({State.PAID, State.DISPUTED}), "只有支付成功的订单才能退费"),
    "ST100": (frozenset({State.PAID, State.DISPUTED}), "只有支付成功的订单才能取消"),
    "ST024": (frozenset({State.REGISTERED}), "只有已登记而没有结算的订单才能办理无费退院"),
}
_FIRM: Final = frozenset({"order_used", "order_busy", "acknowledged"})
_OPEN: Final = frozenset({"unsettled", "disputed", "not_acknowledged", "not_reconciled"})
_FIRM_FOR: Final[Mapping[str, frozenset[str]]] = {
    "ST002": _OPEN,
    "ST022": frozenset({"order_state"}),
    "ST100": frozenset({"wrong_cycle"}),
}


def faults(draft: Draft, history: History, hospcode: str) -> Iterator[Fault]:
    """Why the ledger knows that a message is wrong. Nothing is refused that was sent before."""
    if draft.doubts:
        return
    till = about(draft).till
    code = _for(draft)
    cycle = text_of(draft.body.get("busicycleno"))
    if code == "ST001" and history.value("cycle", till.cycle_key) is not None:
        yield Fault("/", "cycle_open", "这个操作员已经签到，账期尚未签退；一个操作员同时只能有一个账期")
    if code == "ST002":
        yield from unfinished(history, hospcode, cycle)
    yield from cycle_faults(draft, till, history)
    if code in MAKING or code in _NEEDED or code == "ST022":
        order = order_of(history, hospcode, text_of(draft.body.get("orderid")))
        if order is not None:
            yield from _order_faults(draft, order, history, hospcode, cycle)


def _order_faults(draft: Draft, order: Order, history: History, hospcode: str, cycle: str) -> Iterator[Fault]:
    code, agent = _for(draft), about(draft)
    if code in MAKING:
        own = order.state is State.ASKED and order.owner == agent.owner
        if not own and order.proof != UNSENT:
            yield _fault("orderid", "order_used", "订单号已经使用过，每笔订单必须使用新的订单号")
    elif order.doing and not _is_own(order, code, agent.owner):
        yield _fault("orderid", "order_busy", "这个订单的前一笔业务结果未定，不能办理")
    elif code == "ST022":
        again = order.state is State.NOT_PAID and order.kind != "ST007" and order.proof != "negatives"
        own = order.state is State.ASKED and _is_own(order, code, agent.owner)
        if order.state is State.ASKED and not own:
            yield _fault("orderid", "order_busy", "这个订单的前一笔支付结果未定，不能再支付")
        elif order.state not in (State.PREPARED, State.REGISTERED, State.ASKED) and not again:
            yield _fault("orderid", "order_state", "这个订单已有结果，不能再支付")
        yield from payer_faults(draft, order)
    elif order.state not in _NEEDED[code][0]:
        yield _fault("orderid", "order_state", _NEEDED[code][1])
    if code == "ST100":
        cycle = cycle or order.cycle
        yield from _cancelling(order, history, hospcode, cycle, internal=agent.internal)


def is_firm(fault: Fault, draft: Draft) -> bool:
    """Whether no HIS can force it: an order would be paid twice, what became of it be forgotten, a cycle be
    closed over what is open in it, or a payment be cancelled in another cycle than its own."""
    return fault.rule in _FIRM | _FIRM_FOR.get(_for(draft), frozenset())


def _is_own(order: Order, code: str, owner: str) -> bool:
    """Whether what is under way with an order is the same submission, which begins once more."""
    return order.by == code and order.asked_by == owner


def _for(draft: Draft) -> str:
    """The transaction that a message is there for: the look before ST100 is judged as ST100."""
    return "ST100" if about(draft).look == "cancel" else draft.transaction


def _cancelling(
    order: Order, history: History, hospcode: str, cycle: str, *, internal: bool
) -> Iterator[Fault]:
    """ST100 belongs to the cycle of its payment, while it is open; by itself the agent cancels only what
    the HIS has not acknowledged."""
    known = cycle_of(history, hospcode, cycle)
    if (order.cycle and cycle != order.cycle) or (known is not None and not known.open):
        told = "交易取消必须在支付时的账期内办理；账期已签退的请用扫码退费（ST010）"
        yield _fault("busicycleno", "wrong_cycle", told)
    if internal and order.orderid not in history.values(BOOKING, (hospcode,)):
        yield _fault("orderid", "acknowledged", "医院已确认记账，不再取消")


def unfinished(history: History, hospcode: str, cycle: str) -> Iterator[Fault]:
    """What keeps a cycle from being closed."""
    orders = orders_of(history, hospcode, cycle)
    waiting = history.values(BOOKING, (hospcode,))
    if any(order.unsettled for order in orders):
        yield _fault("busicycleno", "unsettled", "账期内还有结果未定的订单，不能签退")
    if any(order.state is State.DISPUTED for order in orders):
        yield _fault("busicycleno", "disputed", "账期内还有有争议的订单，请先取消（ST100）或核实")
    if any(order.orderid in waiting for order in orders):
        yield _fault("busicycleno", "not_acknowledged", "账期内还有未确认记账的支付，不能签退")
    compared = history.value(RECONCILED, (hospcode, cycle)) is not None
    if (orders or compared) and not is_clean(history, hospcode, cycle):
        yield _fault("busicycleno", "not_reconciled", "账期还没有对平账（ST099），不能签退")


def claimed(draft: Draft, history: History, hospcode: str) -> tuple[Draft, tuple[Identifier, ...]]:
    """The draft with its order as it was, and the facts that say what is under way with it."""
    code, agent = draft.transaction, about(draft)
    if code == "ST002":
        number = text_of(draft.body.get("busicycleno"))
        region = next((c.region for c in [cycle_of(history, hospcode, number)] if c), agent.till.region)
        return replace(draft, memo={**draft.memo, CYCLE_NOW: region}), ()
    orderid = text_of(draft.body.get("orderid"))
    before = order_of(history, hospcode, orderid)
    if code == "ST009":
        return (_with_order(draft, before), ()) if before else (draft, ())
    if code not in MAKING and code not in _NEEDED and code != "ST022":
        return draft, ()
    order = _begun(draft, before, agent.till, agent.owner, hospcode)
    return _with_order(draft, order), order.facts()


def _begun(draft: Draft, before: Order | None, till: Till, owner: str, hospcode: str) -> Order:
    code, body = draft.transaction, draft.body
    cycle, at = text_of(body.get("busicycleno")), text_of(draft.memo.get(AT))
    paying = code in MAKING or code == "ST022"
    if before is None or code in MAKING:
        before = Order(
            hospcode,
            text_of(body.get("orderid")),
            State.ASKED if paying else State.PAID,
            kind=code,
            cycle=cycle if paying or code == "ST100" else "",
            operatorid=till.operatorid,
            region=till.region,
            at=at,
            by=code,
            owner=owner,
            orderamt=text_of(body.get("orderamt")),
            payer=payer_of(body) if code == "ST021" else "",
            ordertime=text_of(body.get("ordertime")),
            overtime=text_of(body.get("orderovertime")),
        )
    before = replace(before, by=code, at=at, asked_by=owner)
    if not paying:
        refunded_in = cycle if code == "ST010" else before.refund_cycle
        return replace(before, doing=code, doing_in=cycle, refund_cycle=refunded_in)
    was = "" if code in MAKING else (before.was if before.state is State.ASKED else before.state.value)
    total = text_of(body.get("akc264")) if code == "ST022" else ""
    amount = total or before.orderamt
    return replace(before, state=State.ASKED, cycle=cycle, was=was, orderamt=amount, proof="")


def _with_order(draft: Draft, order: Order) -> Draft:
    return replace(draft, memo={**draft.memo, MEMO: order.facts()[0].value})


def _fault(field: str, rule: str, told: str) -> Fault:
    return Fault(f"/{field}", rule, told, field=field)
