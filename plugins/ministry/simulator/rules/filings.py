"""备案: which filing admits a stay, and whether it still stands at discharge (核验规则 of GYD051, M59)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from plugins.ministry.simulator.refusals import Refusal
from plugins.ministry.simulator.registry import EXPIRED, Filing

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


def of_kind(filings: Iterable[Filing], alc002: str) -> list[Filing]:
    """The filings for this kind of institution."""
    return [filing for filing in filings if filing.ala491 in _FITTING.get(alc002, frozenset())]


def kind_of(ala491: str) -> str:
    """The 协议机构类型 that a 备案申请类型 is for, "" where it is none of the table."""
    return next((alc002 for alc002, fitting in _FITTING.items() if ala491 in fitting), "")


def passes(filing: Filing, calltype: str, day: date) -> bool:
    """核验规则 of GYD051 for 入院登记 (1), 出院结算 (2) and 辅助器具配置/更换 (3)."""
    if calltype == "2":
        return holds_at_discharge(filing, day)
    within = filing.starts <= day <= filing.ends
    invalid = filing.invalid_since is not None and filing.invalid_since <= day
    return within and not (invalid if calltype == "3" else _revoked_on(filing, day))


def in_filed_place(filing: Filing, region: str) -> Refusal | None:
    """就医地行政区划代码与备案申请的就医地一致: anywhere in a filed province, else in the filed city."""
    if not same_province(filing.place, region):
        return Refusal("RE1119") if is_province(filing.place) else Refusal("RE1139")
    if is_province(filing.place) or same_city(filing.place, region):
        return None
    return Refusal("RE1120")


def in_region(region: str, asked: str) -> bool:
    """Whether a region lies in the one that was asked for: a province, a city, or exactly that district."""
    if is_province(asked):
        return same_province(region, asked)
    return same_city(region, asked) if asked[4:] in ("00", "99") else region == asked


def is_province(region: str) -> bool:
    """A province, or its own level (省本级, nnnn99)."""
    return region[2:] in ("0000", "9900")


def same_city(one: str, other: str) -> bool:
    return one[:4] == other[:4]


def same_province(one: str, other: str) -> bool:
    return one[:2] == other[:2]


def _revoked_on(filing: Filing, day: date) -> bool:
    return filing.invalid_since is not None and filing.invalid_since <= day and filing.reason != EXPIRED


def province_of(region: str) -> str:
    return f"{region[:2]}0000"
