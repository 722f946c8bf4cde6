"""What the rehearsed province knows. Changed only while the platform's lock is held."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from agent.events import JsonObject
from plugins.jiangxi.simulator.seed import Accident, Item, Person, Relapse, Seed


class VisitKind(StrEnum):
    CLINIC = "MZ002"
    STAY = "ZY001"
    REHABILITATION = "KF001"


@dataclass(frozen=True, slots=True)
class Amounts:
    """``allow`` 可报销, ``own`` 自费, ``quota`` 限额 (above the ceiling); ``total`` is their sum."""

    total: Decimal
    allow: Decimal
    own: Decimal
    quota: Decimal

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(
            self.total + other.total,
            self.allow + other.allow,
            self.own + other.own,
            self.quota + other.quota,
        )


NOTHING = Amounts(Decimal(0), Decimal(0), Decimal(0), Decimal(0))


@dataclass(frozen=True, slots=True)
class Fee:
    """One uploaded detail: the row as it came, and what the fund says to it."""

    bke384: str
    amounts: Amounts
    row: JsonObject = field(repr=False)
    uploaded: str = ""


@dataclass(frozen=True, slots=True)
class Settlement:
    amounts: Amounts
    at: str
    operator: str
    operator_name: str = field(repr=False)
    bke107: str = ""


@dataclass(slots=True)
class Visit:
    """A registration and all that hangs on it."""

    akc190: str
    akb020: str
    akb021: str
    kind: VisitKind
    aka130: str
    accident: Accident = field(repr=False)
    ckc349: str = field(default="", repr=False)
    admitted: str = ""
    discharged: str = ""
    bank: JsonObject = field(default_factory=dict, repr=False)
    fees: dict[str, Fee] = field(default_factory=dict, repr=False)
    settlement: Settlement | None = None
    revoked: bool = False

    @property
    def amounts(self) -> Amounts:
        return sum((fee.amounts for fee in self.fees.values()), NOTHING)


class World:
    """Everything, from the seed on."""

    def __init__(self, seed: Seed) -> None:
        self.institutions = {each.akb020: each for each in seed.institutions}
        self.people = {each.aac002: each for each in seed.people}
        self.accidents = {each.alc005: each for each in seed.accidents}
        self.items = {each.ake001: each for each in seed.items}
        self.qrcodes = {code: person for person in seed.people for code in person.qrcodes}
        self.relapses = list(seed.relapses)
        self.visits: dict[str, Visit] = {}
        self.bke384: set[str] = set()
        self.traces: dict[tuple[str, str, str], int] = {}
        self._numbers: dict[str, int] = {}

    def next_number(self, series: str) -> int:
        self._numbers[series] = self._numbers.get(series, 0) + 1
        return self._numbers[series]

    def person(self, aac002: str, aac003: str) -> Person | None:
        found = self.people.get(aac002.upper())
        return found if found is not None and found.aac003 == aac003 else None

    def accidents_of(self, aac002: str) -> list[Accident]:
        return [each for each in self.accidents.values() if each.aac002 == aac002.upper()]

    def item(self, ake001: str) -> Item | None:
        return self.items.get(ake001)

    def open_stay(self, akb020: str, ckc349: str) -> Visit | None:
        """A stay of that number that is neither revoked nor discharged."""
        for visit in self.visits.values():
            same = (visit.akb020, visit.ckc349) == (akb020, ckc349)
            if same and visit.kind is VisitKind.STAY and not (visit.revoked or visit.discharged):
                return visit
        return None

    def relapses_of(self, alc005: str) -> list[Relapse]:
        return [each for each in self.relapses if each.alc005 == alc005]

    def counts(self) -> dict[str, int]:
        visits = [visit for visit in self.visits.values() if not visit.revoked]
        return {
            "visits": len(visits),
            "fees": sum(len(visit.fees) for visit in visits),
            "settlements": sum(visit.settlement is not None for visit in visits),
            "relapses": len(self.relapses),
            "traces": sum(1 for count in self.traces.values() if count),
        }
