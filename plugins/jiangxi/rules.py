"""Jiangxi's checks across fields, under the names that the catalog gives them.

Each refuses only what the document's own words refuse; what only the province can know is left to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from types import MappingProxyType
from typing import Final

from agent.errors import Fault
from agent.protocol.rules import Judged, Rule, all_of, in_order, not_after_today, unique
from agent.protocol.tracecodes import NoTraceCode, read_trace_code

FEES: Final = "inputlist"
TRACES: Final = "kc25list"
CODES: Final = "kc56list"
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP)
"""Wide enough for the product of the longest price and quantity of the document."""
_CENT: Final = Decimal("0.01")


def line_total(price: Decimal, quantity: Decimal) -> Decimal:
    """akc264: 单价乘以数量, in its two decimals."""
    return _EXACT.multiply(price, quantity).quantize(_CENT, ROUND_HALF_UP)


def _line_totals(judged: Judged) -> Iterator[Fault]:
    for row in judged.holders(FEES):
        price, quantity, total = (row.number(code) for code in ("akc225", "akc226", "akc264"))
        if price is None or quantity is None or total is None:
            continue
        if total != line_total(price, quantity):
            yield row.fault("akc264", "amount", f"应为单价乘以数量：{line_total(price, quantity)}")


def _count(at: str) -> Rule:
    def rule(judged: Judged) -> Iterator[Fault]:
        rows = sum(1 for _ in judged.holders(at))
        for head in judged.holders(""):
            told = head.number("listsize")
            if told is not None and told != rows:
                yield head.fault("listsize", "count", f"应为明细条数 {rows}")

    return rule


def _total(judged: Judged) -> Iterator[Fault]:
    """The sum of akc264, where every one of them can be read."""
    totals = [row.number("akc264") for row in judged.holders(FEES)]
    known = [total for total in totals if total is not None]
    for head in judged.holders(""):
        told = head.number("totalFee")
        if told is not None and len(known) == len(totals) and told != sum(known):
            yield head.fault("totalFee", "sum", f"应为明细医疗费总额之和 {sum(known):.2f}")


def _same_visit(judged: Judged) -> Iterator[Fault]:
    for head in judged.holders(""):
        for row in head.rows(FEES):
            one, other = head.text("akc190"), row.text("akc190")
            if one and other and one != other:
                yield row.fault("akc190", "same", "与表头的业务流水号不一致")


def _trace_codes(judged: Judged) -> Iterator[Fault]:
    for row in judged.holders(TRACES):
        for code in row.rows(CODES):
            text = code.text("bkc372")
            try:
                if text:
                    read_trace_code(text)
            except NoTraceCode as refused:
                yield code.fault("bkc372", "tracecode", refused.why)


def _moved(judged: Judged) -> Iterator[Fault]:
    """SQ002: something was sold or returned."""
    for row in judged.holders(TRACES):
        if row.number("bkc516") == 0:
            yield row.fault("bkc516", "bounds", "销售/退货数量不能为 0")


RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "fy001_count": _count(FEES),
        "fy001_total": _total,
        "fy001_line_totals": _line_totals,
        "fy001_same_visit": _same_visit,
        "fy001_unique_in_batch": unique(FEES, ("bke384",)),
        "kf001_line_totals": _line_totals,
        "kf001_unique_in_batch": unique(FEES, ("bke384",)),
        "cx001_period": in_order("", "startDate", "expirationDate"),
        "sq002_count": _count(TRACES),
        "sq002_trace_codes": all_of(_trace_codes, _moved),
        "zy001_admission_day": not_after_today("", "aae030"),
        "zy004_discharge_day": not_after_today("", "aae031"),
    }
)
