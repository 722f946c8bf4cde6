"""What the rehearsed platform holds: filings, stays, settlements, statements and the history of calls.

Changed only by the transactions, under the platform's lock. Everything is rebuilt by running the
ledger's commands again, so nothing here may depend on chance or on the time of day.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TypeVar

from agent.events import JsonObject
from plugins.ministry.simulator.entities import (
    Aid,
    Attachment,
    Deduction,
    Fee,
    Revocation,
    Statement,
    Stay,
    Verification,
)
from plugins.ministry.simulator.registry import Access, Card, Filing, Institution, Person
from plugins.ministry.simulator.seed import Seed
from plugins.ministry.simulator.shelves import Shelf

_Changing = TypeVar("_Changing", Filing, Institution)


class World:
    """All state. ``history`` keeps the response DATA of every processed call (M40)."""

    def __init__(self, seed: Seed) -> None:
        self.accesses = {access.key: access for access in seed.accesses}
        self.institutions = {institution.akb020: institution for institution in seed.institutions}
        self.people = {person.aac002.upper(): person for person in seed.people}
        self.filings: dict[str, Filing] = {}
        self.aids: dict[str, Aid] = {}
        self.cards: tuple[Card, ...] = seed.cards
        self.attachments = {number: Attachment(number, f"seed/{number}") for number in seed.attachments}
        self.stays: list[Stay] = []
        self.deductions: dict[str, tuple[Stay, Deduction]] = {}
        self.statements: list[Statement] = []
        self.revocations: list[Revocation] = []
        self.verifications: dict[tuple[str, str], Verification] = {}
        self.shelves: dict[tuple[str, str], Shelf] = {}
        self.history: dict[tuple[str, str, str], JsonObject] = {}
        self._filings_of: dict[str, list[str]] = {}
        self._aids_of: dict[str, list[Aid]] = {}
        self._uploaded_filings: set[tuple[str, str]] = set()
        self._by_aaz515: dict[str, Stay] = {}
        self._by_number: dict[tuple[str, str], Stay] = {}
        self._by_person: dict[str, list[Stay]] = {}
        self._by_akc190: dict[str, list[Stay]] = {}
        self._fee_rows: dict[tuple[str, str], Fee] = {}
        self._serials: Counter[str] = Counter()
        for filing in seed.filings:
            self.file(filing)
        for aid in seed.aids:
            self.add_aid(Aid(aid.aaz195, aid.aaz341, dict(aid.details)))

    def access(self, key: str) -> Access | None:
        return self.accesses.get(key)

    def institution(self, akb020: str) -> Institution | None:
        return self.institutions.get(akb020)

    def person(self, aac002: str, aac003: str) -> Person | None:
        """The person of this number and name; one of the number alone is somebody else."""
        person = self.people.get(aac002.upper())
        return person if person and person.aac003 == aac003 else None

    def register(self, person: Person) -> None:
        """Somebody whom the platform learns of by a filing."""
        self.people.setdefault(person.aac002.upper(), person)

    def file(self, filing: Filing, province: str = "", aaz341_s: str = "") -> None:
        """A new filing or application, with the number that its province gave it, if any."""
        self.filings[filing.aaz341] = filing
        self._filings_of.setdefault(filing.aac002.upper(), []).append(filing.aaz341)
        self._uploaded_filings.add((province, aaz341_s))

    def filed(self, province: str, aaz341_s: str) -> bool:
        return (province, aaz341_s) in self._uploaded_filings

    def filings_of(self, aac002: str) -> list[Filing]:
        """A person's reviewed filings, valid or not."""
        numbers = self._filings_of.get(aac002.upper(), [])
        found = (self.filings[number] for number in numbers)
        return [filing for filing in found if filing.approved]

    def change_filing(self, filing: Filing) -> Filing:
        """Keep another version of a filing; the one kept, with its revision counted up."""
        self.filings[filing.aaz341] = changed = _revised(filing)
        return changed

    def change_institution(self, institution: Institution) -> Institution:
        """Keep a new institution or another version of one; the one kept."""
        self.institutions[institution.akb020] = changed = _revised(institution)
        return changed

    def filing(self, stay: Stay) -> Filing | None:
        """The filing under which the stay was admitted, as it stands now."""
        return self.filings.get(stay.aaz341)

    def add_aid(self, aid: Aid) -> None:
        self.aids[aid.aaz195] = aid
        self._aids_of.setdefault(aid.aaz341, []).append(aid)

    def aids_of(self, aaz341: str) -> list[Aid]:
        return self._aids_of.get(aaz341, [])

    def stay(self, akb020: str, akc190: str) -> Stay | None:
        """The stay of this number at this institution, unless it was revoked."""
        stay = self._by_number.get((akb020, akc190))
        return None if stay is None or stay.revoked else stay

    def settlement_stay(self, aaz515: str) -> Stay | None:
        """The stay of this 结算流水号, revoked or not."""
        return self._by_aaz515.get(aaz515)

    def stays_numbered(self, akc190: str) -> list[Stay]:
        """The stays of this number anywhere, without revoked ones."""
        return [stay for stay in self._by_akc190.get(akc190, []) if not stay.revoked]

    def stays_of(self, aac002: str) -> list[Stay]:
        """A person's stays, without revoked ones."""
        return [stay for stay in self._by_person.get(aac002.upper(), []) if not stay.revoked]

    def admit(self, stay: Stay) -> None:
        self.stays.append(stay)
        self._by_aaz515[stay.aaz515] = stay
        if not stay.akc190:
            return  # aids, which are no stay in an institution
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

    def attachment(self, aaa726: str) -> Attachment | None:
        """The file of this number, unless it was revoked."""
        attachment = self.attachments.get(aaa726)
        return None if attachment is None or attachment.revoked else attachment

    def deduct(self, stay: Stay, deduction: Deduction) -> None:
        stay.deductions.append(deduction)
        self.deductions[deduction.aaz516] = (stay, deduction)

    def revoked(self, busitype: str, stay: Stay) -> None:
        """Keep a revocation for the download that yields it."""
        self.revocations.append(Revocation(busitype, len(self.revocations) + 1, stay))

    def statement(self, akb020: str, aae002: str) -> Statement | None:
        """The institution's latest statement of this month, complete or not."""
        of_month = (akb020, aae002)
        found = (each for each in reversed(self.statements) if (each.akb020, each.aae002) == of_month)
        return next(found, None)

    def shelf(self, access_key: str, busitype: str) -> Shelf:
        return self.shelves.setdefault((access_key, busitype), Shelf())

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
            "filings": sum(1 for filing in self.filings.values() if filing.approved),
            "deductions": sum(1 for stay in standing for _ in stay.standing_deductions),
            "statements": sum(1 for statement in self.statements if statement.aaz215),
            "attachments": sum(1 for each in self.attachments.values() if not each.revoked),
            "history": len(self.history),
        }


def _revised(value: _Changing) -> _Changing:
    return replace(value, revision=value.revision + 1)
