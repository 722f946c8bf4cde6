"""Which calls a page of a download leads to (the document's 接口描述): fees follow stays, and come again
after revocations, as deductions do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.events import JsonObject
from agent.protocol.values import text_of

HOME, PLACE = "1", "2"
"""DLMODE: as 参保省, as 就医省."""
MODES: Final[Mapping[str, str]] = {"insured": HOME, "treating": PLACE}


@dataclass(frozen=True, slots=True)
class Then:
    """``bodies`` gives the data of each call from a page's records, the modes and the own province."""

    transaction: str
    bodies: Callable[[Sequence[JsonObject], Sequence[str], str], Iterator[JsonObject]]


def _each_stay(rows: Sequence[JsonObject], modes: Sequence[str], province: str) -> Iterator[JsonObject]:
    """GYD102 wants a stay; a page may name one more than once."""
    stays: dict[tuple[str, str], JsonObject] = {}
    for row in rows:
        stays.setdefault((text_of(row.get("akb020")), text_of(row.get("akc190"))), row)
    for (institution, stay), row in stays.items():
        if institution and stay:
            for mode in _modes_of(row, modes, province):
                yield {"dlmode": mode, "akb020": institution, "akc190": stay}


def _modes_of(row: JsonObject, modes: Sequence[str], province: str) -> Sequence[str]:
    """Of a province that is both, the side that it has in this stay, where the record says it."""
    place = text_of(row.get("aab360"))
    if len(modes) < 2 or not place:
        return modes
    return (PLACE,) if place[:2] == province[:2] else (HOME,)


def _once(_rows: Sequence[JsonObject], modes: Sequence[str], _province: str) -> Iterator[JsonObject]:
    for mode in modes:
        yield {"dlmode": mode}


THEN: Final[Mapping[str, Then]] = {
    "GYD101": Then("GYD102", _each_stay),
    "GYD401": Then("GYD102", _each_stay),
    "GYD404": Then("GYD004", _once),
}
