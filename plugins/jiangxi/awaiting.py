"""Where the province's transactions take what is scanned: CX003 its code, SQ002 codes row by row. Pure."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from agent.catalog.spelling import find
from agent.catalog.values import is_absent
from agent.errors import Fault, SubmissionInvalid
from agent.events import JsonObject, Reading, Submission, WaitItem
from agent.protocol.awaiting import Places, code_place, taken
from agent.protocol.values import text_of
from plugins.jiangxi.preparing import put
from plugins.jiangxi.rules import CODES, TRACES

UPLOAD: Final = "SQ002"
TRACECODE: Final = "tracecode"
MOST: Final = 1000
"""Codes of one wait: more than that nobody scans at one counter."""
PLACES: Final[Places] = {("CX003", "esscard"): code_place("qrCodeStr", "0" * 22)}
_SPLIT: Final = "bkc507"
_QUANTITY: Final = "bkc516"


def awaited(submission: Submission, reading: Reading | None) -> Submission:
    """See ProtocolAdapter."""
    kind = reading.kind if reading else submission.wait.kind if submission.wait else ""
    if (submission.transaction, kind) != (UPLOAD, TRACECODE):
        return taken(submission, PLACES, reading)
    wanted = items(submission)
    codes = reading.codes if reading else _samples(wanted)
    rows = [dict(row) for row in find(submission.data, TRACES)]
    for item in wanted:
        put(rows[item.row], CODES, list(codes.get(item.row, ())))
    data = dict(submission.data)
    put(data, TRACES, rows)
    return replace(submission, data=data)


def items(submission: Submission) -> tuple[WaitItem, ...]:
    """The rows that have no codes yet: what the HIS lists of them, else as many codes as were sold, one of
    a box that is sold in parts. Raises SubmissionInvalid."""
    wait = submission.wait
    if submission.transaction != UPLOAD or wait is None or wait.kind != TRACECODE:
        return ()
    rows = find(submission.data, TRACES)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise SubmissionInvalid([_NO_ROWS])
    listed = {item.row: item for item in wait.items}
    strange = [item.row for item in wait.items if item.row >= len(rows)]
    open_rows = [place for place, row in enumerate(rows) if is_absent(find(row, CODES)) or place in listed]
    if strange or not open_rows:
        raise SubmissionInvalid([_NO_ROWS])
    found = [_item(place, rows[place], listed.get(place)) for place in open_rows]
    faults = [_uncounted(item.row) for item in found if item.count < 1]
    if faults:
        raise SubmissionInvalid(faults)
    if sum(item.count for item in found) > MOST:
        raise SubmissionInvalid([_TOO_MANY])
    return tuple(found)


def _item(place: int, row: JsonObject, listed: WaitItem | None) -> WaitItem:
    split = text_of(find(row, _SPLIT)) == "1"
    name = text_of(find(row, "ake006")) or text_of(find(row, "ake002"))
    count = listed.count if listed else 1 if split else _whole(find(row, _QUANTITY))
    return WaitItem(place, count, listed.drug if listed else "", name, split)


def _whole(quantity: Any) -> int:
    """0 for what is no number of boxes; the sign of a return counts for nothing."""
    try:
        number = abs(Decimal(text_of(quantity)))
    except ArithmeticError:
        return 0
    return int(number) if number == int(number) and number <= MOST else 0


def _samples(wanted: tuple[WaitItem, ...]) -> dict[int, tuple[str, ...]]:
    """As many different codes as are wanted: 0000000 names no medicine."""
    return {
        item.row: tuple(f"{item.row:010d}{number:010d}" for number in range(item.count)) for item in wanted
    }


_NO_ROWS: Final = Fault(
    "/await/items",
    "await_items",
    "等待追溯码时，data 中要有 kc25list；await.items 的 row 从 0 数起，且至少有一行没有追溯码",
    "await",
    "等待扫码或读卡",
)
_TOO_MANY: Final = Fault(
    "/await/items", "await_items", f"一次等待的追溯码不能超过 {MOST} 个", "await", "等待扫码或读卡"
)


def _uncounted(row: int) -> Fault:
    return Fault(
        f"/data/{TRACES}/{row}/{_QUANTITY}",
        "await_count",
        "从销售数量看不出要扫几盒（应为整数），请在 await.items 中写明 row 和 count",
        _QUANTITY,
        "销售/退货数量",
    )
