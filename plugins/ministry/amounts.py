"""The arithmetic of fees and settlements (document, GYU102 rules 2–4 and its exact values; GYU103 ①).

Exact decimals, rounded half up to the cent where an uploaded amount is compared; the uploaded value
stands when it is within a cent of that (anomalies M52–M57). Negative quantities are refunds: their
amounts are negative.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from agent.errors import Fault
from agent.protocol.rules import Holder, Judged

_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP)
"""Wide enough for the product of the longest price, quantity and ratio of the document."""
_CENT: Final = Decimal("0.01")
_ONE: Final = Decimal(1)
_COVERED: Final = ("01", "02", "03", "04")
"""ALA012 codes within the work-injury lists; 09 and 99 are paid by the person."""


@dataclass(frozen=True, slots=True)
class Fee:
    """Exact amounts of one fee: ``total`` AAE058, ``pooled`` AAE020, ``own`` AAE022."""

    total: Decimal
    pooled: Decimal
    own: Decimal


def exact_fee(
    price: Decimal, quantity: Decimal, ceiling: Decimal | None, ratio: Decimal | None, *, covered: bool
) -> Fee:
    """The platform's exact values. No ceiling or a ceiling of 0 is none, and the ratio still applies
    (M53); no ratio pays in full, a ratio of 0 nothing."""
    total = _EXACT.multiply(price, quantity)
    if not covered:
        return Fee(total, Decimal(0), total)
    counted = min(price, ceiling) if ceiling is not None and ceiling > 0 else price
    share = _ONE if ratio is None else ratio
    pooled = _EXACT.multiply(_EXACT.multiply(counted, quantity), share)
    return Fee(total, pooled, _EXACT.subtract(total, pooled))


def fee_amounts(judged: Judged) -> Iterator[Fault]:
    """GYU102: each amount within a cent of the exact one, the total their sum to the cent."""
    for row in judged.holders("datalist"):
        yield from _ratio(row)
        yield from _near_exact(row)
        yield from _sum(row)


def whole_is_sum(judged: Judged) -> Iterator[Fault]:
    """GYU103 (2): the settlement's total is its pooled and own parts together, to the cent."""
    for row in judged.holders("datalist"):
        yield from _sum(row)


def _ratio(row: Holder) -> Iterator[Fault]:
    ratio = row.number("aae185")
    if ratio is not None and not 0 <= ratio <= 1:
        yield row.fault("aae185", "bounds", "报销比例应在 0 到 1 之间（80% 写作 0.8）")


def _near_exact(row: Holder) -> Iterator[Fault]:
    price, quantity, category = row.number("akc225"), row.number("akc226"), row.text("ala012")
    if price is None or quantity is None or not category or row.unsettled("aka068", "aae185"):
        return
    covered = category in _COVERED
    fee = exact_fee(price, quantity, row.number("aka068"), row.number("aae185"), covered=covered)
    for code, exact in (("aae058", fee.total), ("aae020", fee.pooled), ("aae022", fee.own)):
        given = row.number(code)
        if given is not None and abs(given - _to_cents(exact)) > _CENT:
            yield row.fault(code, "arithmetic", f"与计算值 {_to_cents(exact):f} 相差超过 0.01")


def _sum(row: Holder) -> Iterator[Fault]:
    total, pooled, own = row.number("aae058"), row.number("aae020"), row.number("aae022")
    if total is not None and pooled is not None and own is not None and total != pooled + own:
        yield row.fault("aae058", "arithmetic", "应等于统筹支付金额与自付金额之和")


def _to_cents(exact: Decimal) -> Decimal:
    return exact.quantize(_CENT, rounding=ROUND_HALF_UP, context=_EXACT)
