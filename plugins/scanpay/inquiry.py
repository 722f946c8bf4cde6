"""ST009, the state of an order, and what it proves about a transaction of unknown fate.

A payment's state settles payments (ST007, ST022), and refunds and cancellations by what they lead to. It
never accepts ST023, whose ordervalidcode and akc190 it does not return, and says of ST024 only whether the
registration still stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from agent.catalog import TransactionSpec
from agent.clock import BEIJING
from agent.events import Conclusion, Draft, Finding, JsonObject, Outcome, Verdict
from agent.protocol.values import text_of
from plugins.scanpay.orders import MEMO, State, read_order
from plugins.scanpay.outcomes import DONE, facts
from plugins.scanpay.settings import Settings
from plugins.scanpay.statuses import CANCELLED, FAILED, NONE, PAID, PAYING, REFUNDED, status_of

ASK: Final = "ST009"

_AHEAD: Final = timedelta(minutes=10)
_LONGEST: Final = timedelta(days=1)
_OPEN: Final = Conclusion(Finding.UNDECIDED)
_TOLD: Final[Mapping[str, str]] = MappingProxyType(
    {
        PAID: "支付成功",
        FAILED: "支付失败",
        CANCELLED: "支付已取消",
        REFUNDED: "支付已退费",
        NONE: "查询不到订单的结算信息",
    }
)

_PAYMENT: Final = {PAID: "done", FAILED: "refused", CANCELLED: "refused", REFUNDED: "refused", NONE: "absent"}
_MEANINGS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "ST007": _PAYMENT,
        "ST022": _PAYMENT,
        "ST010": {REFUNDED: "done", PAID: "absent", FAILED: "refused", CANCELLED: "refused"},
        "ST023": {FAILED: "refused", CANCELLED: "refused", NONE: "absent"},
        "ST024": {CANCELLED: "done", PAID: "refused", PAYING: "absent"},
        "ST100": {CANCELLED: "done", NONE: "done", PAID: "absent", REFUNDED: "refused"},
    }
)
"""By transaction and state: ``done``, ``refused``, ``absent`` (the attempt took no effect). What is not here
decides nothing."""


def question(draft: Draft) -> JsonObject:
    """The business data of the inquiry about a draft's order."""
    return {"orderid": text_of(draft.body.get("orderid"))}


def conclude(spec: TransactionSpec, draft: Draft, answer: Outcome, settings: Settings, at: str) -> Conclusion:
    """What an answer to ST009 proves about the attempt at ``draft`` that began at ``at``."""
    status = status_of(answer, settings.order_absent)
    if status is None:
        return _OPEN
    meaning = _MEANINGS.get(spec.code, {}).get(status, "")
    match "absent" if status == FAILED and _failed_before(spec, draft) else meaning:
        case "absent":
            return _absent(spec, draft, answer, status, settings, at)
        case "done":
            return Conclusion(Finding.FOUND, _accepted(spec, draft, _answer_of(spec, answer), status))
        case "refused":
            told = _TOLD[status]
            rejected = Outcome(Verdict.REJECTED, status, told, _answer_of(spec, answer), settled_by="inquiry")
            return Conclusion(Finding.FOUND, rejected)
        case _:
            return _OPEN


def _failed_before(spec: TransactionSpec, draft: Draft) -> bool:
    """Whether an order is paid once more after a payment that came to nothing: that it failed may still be
    said of the earlier one while the later is being carried out."""
    held = draft.memo.get(MEMO)
    return spec.code == "ST022" and held is not None and read_order(held).was == State.NOT_PAID


def _absent(
    spec: TransactionSpec, draft: Draft, answer: Outcome, status: str, settings: Settings, at: str
) -> Conclusion:
    """The attempt took no effect. What must not be sent again ends so, but only once the platform can no
    longer carry it out: its order's time, and a margin, have passed. The document gives a refund no time of
    its own; it has that of an order, as one that is carried out later cannot be taken back."""
    if spec.guarded:
        return Conclusion(Finding.ABSENT)
    told = f"{_TOLD[status]}，未办成"
    outcome = Outcome(Verdict.REJECTED, status, told, _answer_of(spec, answer), settled_by="inquiry")
    return Conclusion(Finding.ABSENT, outcome, _over(draft, settings, datetime.fromisoformat(at)))


def _over(draft: Draft, settings: Settings, at: datetime) -> datetime:
    """When an order is over: its own minutes after the later of when the attempt was sent and its ordertime;
    neither a time that a HIS set far ahead counts, nor more than a day."""
    told, minutes = _times(draft)
    minutes = minutes or str(settings.orderovertime)
    begun = max(at, datetime.fromisoformat(told).replace(tzinfo=BEIJING)) if told else at
    lives = min(timedelta(minutes=int(minutes[:6])), _LONGEST)
    return min(begun, at + _AHEAD) + lives + settings.query_margin


def _times(draft: Draft) -> tuple[str, str]:
    """The ordertime and orderovertime that bind an attempt: its own, and of ST022 those that ST021 said."""
    held = draft.memo.get(MEMO)
    if draft.transaction == "ST022" and held is not None:
        order = read_order(held)
        return order.ordertime, order.overtime
    return text_of(draft.body.get("ordertime")), text_of(draft.body.get("orderovertime"))


def _accepted(spec: TransactionSpec, draft: Draft, data: JsonObject, status: str) -> Outcome:
    return Outcome(
        verdict=Verdict.ACCEPTED,
        code=DONE,
        message=_TOLD[status],
        data=data,
        identifiers=facts(spec, draft.body, data),
        settled_by="inquiry",
    )


def _answer_of(spec: TransactionSpec, answer: Outcome) -> JsonObject:
    """What ST009 tells of the fields that the transaction's own answer has, and the state."""
    own = {field.code for field in spec.response} | {"orderid", "paystatus"}
    return {code: value for code, value in answer.data.items() if code in own}
