"""The arithmetic of an order (document, 4.4): exact decimals, to the cent.

An item's amount is price times quantity, less than a cent off: the document does not say how a fraction of
a cent is rounded, and a HIS may drop it, round it up or to the nearest. A prescription's fee is the sum of
its items, the order's amount the sum of its prescriptions, exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Context, Decimal
from typing import Final

from agent.errors import Fault
from agent.events import Json, JsonObject
from agent.protocol.rules import Holder, Judged
from agent.protocol.values import text_of

_EXACT: Final = Context(prec=60)
_CENT: Final = Decimal("0.01")
PRESCRIPTIONS: Final = "prescriptionlistinfo"
ITEMS: Final = "prescriptionitemlistinfo"
_WRITTEN: Final = re.compile(r"[+-]?(\d{1,14}(\.\d{0,4})?|\.\d{1,4})", re.ASCII)
_SHARES: Final = {"total": "akc264", "fund": "akc260", "account": "akc255", "cash": "akc261"}


def order_amounts(judged: Judged) -> Iterator[Fault]:
    """ST007, ST021: without orderdata, prescriptions and items there is nothing to settle (S17)."""
    for head in judged.holders(""):
        details = head.values.get("orderdata")
        if not isinstance(details, dict) or not details:
            yield head.fault("orderdata", "missing", "订单明细不能为空")
            continue
        fields = next((spec.children for spec in head.fields if spec.code == "orderdata"), ())
        order = Holder("/orderdata", details, fields)
        yield from _order(head, order)


def _order(head: Holder, order: Holder) -> Iterator[Fault]:
    prescriptions = list(order.rows(PRESCRIPTIONS))
    if not prescriptions and not order.unsettled(PRESCRIPTIONS):
        yield order.fault(PRESCRIPTIONS, "missing", "至少应有一个处方")
        return
    for prescription in prescriptions:
        yield from _prescription(prescription)
    total, fees = head.number("orderamt"), _sum(prescriptions, "prescriptionfee")
    if total is not None and total <= 0:
        yield head.fault("orderamt", "bounds", "必须大于 0")
    if total is not None and fees is not None and total != fees:
        yield head.fault("orderamt", "arithmetic", "应等于各处方总金额之和")


def _prescription(prescription: Holder) -> Iterator[Fault]:
    items = list(prescription.rows(ITEMS))
    if not items and not prescription.unsettled(ITEMS):
        yield prescription.fault(ITEMS, "missing", "处方内至少应有一个项目")
        return
    for item in items:
        yield from _item(item)
    fee, amounts = prescription.number("prescriptionfee"), _sum(items, "amount")
    if fee is not None and amounts is not None and fee != amounts:
        yield prescription.fault("prescriptionfee", "arithmetic", "应等于处方内各项目金额之和")


def _item(item: Holder) -> Iterator[Fault]:
    price, quantity, amount = item.number("unitprice"), item.number("num"), item.number("amount")
    if price is None or quantity is None or amount is None:
        return
    exact = _EXACT.multiply(price, quantity)
    if abs(_EXACT.subtract(amount, exact)) >= _CENT:
        yield item.fault(
            "amount", "arithmetic", f"与单价乘数量的计算值 {exact.normalize(_EXACT):f} 相差 0.01 或更多"
        )


def _sum(holders: list[Holder], code: str) -> Decimal | None:
    """None while one of the amounts is not known or cannot be read."""
    amounts = [holder.number(code) for holder in holders]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


# -- what was settled ---------------------------------------------------------------------------------
def read_amount(text: str) -> Decimal | None:
    """An amount as platforms write it, also ``.50`` as their databases do; None for what is none."""
    return Decimal(text) if _WRITTEN.fullmatch(text) else None


def known_amount(value: Json) -> str:
    """An amount of an answer as it was written; "" for what is none: it must not stop the ledger."""
    text = text_of(value)
    return text if read_amount(text) is not None else ""


def shares_of(data: JsonObject) -> dict[str, str]:
    """A settlement's amounts and number (4.5) under the names of the ledger; nothing where an answer has
    no settlement, "" for what that lacks or cannot be read."""
    details = data.get("aptorderackdata")
    balance = details.get("balanceret") if isinstance(details, dict) else None
    if not isinstance(balance, dict):
        return {}
    found = {name: known_amount(balance.get(code)) for name, code in _SHARES.items()}
    return {**found, "balanceno": text_of(balance.get("balanceno"))}
