"""4.3 支付状态: what an answer to ST009 says of an order, or that it says nothing."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from agent.events import Outcome, Verdict
from agent.protocol.values import text_of

PAYING, PAID, FAILED, CANCELLED, REFUNDED, NONE = "1", "2", "3", "4", "5", ""
"""4.3, and no such order."""
RESPCODE: Final = "respcode"
"""In the data of an outcome whose call failed: its code is no aprcode, and says nothing of the business."""


def status_of(answer: Outcome, absent: Set[str]) -> str | None:
    """The order's state, "" for no such order; None when the answer says neither. ``absent`` are the aprcodes
    that mean no such order; a failed call may bear the same code and means nothing of the kind. A success
    without a state means it where it tells of no order: one that does has left its state out."""
    if answer.verdict is Verdict.ACCEPTED:
        status = text_of(answer.data.get("paystatus"))
        return status or (None if _tells_of_one(answer) else NONE)
    if answer.verdict is Verdict.REJECTED and answer.code in absent and RESPCODE not in answer.data:
        return NONE
    return None


def _tells_of_one(answer: Outcome) -> bool:
    return any(value not in ("", None) for code, value in answer.data.items() if code != "orderid")
