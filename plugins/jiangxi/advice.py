"""What is not wrong by the document, but costs money when it is: warned of, and sent as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agent.catalog.model import TransactionSpec
from agent.errors import Fault
from agent.events import JsonObject
from agent.protocol.values import text_of
from plugins.jiangxi.rules import FEES

_FITTING: Final[Mapping[str, frozenset[str]]] = {
    "13": frozenset({"21", "22", "99"}),
    "14": frozenset({"20", "23", "99"}),
    "15": frozenset({"18", "24", "25", "99"}),
    "21": frozenset({"20", "23", "99"}),
    "22": frozenset({"20", "22", "23", "99"}),
}
"""项目类别 (BKC370) that fit a 单据类型 (BKC369): western and patent medicines, herbs, materials."""
_GOODS: Final = frozenset({"14", "18", "20", "21", "22", "23", "24", "25"})
"""项目类别 that are no 诊疗 (16)."""


def odd_rows(spec: TransactionSpec, data: JsonObject) -> Iterator[Fault]:
    """Rows whose 单据类型 does not go with their 项目类别 (bkc369: 要和药品明细匹配，否则会算作自费)."""
    if not any(field.code == FEES for field in spec.request):
        return
    for place, row in enumerate(data[FEES]):
        kind, category = text_of(row.get("bkc369")), text_of(row.get("bkc370"))
        fits = category not in _GOODS if kind == "16" else category in _FITTING.get(kind, {category})
        if not fits:
            yield Fault(
                f"/{FEES}/{place}/bkc369",
                "category",
                f"单据类型 {kind} 与项目类别 {category} 不相配，平台可能算作自费，请核对",
                "bkc369",
                "单据类型",
            )
