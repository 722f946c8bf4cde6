"""What the rehearsed platform holds: stays, fees, settlements, attachments and the history of calls.

Changed only by the transactions, under the platform's lock. Everything is rebuilt by running the
ledger's commands again, so nothing here may depend on chance or on the time of day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from agent.events import JsonObject
from plugins.ministry.simulator.seed import Access, Filing, Institution, Person, Seed


class Amounts(NamedTuple):
    """总金额、统筹支付金额、自付金额 (aae058, aae020, aae022)."""

    total: Decimal
    fund: Decimal
    own: Decimal


@dataclass(slots=True)
class Fee:
    """One row of fees that the platform has taken."""

    aaz213_s: str
    aaz213: str
    amounts: Amounts
    revoked: bool = False


class Settlement(NamedTuple):
    amounts: Amounts
    discharged: date


@dataclass(slots=True)
class Stay:
    """One 入院登记 with its fees and its settlement, under the aaz515 made at admission (M76)."""

    aaz515: str
    akb020: str
    akc190: str
    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    aka130: str
    admitted: date
    aaz341: str
    fees: dict[str, Fee] = field(default_factory=dict)
    settlement: Settlement | None = None
    revoked: bool = False

    @property
    def visit(self) -> str:
        """How the ledger names this stay."""
        return f"{self.akb020}/{self.akc190}"

    @property
    def standing_fees(self) -> Iterator[Fee]:
        return (fee for fee in self.fees.values() if not fee.revoked)


class World:
    """All state. ``history`` keeps the response DATA of every processed call (M40)."""

    def __init__(self, seed: Seed) -> None:
        self.accesses = {access.key: access for access in seed.accesses}
        self.institutions = {institution.akb020: institution for institution in seed.institutions}
        self.people = {person.aac002.upper(): person for person in seed.people}
        self.attachments = set(seed.attachments)
        self.stays: list[Stay] = []
        self.history: dict[tuple[str, str, str], JsonObject] = {}
        self._by_number: dict[tuple[str, str], Stay] = {}
        self._by_person: dict[str, list[Stay]] = {}
        self._by_akc190: dict[str, list[Stay]] = {}
        self._fee_rows: dict[tuple[str, str], Fee] = {}
        self._serials: Counter[str] = Counter()

    def access(self, key: str) -> Access | None:
        return self.accesses.get(key)

    def institution(self, akb020: str) -> Institution | None:
        return self.institutions.get(akb020)

    def person(self, aac002: str, aac003: str) -> Person | None:
        """The person of this number and name; one of the number alone is somebody else."""
        person = self.people.get(aac002.upper())
        return person if person and person.aac003 == aac003 else None

    def filing(self, stay: Stay) -> Filing | None:
        """The filing under which the stay was admitted, as it stands now."""
        person = self.people.get(stay.aac002.upper())
        filings = person.filings if person else ()
        return next((filing for filing in filings if filing.aaz341 == stay.aaz341), None)

    def stay(self, akb020: str, akc190: str) -> Stay | None:
        """The stay of this number at this institution, unless it was revoked."""
        stay = self._by_number.get((akb020, akc190))
        return None if stay is None or stay.revoked else stay

    def stays_numbered(self, akc190: str) -> list[Stay]:
        """The stays of this number anywhere, without revoked ones."""
        return [stay for stay in self._by_akc190.get(akc190, []) if not stay.revoked]

    def stays_of(self, aac002: str) -> list[Stay]:
        """A person's stays, without revoked ones."""
        return [stay for stay in self._by_person.get(aac002.upper(), []) if not stay.revoked]

    def admit(self, stay: Stay) -> None:
        self.stays.append(stay)
        self._by_number[stay.akb020, stay.akc190] = stay
        self._by_person.setdefault(stay.aac002.upper(), []).append(stay)
        self._by_akc190.setdefault(stay.akc190, []).append(stay)

    def fee_row(self, province: str, aaz213_s: str) -> Fee | None:
        """The standing fee row that a province numbered so: the number is its own for ever."""
        fee = self._fee_rows.get((province, aaz213_s))
        return None if fee is None or fee.revoked else fee

    def charge(self, stay: Stay, province: str, fee: Fee) -> None:
        stay.fees[fee.aaz213_s] = fee
        self._fee_rows[province, fee.aaz213_s] = fee

    def next_number(self, series: str) -> int:
        """1, 2, 3 … per series: the platform's own serial numbers."""
        self._serials[series] += 1
        return self._serials[series]

    def counts(self) -> dict[str, int]:
        standing = [stay for stay in self.stays if not stay.revoked]
        return {
            "institutions": len(self.institutions),
            "people": len(self.people),
            "stays": len(standing),
            "open_stays": sum(1 for stay in standing if stay.settlement is None),
            "fees": sum(1 for stay in standing for _ in stay.standing_fees),
            "settlements": sum(1 for stay in standing if stay.settlement is not None),
            "attachments": len(self.attachments),
            "history": len(self.history),
        }
