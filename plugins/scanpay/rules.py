"""Scan-to-pay's checks across fields, under the names that the catalog gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from agent.errors import Fault
from agent.protocol.rules import Judged, Rule
from plugins.scanpay.amounts import order_amounts


def payer_is_holder(judged: Judged) -> Iterator[Fault]:
    """ST007: pname and pidno are there to show that the payer holds the code (note of pname)."""
    for head in judged.holders(""):
        for own, decoded in (("pname", "username"), ("pidno", "idno")):
            payer, holder = head.text(own), head.text(decoded)
            if payer and holder and payer.casefold() != holder.casefold():
                yield head.fault(own, "value", "与电子凭证持有人不一致，不能支付")


RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "st007_orderdata": order_amounts,
        "st021_orderdata": order_amounts,
        "st007_payer": payer_is_holder,
    }
)
