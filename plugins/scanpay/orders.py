"""The ledger of orders and cycles, kept as facts: what the agent knows of each, outliving its messages.

=================== ============================= ==================== ===================================
kind                key                           member               value
=================== ============================= ==================== ===================================
``order-state``     hospcode, orderid                                  :class:`Order` as JSON
``cycle-order``     hospcode, busicycleno         orderid              ``pos``, ``nag`` or both: which lines
                                                                       of the cycle's reconciliation file it
                                                                       may have; "" for none. It is a hint:
                                                                       the order says whether it stands
``cycle-state``     hospcode                      busicycleno          :class:`Cycle` as JSON
``cycle-open``      hospcode                      busicycleno          the same, while it is open
``reconciled``      hospcode, busicycleno                              ``clean``, or what is not
``reconciled``      hospcode, busicycleno         ``ledger``           :func:`fingerprint` of its orders then
=================== ============================= ==================== ===================================

An order enters when its first request is claimed, before a byte of it leaves; every answer, inquiry or
decision that changes it replaces its value. Orders are never forgotten: an orderid is unique for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from agent import jsontext
from agent.events import Forget, History, Identifier

ORDER_STATE: Final = "order-state"
CYCLE_ORDER: Final = "cycle-order"
CYCLE_STATE: Final = "cycle-state"
CYCLE_OPEN: Final = "cycle-open"
RECONCILED: Final = "reconciled"
CLEAN: Final = "clean"
LEDGER: Final = "ledger"
UNSENT: Final = "unsent"
"""The proof of an order whose making ended before a byte of it left: its orderid may be used again."""
_NEVER_SENT: Final = frozenset({"expired", "cancelled", "invalid"})
_UNDER_WAY: Final = frozenset(
    {"staging", "ready", "in_flight", "inquiring", "blocked", "held", "parked", "unknown"}
)
_DONE_TO_IT: Final = frozenset({"ST010", "ST024", "ST100"})
"""Transactions that make no order."""
BOOKING: Final = "booking"
"""By hospcode, member orderid: a payment that the HIS has not acknowledged yet."""
AT: Final = "at"
"""The wire id that says when an attempt began."""
MEMO: Final = "order"
"""Where a claimed message carries its order as it was."""
PAYMENT_LINE, REFUND_LINE = "pos", "nag"


class State(StrEnum):
    """What became of an order. The last five are how every payment ends."""

    ASKED = "asked"
    """Its payment is under way, or of unknown fate."""
    PREPARED = "prepared"
    """ST021 calculated it; nobody paid yet."""
    REGISTERED = "registered"
    """ST023 registered a stay or a visit under it; nobody paid yet."""
    WITHDRAWN = "withdrawn"
    """ST024 took the registration back."""
    PAID = "paid"
    NOT_PAID = "not-paid"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    """It was told as not paid, and the platform now says that it is."""


PAYMENT_ENDS: Final = frozenset({State.PAID, State.NOT_PAID, State.CANCELLED, State.REFUNDED, State.DISPUTED})


@dataclass(frozen=True, slots=True)
class Order:
    """One order. Times are ISO 8601 with offset, amounts as sent; "" is not known.

    ``kind`` is the transaction that made it (ST007, ST021, ST023), ``by`` the one that changed it last
    and ``proof`` how that is known: ``answer``, ``inquiry``, ``negatives``, ``callback``, ``statement``,
    ``decision``. ``owner`` is the HIS's id of the submission that made it. ``doing`` is a payment, refund
    or cancellation on its way. ``orderamt`` is what was to be paid; the four shares are the settlement's.
    """

    hospcode: str
    orderid: str = field(repr=False)
    state: State
    kind: str
    cycle: str
    operatorid: str = field(repr=False)
    region: str
    at: str
    by: str
    owner: str = field(default="", repr=False)
    doing: str = ""
    proof: str = ""
    orderamt: str = field(default="", repr=False)
    total: str = field(default="", repr=False)
    fund: str = field(default="", repr=False)
    account: str = field(default="", repr=False)
    cash: str = field(default="", repr=False)
    balanceno: str = field(default="", repr=False)
    was: str = ""
    """The state before what is under way: it comes back when that was never sent, or refused."""
    refund_cycle: str = ""
    refundno: str = field(default="", repr=False)
    asked_by: str = field(default="", repr=False)
    """The HIS's id of the submission that is under way with it, or was last."""
    payer: str = field(default="", repr=False)
    """Of an order of ST021: who may pay it, as a digest."""
    doing_in: str = ""
    """The cycle of what is under way with it: a refund or withdrawal need not be in its payment's."""
    ordertime: str = ""
    overtime: str = ""
    """Its orderovertime in minutes, as sent by ST007 or ST021: ST022, which says neither, is bound by it."""

    @property
    def amount(self) -> Decimal:
        """What was paid, else what is to be paid; 0 where neither is known."""
        return Decimal(self.total or self.orderamt or "0")

    @property
    def foreign(self) -> bool:
        """Whether it is another agent's, known by what is under way with it alone, and taken for paid
        meanwhile: it is forgotten when that comes to nothing."""
        return self.kind in _DONE_TO_IT and self.state is State.PAID

    @property
    def unsettled(self) -> bool:
        """Whether what is to come of it is not known yet."""
        return self.state is State.ASKED or bool(self.doing)

    def facts(self) -> tuple[Identifier, ...]:
        """What an outcome gives to keep it so."""
        kept = Identifier(ORDER_STATE, (self.hospcode, self.orderid), _write(self))
        lines = self.cycles()
        return (
            kept,
            *(Identifier(CYCLE_ORDER, (self.hospcode, one), lines[one], self.orderid) for one in lines),
        )

    def cycles(self) -> dict[str, str]:
        """The cycles that it keeps open or has a line in: its payment's, its refund's, and that of what is
        under way. What came to nothing leaves none."""
        lines = {self.cycle: [PAYMENT_LINE]}
        if self.doing:
            lines.setdefault(self.doing_in, [])
        if self.refund_cycle and (self.doing == "ST010" or self.state is State.REFUNDED):
            lines.setdefault(self.refund_cycle, []).append(REFUND_LINE)
        return {cycle: " ".join(found) for cycle, found in lines.items() if cycle}


