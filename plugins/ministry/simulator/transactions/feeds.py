"""What each download yields: a table of feeds for the one engine in ``downloads``.

A :class:`Record` carries its values under the catalog's codes, more than any answer shows: the engine
takes from them what the answer's fields are, and compares with them what the caller asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from agent.events import JsonObject
from plugins.ministry.simulator.entities import Detail, Statement, Stay
from plugins.ministry.simulator.papers import aid_values, filing_values, institution_values
from plugins.ministry.simulator.rules.filings import province_of
from plugins.ministry.simulator.shelves import RecordKey
from plugins.ministry.simulator.state import World
from plugins.ministry.simulator.transactions.base import money


class Side(StrEnum):
    """Which side of a record must be the caller's province."""

    ASKED = "asked"
    """The one that dlmode says."""
    HOME = "home"
    NATION = "nation"
    """Neither: everybody sees everything."""


@dataclass(frozen=True, slots=True)
class Record:
    """``home`` is its 参保地, ``place`` its 就医地, ``day`` what aae030 and aae031 bound."""

    key: RecordKey
    home: str
    place: str
    values: JsonObject = field(repr=False)
    day: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """``records`` in the order in which they are handed out; ``today`` is the day of the call."""

    records: Callable[[World, date], Iterable[Record]]
    side: Side = Side.ASKED


def applications(world: World, today: date) -> Iterator[Record]:
    """GYD001: what waits for its review."""
    for filing in world.filings.values():
        if filing.review == "0":
            values = {**filing_values(filing, today), "rows": _aids(world, filing.aaz341)}
            yield Record((filing.aaz341,), filing.home, filing.place, values)


def filings(world: World, today: date) -> Iterator[Record]:
    """GYD006: approved ones, again after every change."""
    for filing in world.filings.values():
        if filing.approved:
            values = {**filing_values(filing, today), "rows": _aids(world, filing.aaz341)}
            yield Record((filing.aaz341, str(filing.revision)), filing.home, filing.place, values)


def institutions(world: World, today: date) -> Iterator[Record]:
    """GYD009: all of them, again after every change."""
    for institution in world.institutions.values():
        key = (institution.akb020, str(institution.revision))
        yield Record(key, "", institution.region, institution_values(institution))


def admissions(world: World, today: date) -> Iterator[Record]:
    """GYD101: standing stays."""
    for stay in world.stays:
        if stay.akc190 and not stay.revoked:
            admitted = f"{stay.admitted:%Y%m%d}"
            values = {**stay.details, **stay_values(stay), "aae030": admitted}
            yield _of_stay(stay, (), values, admitted)


def fees(world: World, today: date) -> Iterator[Record]:
    """GYD102: standing rows of fees."""
    for stay in world.stays:
        if not stay.revoked:
            for fee in stay.standing_fees:
                values = {**fee.details, **stay_values(stay), **money(fee.amounts), "aaz213": fee.aaz213}
                yield _of_stay(stay, (fee.aaz213,), values)


def settlements(world: World, today: date) -> Iterator[Record]:
    """GYD103 and GYD104: standing settlements, those of aids with their rows."""
    for stay in world.stays:
        if stay.settlement and not stay.revoked:
            discharged = f"{stay.settlement.discharged:%Y%m%d}"
            values = {
                **stay.settlement.details,
                **stay_values(stay),
                **money(stay.settlement.amounts),
                "aae031": discharged,
                "rows": stay.aids,
            }
            yield _of_stay(stay, (), values, discharged)


def deductions(world: World, today: date) -> Iterator[Record]:
    """GYD004: standing deductions."""
    for stay in world.stays:
        for deduction in stay.standing_deductions:
            own = {"aaz516": deduction.aaz516, "aae013": deduction.reason, "aae019": deduction.claim.amount}
            yield _of_stay(stay, (deduction.aaz516,), {**stay_values(stay), **own})


