"""What the rehearsed platform holds: cycles, orders, accounts. Changed under the platform's lock only."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Final

from agent.events import JsonObject

OPENING_BALANCE: Final = Decimal("500.00")
FUND_SHARE: Final = Decimal("0.60")
CENT: Final = Decimal("0.01")


class Status(StrEnum):
    """4.3 支付状态."""

    PAYING = "1"
    PAID = "2"
    FAILED = "3"
    CANCELLED = "4"
    REFUNDED = "5"


class Form(StrEnum):
    """By which transaction an order came to be."""

    ONE_STEP = "ST007"
    PREPARED = "ST021"
    STAY = "ST023"


@dataclass(slots=True)
class Cycle:
    """A 业务周期; ``other_region`` is aae139."""

    number: str
    hospcode: str
    operatorid: str
    other_region: str
    open: bool = True


@dataclass(frozen=True, slots=True)
class Shares:
    """Who pays an amount: 统筹 akc260, 个人账户 akc255, 现金 akc261; ``balance`` was held before."""

    total: Decimal
    fund: Decimal
    account: Decimal
    cash: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a cycle's reconciliation file; ``sign`` is ``pos`` or ``nag``."""

    cycle: str
    sign: str
    orderid: str
    number: str
    day: str
    shares: Shares


@dataclass(slots=True)
class Order:
    """An order; what is not known yet is empty. ``asked_while_paying``: ST009s still to say 1."""

    orderid: str
    form: Form
    person: int = field(repr=False)
    cycle: str = ""
    status: Status = Status.PAYING
    amount: Decimal = Decimal(0)
    ordertime: str = ""
    backurl: str = ""
    validcode: str = ""
    balanceno: str = ""
    balancecode: str = ""
    akc190: str = ""
    shares: Shares | None = None
    details: JsonObject = field(default_factory=dict, repr=False)
    asked_while_paying: int = 0


class World:
    """Everything; begins empty but for the accounts, which hold the same for everybody."""

    def __init__(self) -> None:
        self.cycles: dict[str, Cycle] = {}
        self.orders: dict[str, Order] = {}
        self.entries: list[Entry] = []
        self._accounts: defaultdict[int, Decimal] = defaultdict(lambda: OPENING_BALANCE)
        self._serial = 0

    def number(self, prefix: str, now: datetime) -> str:
        """A new number of the platform."""
        self._serial += 1
        return f"{prefix}{now:%y%m%d%H%M%S}{self._serial:06d}"

    def balance(self, person: int) -> Decimal:
        return self._accounts[person]

    def shares(self, person: int, total: Decimal, account: Decimal | None = None) -> Shares:
        """How an amount is divided; ``account`` is what an earlier calculation said it pays."""
        fund = (total * FUND_SHARE).quantize(CENT, rounding=ROUND_DOWN)
        balance = self.balance(person)
        pays = min(balance, total - fund) if account is None else account
        return Shares(total, fund, pays, total - fund - pays, balance)

    def pay(self, order: Order, shares: Shares, cycle: str, now: datetime) -> None:
        self._accounts[order.person] -= shares.account
        order.status, order.shares, order.cycle, order.amount = Status.PAID, shares, cycle, shares.total
        order.balanceno = self.number("JS", now)
        order.balancecode = self.number("YZ", now)
        self.entries.append(Entry(cycle, "pos", order.orderid, order.balanceno, f"{now:%Y-%m-%d}", shares))

    def refund(self, order: Order, cycle: str, number: str, now: datetime) -> None:
        shares = self._give_back(order)
        order.status = Status.REFUNDED
        self.entries.append(Entry(cycle, "nag", order.orderid, number, f"{now:%Y-%m-%d}", shares))

    def cancel(self, order: Order) -> None:
        """订单对应的结算信息将被清除: its line goes, too."""
        self._give_back(order)
        order.status, order.shares = Status.CANCELLED, None
        self.entries = [entry for entry in self.entries if entry.orderid != order.orderid]

    def counts(self) -> dict[str, int]:
        statuses = {
            f"orders_{status.name.lower()}": sum(order.status is status for order in self.orders.values())
            for status in Status
        }
        return {
            "cycles_open": sum(cycle.open for cycle in self.cycles.values()),
            "cycles": len(self.cycles),
            "orders": len(self.orders),
            "entries": len(self.entries),
            **statuses,
        }

    def _give_back(self, order: Order) -> Shares:
        if order.shares is None:
            raise AssertionError("only a paid order is given back")
        self._accounts[order.person] += order.shares.account
        return order.shares
