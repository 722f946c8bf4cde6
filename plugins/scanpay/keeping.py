"""What each transaction does to the ledger of orders: what is checked at its claim, what its end leaves.

The order as it was at the claim travels in the attempt's memo; its scope lets nobody change it meanwhile. So
what an answer, an inquiry or a person says about an attempt, however late, is said about that order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from agent.errors import ControlError, Fault
from agent.events import Draft, Forget, History, Identifier, Outcome, Verdict
from agent.protocol.values import text_of
from plugins.scanpay import disputing
from plugins.scanpay.amounts import shares_of
from plugins.scanpay.belonging import cycle_faults, payer_faults, payer_of
from plugins.scanpay.bodies import Till, about
from plugins.scanpay.orders import (
    MEMO,
    UNSENT,
    Cycle,
    Order,
    State,
    cycle_of,
    is_clean,
    order_of,
    orders_of,
    read_order,
)
from plugins.scanpay.settings import Settings
from plugins.scanpay.statuses import PAID

BOOKING: Final = "booking"
"""By hospcode, member orderid: a payment that the HIS has not acknowledged yet."""
AT: Final = "at"
"""The wire id that says when an attempt began."""
_FOREIGN: Final = "foreign"
"""In the memo: the order is not of this agent; only what it does to it is kept."""
_CYCLE: Final = "cycle-now"

MAKING: Final = frozenset({"ST007", "ST021", "ST023"})
PAYING: Final = frozenset({"ST007", "ST022"})
_NEEDED: Final[Mapping[str, tuple[frozenset[State], str]]] = {
    "ST010": (frozenset({State.PAID, State.DISPUTED}), "只有支付成功的订单才能退费"),
    "ST100": (frozenset({State.PAID, State.DISPUTED}), "只有支付成功的订单才能取消"),
    "ST024": (frozenset({State.REGISTERED}), "只有已登记而没有结算的订单才能办理无费退院"),
}
_FIRM: Final = frozenset({"order_used", "order_busy", "acknowledged"})


# -- at the claim -----------------------------------------------------------------------------------
def faults(draft: Draft, history: History, hospcode: str) -> Iterator[Fault]:
    """Why the ledger knows that a message is wrong. Nothing is refused that was sent before."""
    if draft.doubts:
        return
    till = about(draft).till
    code = _for(draft)
    cycle = text_of(draft.body.get("busicycleno"))
    if code == "ST001" and history.value("cycle", till.cycle_key) is not None:
        yield Fault("/", "cycle_open", "这个操作员已经签到，账期尚未签退；一个操作员同时只能有一个账期")
    if code == "ST002":
        yield from unfinished(history, hospcode, cycle)
    yield from cycle_faults(draft, till, history)
    if code in MAKING or code in _NEEDED or code == "ST022":
        order = order_of(history, hospcode, text_of(draft.body.get("orderid")))
        if order is not None:
            yield from _order_faults(draft, order, history, hospcode, cycle)


def _order_faults(draft: Draft, order: Order, history: History, hospcode: str, cycle: str) -> Iterator[Fault]:
    code, agent = _for(draft), about(draft)
    if code in MAKING:
        own = order.state is State.ASKED and order.owner == agent.owner
        if not own and order.proof != UNSENT:
            yield _fault("orderid", "order_used", "订单号已经使用过，每笔订单必须使用新的订单号")
    elif order.doing and not _is_own(order, code, agent.owner):
        yield _fault("orderid", "order_busy", "这个订单的前一笔业务结果未定，不能办理")
    elif code == "ST022":
        again = order.state is State.NOT_PAID and order.kind != "ST007" and order.proof != "negatives"
        own = order.state is State.ASKED and _is_own(order, code, agent.owner)
        if order.state is State.ASKED and not own:
            yield _fault("orderid", "order_busy", "这个订单的前一笔支付结果未定，不能再支付")
        elif order.state not in (State.PREPARED, State.REGISTERED, State.ASKED) and not again:
            yield _fault("orderid", "order_state", "这个订单已有结果，不能再支付")
        yield from payer_faults(draft, order)
    elif order.state not in _NEEDED[code][0]:
        yield _fault("orderid", "order_state", _NEEDED[code][1])
    if code == "ST100":
        cycle = cycle or order.cycle
        yield from _cancelling(order, history, hospcode, cycle, internal=agent.internal)


def is_firm(fault: Fault, code: str) -> bool:
    """Whether no HIS can force it: an order would be paid twice, or what became of it be forgotten."""
    return fault.rule in _FIRM or (fault.rule == "order_state" and code == "ST022")


def _is_own(order: Order, code: str, owner: str) -> bool:
    """Whether what is under way with an order is the same submission, which begins once more."""
    return order.by == code and order.asked_by == owner


def _for(draft: Draft) -> str:
    """The transaction that a message is there for: the look before ST100 is judged as ST100."""
    return "ST100" if about(draft).look == "cancel" else draft.transaction


def _cancelling(
    order: Order, history: History, hospcode: str, cycle: str, *, internal: bool
) -> Iterator[Fault]:
    """ST100 belongs to the cycle of its payment, while it is open; by itself the agent cancels only what
    the HIS has not acknowledged."""
    known = cycle_of(history, hospcode, cycle)
    if (order.cycle and cycle != order.cycle) or (known is not None and not known.open):
        told = "交易取消必须在支付时的账期内办理；账期已签退的请用扫码退费（ST010）"
        yield _fault("busicycleno", "wrong_cycle", told)
    if internal and order.orderid not in history.values(BOOKING, (hospcode,)):
        yield _fault("orderid", "acknowledged", "医院已确认记账，不再取消")


def unfinished(history: History, hospcode: str, cycle: str) -> Iterator[Fault]:
    """What keeps a cycle from being closed."""
    orders = orders_of(history, hospcode, cycle)
    waiting = history.values(BOOKING, (hospcode,))
    if any(order.unsettled for order in orders):
        yield _fault("busicycleno", "unsettled", "账期内还有结果未定的订单，不能签退")
    if any(order.state is State.DISPUTED for order in orders):
        yield _fault("busicycleno", "disputed", "账期内还有有争议的订单，请先取消（ST100）或核实")
    if any(order.orderid in waiting for order in orders):
        yield _fault("busicycleno", "not_acknowledged", "账期内还有未确认记账的支付，不能签退")
    if orders and not is_clean(history, hospcode, cycle):
        yield _fault("busicycleno", "not_reconciled", "账期还没有对平账（ST099），不能签退")


def claimed(draft: Draft, history: History, hospcode: str) -> tuple[Draft, tuple[Identifier, ...]]:
    """The draft with its order as it was, and the facts that say what is under way with it."""
    code, agent = draft.transaction, about(draft)
    if code == "ST002":
        number = text_of(draft.body.get("busicycleno"))
        region = next((c.region for c in [cycle_of(history, hospcode, number)] if c), agent.till.region)
        return replace(draft, memo={**draft.memo, _CYCLE: region}), ()
    orderid = text_of(draft.body.get("orderid"))
    before = order_of(history, hospcode, orderid)
    if code == "ST009":
        return (_with_order(draft, before), ()) if before else (draft, ())
    if code not in MAKING and code not in _NEEDED and code != "ST022":
        return draft, ()
    order = _begun(draft, before, agent.till, agent.owner, hospcode)
    begun = _with_order(draft, order)
    if before is None and code in _NEEDED:
        return replace(begun, memo={**begun.memo, _FOREIGN: True}), ()
    return begun, order.facts()


def _begun(draft: Draft, before: Order | None, till: Till, owner: str, hospcode: str) -> Order:
    code, body = draft.transaction, draft.body
    cycle, at = text_of(body.get("busicycleno")), text_of(draft.memo.get(AT))
    paying = code in MAKING or code == "ST022"
    if before is None or code in MAKING:
        before = Order(
            hospcode,
            text_of(body.get("orderid")),
            State.ASKED if paying else State.PAID,
            kind=code,
            cycle=cycle if paying or code == "ST100" else "",
            operatorid=till.operatorid,
            region=till.region,
            at=at,
            by=code,
            owner=owner,
            orderamt=text_of(body.get("orderamt")),
            payer=payer_of(body) if code == "ST021" else "",
        )
    before = replace(before, by=code, at=at, asked_by=owner)
    if not paying:
        return replace(before, doing=code)
    was = "" if code in MAKING else (before.was if before.state is State.ASKED else before.state.value)
    total = text_of(body.get("akc264")) if code == "ST022" else ""
    amount = total or before.orderamt
    return replace(before, state=State.ASKED, cycle=cycle, was=was, orderamt=amount, proof="")


def _with_order(draft: Draft, order: Order) -> Draft:
    return replace(draft, memo={**draft.memo, MEMO: order.facts()[0].value})


# -- at the end -------------------------------------------------------------------------------------
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
        return _may_be_cancelled(outcome)
    held = draft.memo.get(MEMO)
    if held is None:
        return outcome
    order = read_order(held)
    if draft.memo.get(_FOREIGN) and not done:
        return outcome
    if code == "ST009":
        return _asked(outcome, draft, order, ids, settings)
    ended = replace(_ended(draft, order, outcome, status), doing="", at=ids.get(AT) or order.at)
    ended = replace(ended, proof=_proof(outcome, status))
    given, gone = ended.facts(), tuple(_no_longer(ended))
    if code in PAYING and ended.state is State.PAID and settings.ack_within:
        given = (*given, _since(BOOKING, ended, ""))
    if code in PAYING and status == "" and ended.state is State.NOT_PAID:
        given = (*given, _since(disputing.LATE_LOOK, ended, ""))
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
    return replace(order, state=State.NOT_PAID) if order.state is State.ASKED else order


def _proof(outcome: Outcome, status: str | None) -> str:
    if outcome.settled_by != "inquiry":
        return outcome.settled_by
    return "negatives" if status == "" and outcome.verdict is Verdict.REJECTED else "inquiry"


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
    till = replace(till, region=draft.memo.get(_CYCLE, till.region))
    number = text_of(draft.body.get("busicycleno"))
    closed = Cycle(till.hospcode, number, till.operatorid, till.region, at, open=False)
    return _with(outcome, closed.facts(), (Forget("cycle", till.cycle_key), *closed.no_longer()))


# -- looking again ----------------------------------------------------------------------------------
def _asked(
    outcome: Outcome, draft: Draft, order: Order, ids: Mapping[str, str], settings: Settings
) -> Outcome:
    """ST009 about an order of the ledger. A HIS's own question stands beside the order's messages: what it
    finds of an order that was told as not paid is looked at by the agent, which waits for its turn."""
    if about(draft).look:
        return disputing.looked(outcome, order, ids, settings.order_absent)
    paid = outcome.verdict is Verdict.ACCEPTED and text_of(outcome.data.get("paystatus")) == PAID
    if paid and order.state is State.NOT_PAID:
        return _with(outcome, (disputing.look_now(order),), ())
    return outcome


def _may_be_cancelled(outcome: Outcome) -> Outcome:
    """ST100 follows only where the platform says that the order is paid, whosesoever the order is."""
    status = text_of(outcome.data.get("paystatus")) if outcome.verdict is Verdict.ACCEPTED else ""
    if status == "2":
        return outcome
    told = f"查询支付状态不是支付成功（{status or '没有这笔订单'}），不能取消"
    return replace(outcome, verdict=Verdict.REJECTED, code=status or outcome.code, message=told)


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


def _fault(field: str, rule: str, told: str) -> Fault:
    return Fault(f"/{field}", rule, told, field=field)
