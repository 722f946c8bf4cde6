"""What is not wrong by the document, but costs money when it is: warned of, and sent as it is."""

from __future__ import annotations

import re
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


_DETAIL: Final = re.compile(r"[0-9A-Za-z]{5}[0-9]{18}")
"""命名规则为机构编码akb020+年月日+10位序列值."""


def odd_rows(spec: TransactionSpec, data: JsonObject) -> Iterator[Fault]:
    """What of the rows of FY001 and KF001 costs money or fails later, though the document allows it."""
    yield from _odd_kinds(spec, data)
    if any(field.code == FEES for field in spec.request):
        for place, row in enumerate(data[FEES]):
            yield from _negative(f"/{FEES}/{place}", row)
        yield from _misnamed(data)


def _negative(at: str, row: JsonObject) -> Iterator[Fault]:
    if text_of(row.get("akc226")).startswith("-"):
        told = "数量为负：文档只用 JY001（未结算）、JY002（已结算）冲减费用，请核对"
        yield Fault(f"{at}/akc226", "negative", told, "akc226", "数量")


def _misnamed(data: JsonObject) -> Iterator[Fault]:
    """Told once, at the first such row: a HIS that has its own form has it in all of them."""
    for place, row in enumerate(data[FEES]):
        detail = text_of(row.get("bke384"))
        if detail and not (_DETAIL.fullmatch(detail) and detail.startswith(text_of(data.get("akb020")))):
            told = "序列号不合文档的命名规则（机构编码+年月日+10位序列值），所有医院不能重复，请核对"
            yield Fault(f"/{FEES}/{place}/bke384", "naming", told, "bke384", "医院结算业务药品明细序列号")
            return


def _odd_kinds(spec: TransactionSpec, data: JsonObject) -> Iterator[Fault]:
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