@dataclass(frozen=True, slots=True)
class Cycle:
    """One 业务周期 that this agent opened or used; ``region`` is aae139."""

    hospcode: str
    number: str
    operatorid: str = field(repr=False)
    region: str
    opened_at: str
    open: bool = True

    def facts(self) -> tuple[Identifier, ...]:
        """What an outcome gives to keep it so."""
        kinds = (CYCLE_STATE, CYCLE_OPEN) if self.open else (CYCLE_STATE,)
        return tuple(Identifier(kind, (self.hospcode,), _write(self), self.number) for kind in kinds)

    def no_longer(self) -> tuple[Forget, ...]:
        """What is over once it is closed."""
        return () if self.open else (Forget(CYCLE_OPEN, (self.hospcode,), self.number),)


def order_of(history: History, hospcode: str, orderid: str) -> Order | None:
    """An order as it stands; None for one that this agent never had."""
    key = (hospcode, orderid)
    text = history.value(ORDER_STATE, key)
    if text is None:
        return None
    order = read_order(text)
    if not order.unsettled:
        return order
    ended = as_ended(order, history.giver(ORDER_STATE, key))
    return None if ended.foreign and not ended.unsettled else ended


def as_ended(order: Order, giver: str) -> Order:
    """An unsettled order by the state of the message that made it so: one that ended without an outcome was
    never sent, or a person said of an attempt that it came to nothing. Only the order that such a message was
    to make never was; what was to happen to one that exists leaves it as it was."""
    if giver in _UNDER_WAY:
        return order
    asked, unsent = order.state is State.ASKED, giver in _NEVER_SENT
    if not unsent:
        return replace(order, state=State.NOT_PAID if asked else order.state, doing="", proof="decision")
    if not asked:
        return replace(order, doing="")
    state = State(order.was) if order.was else State.NOT_PAID
    return replace(order, state=state, doing="", proof=order.proof if order.by == "ST022" else UNSENT)


def orders_of(history: History, hospcode: str, cycle: str) -> tuple[Order, ...]:
    """The orders with a payment, a refund, or something under way in a cycle, by orderid."""
    members = sorted(history.values(CYCLE_ORDER, (hospcode, cycle)))
    found = (order_of(history, hospcode, orderid) for orderid in members)
    return tuple(order for order in found if order is not None and cycle in order.cycles())


def open_cycles(history: History, hospcode: str) -> tuple[Cycle, ...]:
    """The cycles that are not signed out, the oldest first: few, however many there ever were."""
    found = (read_cycle(text) for text in history.values(CYCLE_OPEN, (hospcode,)).values())
    return tuple(sorted(found, key=lambda cycle: (cycle.opened_at, cycle.number)))


def cycle_of(history: History, hospcode: str, number: str) -> Cycle | None:
    text = history.value(CYCLE_STATE, (hospcode,), number)
    return None if text is None else read_cycle(text)


def is_clean(history: History, hospcode: str, cycle: str) -> bool:
    """Whether the cycle's latest reconciliation found no difference that is still open, and was made over
    its orders as they stand."""
    over = history.value(RECONCILED, (hospcode, cycle), LEDGER)
    if history.value(RECONCILED, (hospcode, cycle)) != CLEAN or over is None:
        return False
    return over == fingerprint(orders_of(history, hospcode, cycle))


def has_known_differences(history: History, hospcode: str, cycle: str) -> bool:
    """Whether the cycle's latest reconciliation, over its orders as they stand, found what a person has yet
    to accept: another would find the same."""
    state = history.value(RECONCILED, (hospcode, cycle))
    over = history.value(RECONCILED, (hospcode, cycle), LEDGER)
    return state not in (None, CLEAN) and over == fingerprint(orders_of(history, hospcode, cycle))


def fingerprint(orders: Iterable[Order]) -> str:
    """Names the orders of a cycle as they stand: it changes with each."""
    written = "\n".join(sorted(_write(order) for order in orders))
    return hashlib.sha256(written.encode("utf-8")).hexdigest()


def total_of(orders: Iterable[Order]) -> Decimal:
    """What these orders moved: what is paid or disputed, exactly."""
    moved = (State.PAID, State.DISPUTED)
    return sum((order.amount for order in orders if order.state in moved), Decimal(0))


def read_order(text: str) -> Order:
    """Raises ValueError for what :meth:`Order.facts` did not write."""
    held = _read(text, Order)
    return Order(**{**held, "state": State(held["state"])})


def read_cycle(text: str) -> Cycle:
    """Raises ValueError for what :meth:`Cycle.fact` did not write."""
    return Cycle(**_read(text, Cycle))


def _write(record: Order | Cycle) -> str:
    return jsontext.write({one.name: getattr(record, one.name) for one in fields(record)})


def _read(text: str, kind: type[Order | Cycle]) -> dict[str, Any]:
    held = jsontext.read_object(text)
    return {one.name: held[one.name] for one in fields(kind) if one.name in held}
