"""``his-agent scanpay orders``: the ledger of orders, by cycle, for people and programs."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from agent.events import History, JsonObject
from agent.hookspecs import Act, Acted, Asked, ProtocolAdapter
from plugins.scanpay.adapter import ScanpayAdapter
from plugins.scanpay.orders import Cycle, Order, State, cycle_of, open_cycles, orders_of, total_of

_TOLD: Final = {
    State.ASKED: "支付中",
    State.PREPARED: "待支付",
    State.REGISTERED: "已登记",
    State.WITHDRAWN: "已退登记",
    State.PAID: "已支付",
    State.NOT_PAID: "未支付",
    State.CANCELLED: "已取消",
    State.REFUNDED: "已退费",
    State.DISPUTED: "有争议",
}


def orders(adapter: ProtocolAdapter, history: History, asked: Asked) -> Acted:
    """The orders of one cycle, or of all that are open. Names nobody."""
    if not isinstance(adapter, ScanpayAdapter):
        raise TypeError("acts of scan-to-pay are asked of its own adapter")
    hospcode = adapter.settings.hospcode
    wanted = asked.words[0] if asked.words else ""
    known = cycle_of(history, hospcode, wanted) if wanted else None
    cycles = (known,) if known else () if wanted else open_cycles(history, hospcode)
    found = [(cycle, orders_of(history, hospcode, cycle.number)) for cycle in cycles]
    lines = [line for cycle, listed in found for line in _lines(cycle, listed)]
    return Acted(
        tuple(lines) or ("没有业务周期",), {"cycles": [_cycle(cycle, listed) for cycle, listed in found]}
    )


def _lines(cycle: Cycle, listed: tuple[Order, ...]) -> list[str]:
    state = "未签退" if cycle.open else "已签退"
    head = f"{cycle.number}（{state}）{len(listed)} 笔，已支付合计 {_total(cycle, listed):.2f}"
    return [head, *(f"  {one.orderid} {_TOLD[one.state]} {one.amount:.2f}{_doing(one)}" for one in listed)]


def _total(cycle: Cycle, listed: tuple[Order, ...]) -> Decimal:
    """What was paid in the cycle: not what is only to be refunded in it."""
    return total_of(one for one in listed if one.cycle == cycle.number)


def _doing(order: Order) -> str:
    return f"（{order.doing} 办理中）" if order.doing else ""


def _cycle(cycle: Cycle, listed: tuple[Order, ...]) -> JsonObject:
    return {
        "busicycleno": cycle.number,
        "open": cycle.open,
        "total": f"{_total(cycle, listed):.2f}",
        "orders": [
            {
                "orderid": one.orderid,
                "state": one.state.value,
                "amount": f"{one.amount:.2f}",
                "transaction": one.by,
                "doing": one.doing,
                "proof": one.proof,
                "at": one.at,
            }
            for one in listed
        ],
    }


ORDERS: Final = Act(
    "orders", "列出业务周期内的订单和结果；不写周期号则列出未签退的周期", ("[业务周期号]",), orders
)
