"""``await``: what a submission waits for, as a HIS writes it (his-contract, "Waiting for a scan or a card").

``{"scan": "tracecode", "station": "till-1", "timeout_s": 120, "items": [{"row": 0, "count": 2}]}``; in a CSV
header the same as JSON text.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from agent import jsontext
from agent.events import JsonObject, Wait, WaitItem

KINDS: Final = ("ecredential", "esscard", "tracecode", "card")
TIMEOUT_S: Final = 120
LONGEST_S: Final = 3600
_KEYS: Final = {"scan", "station", "timeout_s", "items"}
_ITEM_KEYS: Final = {"row", "count", "drug"}
_STATION: Final = re.compile(r"[^\s\x00-\x1f\x7f]{1,64}")
_DRUG: Final = re.compile(r"[0-9A-Za-z]{7}|\d{14}", re.ASCII)
_MOST_ITEMS: Final = 1000


class Unfit(ValueError):
    """An option that cannot be read: ``rule`` is stable English, ``message`` Chinese."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message


def read_wait(value: object, _received_at: datetime) -> Wait:
    """Raises Unfit."""
    told = _object(value)
    if unknown := sorted(map(str, told.keys() - _KEYS)):
        raise _unfit(f"不认识 {unknown[0][:40]}，可用的有 scan、station、timeout_s、items")
    kind, station = told.get("scan"), told.get("station")
    if kind not in KINDS:
        raise _unfit(f"scan 应为 {'、'.join(KINDS)} 之一")
    if not isinstance(station, str) or not _STATION.fullmatch(station):
        raise _unfit("station 应为配置文件中扫码枪或读卡器的 station")
    timeout = told.get("timeout_s", TIMEOUT_S)
    if not _is_count(timeout, LONGEST_S):
        raise _unfit(f"timeout_s 应为 1 到 {LONGEST_S} 的整数（秒）")
    items = told.get("items", [])
    if items and kind != "tracecode":
        raise _unfit("只有等待追溯码时才写 items")
    return Wait(str(kind), station, timeout, _items(items))


def _object(value: object) -> JsonObject:
    if isinstance(value, str):
        try:
            return jsontext.read_object(value)
        except jsontext.JsonTextError:
            value = None
    if not isinstance(value, dict):
        raise _unfit('应写成 {"scan": "ecredential", "station": "till-1", "timeout_s": 120}')
    return value


def _items(value: object) -> tuple[WaitItem, ...]:
    if not isinstance(value, list) or len(value) > _MOST_ITEMS:
        raise _unfit(_ITEMS_SAID)
    items = tuple(map(_item, value))
    if len({item.row for item in items}) != len(items):
        raise _unfit("items 中同一行只能写一次")
    return items


def _item(value: Any) -> WaitItem:
    if not isinstance(value, dict) or value.keys() - _ITEM_KEYS:
        raise _unfit(_ITEMS_SAID)
    row, count, drug = value.get("row"), value.get("count"), value.get("drug", "")
    drug_fits = isinstance(drug, str) and (not drug or _DRUG.fullmatch(drug))
    place: Any = row + 1 if isinstance(row, int) and not isinstance(row, bool) else None
    if not _is_count(place, _MOST_ITEMS) or not _is_count(count, _MOST_ITEMS) or not drug_fits:
        raise _unfit(_ITEMS_SAID)
    return WaitItem(place - 1, int(str(count)), drug)


_ITEMS_SAID: Final = (
    'items 应为 [{"row": 行（从 0 数起）, "count": 盒数, "drug": 药品标识码 7 位或 GTIN 14 位，可不写}]'
)


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _unfit(why: str) -> Unfit:
    return Unfit("await_form", f"await {why}")
