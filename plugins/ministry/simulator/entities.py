"""The things that the rehearsed platform keeps: fees, settlements, stays, deductions, aids, attachments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from agent.events import JsonObject


class Amounts(NamedTuple):
    """总金额、统筹支付金额、自付金额 (aae058, aae020, aae022)."""

    total: Decimal
    fund: Decimal
    own: Decimal


@dataclass(slots=True)
class Claim:
    """An amount that a monthly statement takes once, and once more as an offset if it is revoked after
    that. ``booked`` and ``offset`` name the batches (批次号) that took them, "" while none did."""

    amount: Decimal
    booked: str = ""
    offset: str = ""
    revoked: bool = False


@dataclass(slots=True)
class Fee:
    """One row of fees that the platform has taken; ``details`` are its fields as uploaded."""

    aaz213_s: str
    aaz213: str
    amounts: Amounts
    details: JsonObject = field(default_factory=dict, repr=False)
    revoked: bool = False


@dataclass(slots=True)
class Settlement:
    """The settlement of a stay; ``claim`` is its 统筹支付金额."""

    amounts: Amounts
    discharged: date
    claim: Claim
    details: JsonObject = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Deduction:
    """审核扣款: ``claim`` is the deducted amount."""

    aaz516: str
    aaz516_s: str
    reason: str = field(repr=False)
    claim: Claim
    province: str

    @property
    def key(self) -> str:
        """How the ledger names it: by its province's number, which is to be unique."""
        return f"deduction:{self.province}/{self.aaz516_s}"


@dataclass(slots=True)
class Aid:
    """One aid of a filing (AAZ195). ``settled`` is the aaz515 under which it was, "" while it was not."""

    aaz195: str
    aaz341: str
    details: JsonObject = field(repr=False)
    settled: str = ""


@dataclass(slots=True)
class Stay:
    """One 入院登记 with its fees and its settlement, under the aaz515 made at admission (M76).

    A settlement of aids is a stay without a number that is settled at once; ``aids`` are its rows.
    """

    aaz515: str
    akb020: str
    akc190: str
    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    aka130: str
    admitted: date
    aaz341: str
    alc002: str = "1"
    home: str = ""
    """参保地."""
    place: str = ""
    """就医地."""
    details: JsonObject = field(default_factory=dict, repr=False)
    fees: dict[str, Fee] = field(default_factory=dict)
    aids: list[JsonObject] = field(default_factory=list, repr=False)
    deductions: list[Deduction] = field(default_factory=list)
    settlement: Settlement | None = None
    revoked: bool = False

    @property
    def visit(self) -> str:
        """How the ledger names this stay."""
        return f"{self.akb020}/{self.akc190 or self.aaz515}"

    @property
    def standing_fees(self) -> Iterator[Fee]:
        return (fee for fee in self.fees.values() if not fee.revoked)

    @property
    def standing_deductions(self) -> Iterator[Deduction]:
        return (deduction for deduction in self.deductions if not deduction.claim.revoked)

    def is_of(self, aac002: str, aac003: str) -> bool:
        return (self.aac002.upper(), self.aac003) == (aac002.upper(), aac003)


@dataclass(slots=True)
class Attachment:
    """A file; ``content`` is its Base64 text. ``stay`` is the aaz515 with which it is revoked, or ""."""

    aaa726: str
    key: str
    name: str = field(default="", repr=False)
    filetype: str = ""
    content: str = field(default="", repr=False)
    stay: str = ""
    revoked: bool = False


class Detail(NamedTuple):
    """One detail of a monthly statement; ``amount`` without sign (M44)."""

    trtype: str
    stay: Stay
    aaz516: str
    amount: Decimal

    @property
    def key(self) -> str:
        return f"{self.trtype}/{self.stay.aaz515}/{self.aaz516}"

    @property
    def signed(self) -> Decimal:
        """正常结算 and 审核扣款撤销冲减 add, 审核扣款 and 结算撤销冲减 subtract (M44, M45)."""
        return self.amount if self.trtype in ("1", "4") else -self.amount


@dataclass(slots=True)
class Statement:
    """A monthly statement. ``aaz215`` is "" until its last batch has come and all agreed."""

    pch: str
    akb020: str
    aae002: str
    total: Decimal
    people: Decimal
    details: list[Detail] = field(default_factory=list)
    aaz215: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """What one GYD051 call found, for the GYU303 that names it."""

    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    akb020: str
    calltype: str
    aaz341: str
    passed: bool


class Revocation(NamedTuple):
    """A revocation to be downloaded; ``busitype`` is the GYD4.. that yields it."""

    busitype: str
    serial: int
    stay: Stay
