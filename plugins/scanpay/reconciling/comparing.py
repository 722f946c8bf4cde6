"""Both sides of a cycle, compared: each row of either side ends in exactly one finding."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from itertools import zip_longest
from typing import Final

from plugins.scanpay.reconciling.statement import Row


class Kind(StrEnum):
    MATCHED = "matched"
    MISSING_HERE = "missing_here"
    """The platform has it, the agent does not."""
    MISSING_THERE = "missing_there"
    AMOUNTS_DIFFER = "amounts_differ"
    NUMBERS_DIFFER = "numbers_differ"
    """The same order and amounts under another number of the platform's: perhaps another settlement."""
    UNSETTLED = "unsettled"
    """About an order whose own fate is not known here yet: ST009 settles it first."""


ABOUT: Final = {
    Kind.MATCHED: "一致",
    Kind.MISSING_HERE: "平台有，本机没有",
    Kind.MISSING_THERE: "本机有，平台没有",
    Kind.AMOUNTS_DIFFER: "金额不一致",
    Kind.NUMBERS_DIFFER: "流水号不一致",
    Kind.UNSETTLED: "订单结果未明，待查询",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of either side, or a pair of them."""

    kind: Kind
    here: Row | None
    there: Row | None

    @property
    def row(self) -> Row:
        found = self.there or self.here
        if found is None:
            raise AssertionError("a finding is about something")
        return found

    @property
    def id(self) -> str:
        """Names the finding by all that was found: another amount tomorrow is another finding."""
        texts = [self.kind.value, *(_written(row) for row in (self.here, self.there))]
        return hashlib.sha256("\n".join(texts).encode("utf-8")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Findings in the order of the platform's file, then what is missing there."""

    findings: tuple[Finding, ...] = field(repr=False)

    @property
    def differences(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.kind is not Kind.MATCHED)

    def count(self, kind: Kind) -> int:
        return sum(finding.kind is kind for finding in self.findings)

    def totals(self) -> tuple[Decimal, Decimal]:
        """The sums of both sides: here, there."""
        here = sum((one.here.total for one in self.findings if one.here), Decimal(0))
        return here, sum((one.there.total for one in self.findings if one.there), Decimal(0))


def compare(here: Sequence[Row], there: Sequence[Row], unsettled: Set[str] = frozenset()) -> Comparison:
    """Rows belong together by order, kind and the platform's number, else by order and kind alone.
    ``unsettled`` are the orders whose fate is not known here yet: what differs about them is no finding
    to be accepted."""
    partners = _partners(here, there)
    found = [_finding(_at(here, partners.get(index)), row) for index, row in enumerate(there)]
    taken = set(partners.values())
    found += [Finding(Kind.MISSING_THERE, row, None) for n, row in enumerate(here) if n not in taken]
    return Comparison(tuple(_judged(finding, unsettled) for finding in found))


def _partners(here: Sequence[Row], there: Sequence[Row]) -> dict[int, int]:
    """Which row here each row there belongs to, by their places; each at most once."""
    pairs: dict[int, int] = {}
    for by_number in (True, False):
        taken = set(pairs.values())
        waiting: dict[tuple[str, ...], deque[int]] = {}
        for place, row in enumerate(here):
            if place not in taken and (row.number or not by_number):
                waiting.setdefault(_key(row, by_number), deque()).append(place)
        for index, row in enumerate(there):
            places = waiting.get(_key(row, by_number))
            if index not in pairs and places:
                pairs[index] = places.popleft()
    return pairs


def _at(rows: Sequence[Row], place: int | None) -> Row | None:
    return None if place is None else rows[place]


def _judged(finding: Finding, unsettled: Set[str]) -> Finding:
    if finding.kind is Kind.MATCHED or finding.row.orderid not in unsettled:
        return finding
    return replace(finding, kind=Kind.UNSETTLED)


def _key(row: Row, by_number: bool) -> tuple[str, ...]:
    return (row.sign, row.orderid, row.number) if by_number else (row.sign, row.orderid)


def _finding(here: Row | None, there: Row) -> Finding:
    if here is None:
        return Finding(Kind.MISSING_HERE, None, there)
    if _differ(here.amounts, there.amounts):
        return Finding(Kind.AMOUNTS_DIFFER, here, there)
    if here.number and here.number != there.number:
        return Finding(Kind.NUMBERS_DIFFER, here, there)
    return Finding(Kind.MATCHED, here, there)


def _differ(here: Iterable[Decimal | None], there: Iterable[Decimal | None]) -> bool:
    """Of shares only those that both sides know."""
    return any(a is not None and b is not None and a != b for a, b in zip_longest(here, there))


def _written(row: Row | None) -> str:
    if row is None:
        return "-"
    amounts = ("" if amount is None else f"{amount:f}" for amount in row.amounts)
    return "\t".join((row.sign, row.orderid, row.number, row.day, *amounts))
