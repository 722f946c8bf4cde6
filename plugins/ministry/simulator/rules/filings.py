"""备案: which filing admits a stay, and whether it still stands at discharge (核验规则 of GYD051, M59)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from plugins.ministry.simulator.seed import Filing

EXPIRED: Final = "9101"
"""备案过期: the one reason of invalidity that does not end treatment already begun."""

_FITTING: Final[Mapping[str, frozenset[str]]] = {
    "1": frozenset({"01", "03", "05"}),
    "2": frozenset({"02", "04", "06"}),
    "3": frozenset({"07", "08", "09"}),
}
"""备案申请类型 by 协议机构类型: medical, rehabilitation, aids (M65)."""


def standing_filing(filings: Iterable[Filing], alc002: str, day: date) -> Filing | None:
    """The filing for this kind of institution within whose period ``day`` lies and that was not
    invalid then for another reason than 备案过期."""
    fitting = _FITTING.get(alc002, frozenset())
    return next(
        (
            filing
            for filing in filings
            if filing.ala491 in fitting
            and filing.starts <= day <= filing.ends
            and not _revoked_on(filing, day)
        ),
        None,
    )


def holds_at_discharge(filing: Filing, day: date) -> bool:
    """Within the period it must be valid; outside it, valid or invalid by 备案过期 only."""
    if filing.starts <= day <= filing.ends:
        return not (filing.invalid_since is not None and filing.invalid_since <= day)
    return not _revoked_on(filing, day)


def is_province(region: str) -> bool:
    """A province, or its own level (省本级, nnnn99)."""
    return region[2:] in ("0000", "9900")


def same_city(one: str, other: str) -> bool:
    return one[:4] == other[:4]


def same_province(one: str, other: str) -> bool:
    return one[:2] == other[:2]


def _revoked_on(filing: Filing, day: date) -> bool:
    return filing.invalid_since is not None and filing.invalid_since <= day and filing.reason != EXPIRED
