"""This agent's side of a cycle: which lines its file should have, by the ledger of orders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from agent.events import JsonObject
from plugins.scanpay.amounts import read_amount
from plugins.scanpay.orders import Order, State, fingerprint
from plugins.scanpay.reconciling.statement import PAYMENT, REFUND, Row

_MOVED: Final = frozenset({State.PAID, State.DISPUTED, State.REFUNDED})


@dataclass(frozen=True, slots=True)
class Side:
    """``unsettled``: orders whose fate is not known yet. ``fingerprint`` names the orders as they stood."""

    rows: tuple[Row, ...] = field(default=(), repr=False)
    unsettled: frozenset[str] = field(default=frozenset(), repr=False)
    fingerprint: str = ""

    def as_json(self) -> JsonObject:
        return {
            "rows": [_held(row) for row in self.rows],
            "unsettled": sorted(self.unsettled),
            "fingerprint": self.fingerprint,
        }


def side_of(orders: Iterable[Order], cycle: str) -> Side:
    known = tuple(orders)
    return Side(
        rows=tuple(row for order in known for row in _rows(order, cycle)),
        unsettled=frozenset(order.orderid for order in known if order.unsettled),
        fingerprint=fingerprint(known),
    )


def read_side(held: JsonObject) -> Side:
    rows = tuple(_row(one) for one in held["rows"])
    return Side(rows, frozenset(held["unsettled"]), held["fingerprint"])


def _rows(order: Order, cycle: str) -> Iterator[Row]:
    """An order under way is expected as paid, so that it is seen when the platform does not have it."""
    if order.cycle == cycle and (order.state in _MOVED or order.state is State.ASKED):
        yield _line(order, PAYMENT, order.balanceno, 1)
    if order.state is State.REFUNDED and order.refund_cycle == cycle:
        yield _line(order, REFUND, order.refundno, -1)


def _line(order: Order, sign: str, number: str, factor: int) -> Row:
    """The total is what was asked for, where that is known: the platform's answer is no witness for its own
    file."""
    asked = read_amount(order.orderamt)
    shares = (order.fund, order.account, order.cash)
    return Row(
        sign,
        order.orderid,
        number,
        order.at[:10],
        factor * (order.amount if asked is None else asked),
        *(factor * Decimal(share) if share else None for share in shares),
    )


def _held(row: Row) -> list[str]:
    amounts = ("" if amount is None else f"{amount:f}" for amount in row.amounts)
    return [row.sign, row.orderid, row.number, row.day, *amounts]


def _row(held: list[str]) -> Row:
    sign, orderid, number, day, total, *shares = held
    return Row(sign, orderid, number, day, Decimal(total), *(Decimal(one) if one else None for one in shares))
