"""What the fund pays of a fee, by line: allow + own + quota = total."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from plugins.jiangxi.simulator.seed import Item
from plugins.jiangxi.simulator.state import Amounts

_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP)
_CENT: Final = Decimal("0.01")
_NONE: Final = Decimal(0)


def line_total(price: Decimal, quantity: Decimal) -> Decimal:
    """单价乘以数量, in the two decimals of akc264."""
    return _EXACT.multiply(price, quantity).quantize(_CENT, ROUND_HALF_UP)


def share(item: Item | None, category: str, price: Decimal, quantity: Decimal, *, injury: bool) -> Amounts:
    """The shares of one line. A category that is not the catalogue's makes it 自费 (note of bkc369)."""
    total = line_total(price, quantity)
    if not injury or item is None or item.bkc369 != category:
        return Amounts(total, _NONE, total, _NONE)
    counted = price if item.ceiling is None else min(price, item.ceiling)
    allow = line_total(counted, quantity)
    return Amounts(total, allow, _NONE, total - allow)