def revocations(busitype: str) -> Callable[[World, date], Iterator[Record]]:
    """GYD401 to GYD404: what was revoked, as often as it was."""

    def records(world: World, today: date) -> Iterator[Record]:
        for revocation in world.revocations:
            if revocation.busitype == busitype:
                stay = revocation.stay
                yield _of_stay(stay, (str(revocation.serial),), stay_values(stay))

    return records


def statement_details(world: World, today: date) -> Iterator[Record]:
    """GYD003: the details of complete statements, amounts without sign (M44)."""
    for statement in world.statements:
        for detail in statement.details if statement.aaz215 else ():
            own = {
                "aaz215": statement.aaz215,
                "aae002": statement.aae002,
                "aaz516": detail.aaz516,
                "aae020": detail.amount,
                "trtype": detail.trtype,
            }
            key = (statement.aaz215, detail.key)
            yield _of_stay(detail.stay, key, {**stay_values(detail.stay), **own})


def clearings(world: World, today: date) -> Iterator[Record]:
    """GYD005: per quarter that is over and pair of provinces, the sum of the statements' details; a
    statement that comes later makes it a new record."""
    sums: dict[tuple[str, str, str, str], list[tuple[Statement, Detail]]] = defaultdict(list)
    for statement in world.statements:
        for detail in statement.details if statement.aaz215 else ():
            year, quarter = statement.aae002[:4], str((int(statement.aae002[4:]) + 2) // 3)
            if _is_over(year, quarter, today):
                pair = province_of(detail.stay.home), province_of(detail.stay.place)
                sums[year, quarter, *pair].append((statement, detail))
    for (year, quarter, home, place), taken in sums.items():
        statements = list(dict.fromkeys(statement.aaz215 for statement, _ in taken))
        amount = sum((detail.signed for _, detail in taken), Decimal(0))
        people = len({detail.stay.aaz515 for _, detail in taken})
        values = {
            "aae001": year,
            "jdnum": quarter,
            "aab359": home,
            "aab360": place,
            "ake174": amount,
            "ake175": amount,
            "ake198": people,
            "ake199": people,
            "rows": [{"aaz215": aaz215} for aaz215 in statements],
        }
        yield Record((year, quarter, home, place, *statements), home, place, values)


FEEDS: Final[Mapping[str, Feed]] = {
    "GYD001": Feed(applications, Side.HOME),
    "GYD006": Feed(filings),
    "GYD009": Feed(institutions, Side.NATION),
    "GYD101": Feed(admissions),
    "GYD102": Feed(fees),
    "GYD103": Feed(settlements),
    "GYD004": Feed(deductions),
    "GYD401": Feed(revocations("GYD401")),
    "GYD402": Feed(revocations("GYD402")),
    "GYD403": Feed(revocations("GYD403")),
    "GYD404": Feed(revocations("GYD404")),
    "GYD003": Feed(statement_details),
    "GYD005": Feed(clearings),
}


def stay_values(stay: Stay) -> JsonObject:
    """The fields by which every transaction names a stay."""
    return {
        "aaz515": stay.aaz515,
        "akb020": stay.akb020,
        "alc002": stay.alc002,
        "akc190": stay.akc190,
        "aka130": stay.aka130,
        "aac002": stay.aac002,
        "aac003": stay.aac003,
        "aaz341": stay.aaz341,
        "aab359": stay.home,
        "aab360": stay.place,
    }


def _of_stay(stay: Stay, key: RecordKey, values: JsonObject, day: str = "") -> Record:
    return Record((stay.aaz515, *key), stay.home, stay.place, values, day)


def _aids(world: World, aaz341: str) -> list[JsonObject]:
    return [aid_values(aid) for aid in world.aids_of(aaz341)]


def _is_over(year: str, quarter: str, today: date) -> bool:
    return (int(year), int(quarter)) < (today.year, (today.month + 2) // 3)
