"""What the end of each transaction leaves in the ledger of orders.

What an answer, an inquiry or a person says about an attempt, however late, is said about the order as it was
at the attempt's claim (``claiming``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from agent.errors import ControlError
from agent.events import Draft, Forget, History, Identifier, Outcome, Verdict
from agent.protocol.values import text_of
from plugins.scanpay import disputing
from plugins.scanpay.amounts import shares_of
from plugins.scanpay.bodies import about
from plugins.scanpay.claiming import CYCLE_NOW
from plugins.scanpay.orders import AT, BOOKING, MEMO, Cycle, Order, State, order_of, read_order
from plugins.scanpay.settings import Settings
from plugins.scanpay.statuses import NONE, PAID, status_of

PAYING: Final = frozenset({"ST007", "ST022"})


def kept(
    outcome: Outcome, draft: Draft, ids: Mapping[str, str], settings: Settings, *, status: str | None = None
) -> Outcome:
    """An outcome with what it does to the ledger. ``status`` is what ST009 said where it settles one."""
    code, done = draft.transaction, outcome.verdict is Verdict.ACCEPTED
    if outcome.verdict not in (Verdict.ACCEPTED, Verdict.REJECTED):
        return outcome
    if code in ("ST001", "ST002"):
        return _with_cycle(outcome, draft, ids) if done else outcome
    if about(draft).look == "cancel":
        return _may_be_cancelled(outcome, draft, ids)
    held = draft.memo.get(MEMO)
    if held is None:
        return outcome
    order = read_order(held)
    if order.foreign and not done:
        return outcome
    if code == "ST009":
        return _asked(outcome, draft, order, ids, settings)
    ended = replace(_ended(draft, order, outcome, status), doing="", at=ids.get(AT) or order.at)
    ended = replace(ended, proof=_proof(outcome, status))
    given, gone = ended.facts(), tuple(_no_longer(ended))
    if code in PAYING and ended.state is State.PAID and settings.ack_within:
        given = (*given, _since(BOOKING, ended, ""))
    if _may_prove_wrong(code, ended, status):
        given = (*given, _since(disputing.LATE_LOOK, ended, ""))
    if code == "ST100" and about(draft).internal:
        outcome = disputing.cancelled_unasked(outcome, ended, status, ids)
    return _with(outcome, given, gone)


def _ended(draft: Draft, order: Order, outcome: Outcome, status: str | None) -> Order:
    code, data = draft.transaction, outcome.data
    if outcome.verdict is not Verdict.ACCEPTED:
        return _refused(code, order, status)
    match code:
        case "ST007" | "ST022":
            return replace(order, state=State.PAID, **shares_of(data))
        case "ST021":
            return replace(order, state=State.PREPARED)
        case "ST023":
            return replace(order, state=State.REGISTERED)
        case "ST010":
            number = text_of(data.get("receiverserialno"))
            cycle = text_of(draft.body.get("busicycleno"))
            return replace(order, state=State.REFUNDED, refund_cycle=cycle, refundno=number)
        case "ST024":
            return replace(order, state=State.WITHDRAWN)
        case _:
            return replace(order, state=State.CANCELLED)


def _refused(code: str, order: Order, status: str | None) -> Order:
    """Refused by an answer: as if it had not been sent. An inquiry may have shown another end."""
    shown = {"4": State.CANCELLED, "5": State.REFUNDED}.get(status or "")
    if shown is not None:
        return replace(order, state=shown)
    if code == "ST010" and status is None:
        return replace(order, refund_cycle="")
    return replace(order, state=State.NOT_PAID) if order.state is State.ASKED else order


def _may_prove_wrong(code: str, ended: Order, status: str | None) -> bool:
    """Whether it ended because nothing was found, or a refund because the order was still paid: it is looked
    at once more."""
    if code == "ST010":
        return status == PAID and ended.state is State.PAID
    return code in (*PAYING, "ST100") and status == NONE and disputing.is_disputable(ended)


def _proof(outcome: Outcome, status: str | None) -> str:
    if outcome.settled_by != "inquiry":
        return outcome.settled_by
    return disputing.NEGATIVES if status == NONE else "inquiry"


def _no_longer(order: Order) -> Iterator[Forget]:
    if order.state in (State.CANCELLED, State.REFUNDED):
        yield Forget(BOOKING, (order.hospcode,), order.orderid)
    yield from disputing.no_longer(order)


def _with_cycle(outcome: Outcome, draft: Draft, ids: Mapping[str, str]) -> Outcome:
    till, at = about(draft).till, ids.get(AT, "")
    if draft.transaction == "ST001":
        number = text_of(outcome.data.get("busicycleno"))
        cycle = Cycle(till.hospcode, number, till.operatorid, till.region, at)
        return _with(outcome, cycle.facts(), ()) if number else outcome
    till = replace(till, region=draft.memo.get(CYCLE_NOW, till.region))
    number = text_of(draft.body.get("busicycleno"))
    closed = Cycle(till.hospcode, number, till.operatorid, till.region, at, open=False)
    return _with(outcome, closed.facts(), (Forget("cycle", till.cycle_key), *closed.no_longer()))


# -- looking again ----------------------------------------------------------------------------------
def _asked(
    outcome: Outcome, draft: Draft, order: Order, ids: Mapping[str, str], settings: Settings
) -> Outcome:
    """ST009 about an order of the ledger. A HIS's own question stands beside the order's messages: what it
    finds of an order that was told as something else is looked at by the agent, in its turn."""
    if about(draft).look:
        return disputing.looked(outcome, order, ids, settings.order_absent)
    if disputing.contradicts(status_of(outcome, settings.order_absent), order):
        return _with(outcome, (disputing.look_now(order),), ())
    return outcome


def _may_be_cancelled(outcome: Outcome, draft: Draft, ids: Mapping[str, str]) -> Outcome:
    """ST100 follows only where the platform says that the order is paid, whosesoever the order is. One of the
    ledger that it has ended by itself, cancelled or refunded, has nothing left to be cancelled."""
    status = text_of(outcome.data.get("paystatus")) if outcome.verdict is Verdict.ACCEPTED else ""
    if status == PAID:
        return outcome
    told = f"查询支付状态不是支付成功（{status or '没有这笔订单'}），不能取消"
    refused = replace(outcome, verdict=Verdict.REJECTED, code=status or outcome.code, message=told)
    held = draft.memo.get(MEMO)
    return refused if held is None else disputing.ended_there(refused, read_order(held), status, ids)


def _since(kind: str, order: Order, since: str) -> Identifier:
    return disputing.waiting(kind, order.hospcode, order.orderid, since, order.cycle)


# -- the HIS's receipt ------------------------------------------------------------------------------
def acknowledged(draft: Draft, history: History, hospcode: str) -> Outcome:
    """The HIS has booked a payment. Raises ControlError when its cancellation began before."""
    orderid = text_of(draft.body.get("orderid"))
    order = order_of(history, hospcode, orderid) if draft.transaction in PAYING else None
    if order is None:
        return Outcome(Verdict.ACCEPTED)
    if order.doing == "ST100" or order.state is State.CANCELLED:
        raise ControlError(
            "这笔支付已经开始取消，不能再确认记账",
            hint="请等待取消结果；取消成功的，应撤销医院的记账",
            details={"code": "too_late"},
        )
    return Outcome(Verdict.ACCEPTED, forgotten=(Forget(BOOKING, (hospcode,), orderid),))


def name_of(act: str, *about_what: str) -> str:
    """The name of a duty: says nothing about whom it is for."""
    digest = hashlib.sha256("\n".join(about_what).encode("utf-8")).hexdigest()
    return f"{act}/{digest[:24]}"


def _with(outcome: Outcome, given: tuple[Identifier, ...], gone: tuple[Forget, ...]) -> Outcome:
    return replace(
        outcome,
        identifiers=(*outcome.identifiers, *given),
        forgotten=(*outcome.forgotten, *gone),
    )
