"""GYU303 辅助器具配置结算信息上传: the rules for the call, then those for one aid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final

from plugins.ministry.simulator.entities import Aid, Amounts, Verification
from plugins.ministry.simulator.refusals import Guard, Refusal
from plugins.ministry.simulator.registry import Filing, Institution
from plugins.ministry.simulator.rules.filings import in_filed_place, passes, same_province

_CALLTYPE: Final = "3"
_CATEGORY: Final = "73"
_KIND: Final = "3"
_SAME_AS_FILED: Final = ("aae074", "aae075", "ala033", "alc056")
_SAME_NUMBERS: Final = ("ala027",)
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class AidsCase:
    """The head, and what the GYD051 call found that it names."""

    province: str
    today: date
    day: date
    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    akb020: str
    aka130: str
    institution: Institution | None
    verification: Verification | None
    filing: Filing | None
    aids: int


@dataclass(frozen=True, slots=True)
class AidCase:
    """One row; ``aid`` is the filed one of its number, ``filed`` its fields, if it is of the filing."""

    aaz195: str
    row: Mapping[str, Any] = field(repr=False)
    aid: Aid | None
    filed: Mapping[str, Any] = field(repr=False)
    in_this_call: bool


def institution_exists(case: AidsCase) -> Refusal | None:
    return None if case.institution else Refusal("RE1007")


def institution_in_province(case: AidsCase) -> Refusal | None:
    foreign = case.institution and not same_province(case.institution.region, case.province)
    return Refusal("RE1123") if foreign else None


def institution_active(case: AidsCase) -> Refusal | None:
    return Refusal("RE1033") if case.institution and not case.institution.active else None


def institution_of_aids(case: AidsCase) -> Refusal | None:
    return Refusal("RE1067") if case.institution and case.institution.alc002 != _KIND else None


def category_of_aids(case: AidsCase) -> Refusal | None:
    return None if case.aka130 == _CATEGORY else Refusal("RE1147")


def today_only(case: AidsCase) -> Refusal | None:
    return None if case.day == case.today else Refusal("RE1124")


def verified(case: AidsCase) -> Refusal | None:
    return None if case.verification else Refusal("RE1101")


def verified_the_same(case: AidsCase) -> Refusal | None:
    found = case.verification
    if found is None:
        return None
    said = (found.aac002.upper(), found.aac003, found.akb020, found.calltype)
    return None if said == (case.aac002.upper(), case.aac003, case.akb020, _CALLTYPE) else Refusal("RE1125")


def verification_passed(case: AidsCase) -> Refusal | None:
    return Refusal("RE1102") if case.verification and not case.verification.passed else None


def filing_valid(case: AidsCase) -> Refusal | None:
    """It may have been ended since it was verified."""
    ended = case.filing and not case.filing.valid_on(case.day)
    return Refusal("RE1103") if ended else None


def filing_holds(case: AidsCase) -> Refusal | None:
    holds = case.filing and passes(case.filing, _CALLTYPE, case.day)
    return None if holds else Refusal("RE1130")


def in_place(case: AidsCase) -> Refusal | None:
    """The filed place may have been moved since it was verified."""
    away = case.filing and case.institution and in_filed_place(case.filing, case.institution.region)
    return Refusal("RE1104") if away else None


def filing_has_aids(case: AidsCase) -> Refusal | None:
    return None if case.aids else Refusal("RE1088")


HEAD_RULES: Final = (
    institution_exists,
    institution_in_province,
    institution_active,
    institution_of_aids,
    category_of_aids,
    today_only,
    verified,
    verified_the_same,
    verification_passed,
    filing_valid,
    filing_holds,
    in_place,
    filing_has_aids,
)


def aid_filed(case: AidCase) -> Refusal | None:
    return None if case.aid else Refusal("RE1096", fill=case.aaz195)


def once_in_a_call(case: AidCase) -> Refusal | None:
    return Refusal("RE1142") if case.in_this_call else None


def not_settled(case: AidCase) -> Refusal | None:
    return Refusal("RE1097", fill=case.aaz195) if case.aid and case.aid.settled else None


def ceiling_not_negative(case: AidCase) -> Refusal | None:
    return Refusal("RE1072") if case.row["aka068"] < 0 else None


def price_positive(case: AidCase) -> Refusal | None:
    return None if case.row["akc225"] > 0 else Refusal("RE1073")


def quantity_positive(case: AidCase) -> Refusal | None:
    """M56: here it must be."""
    return None if case.row["akc226"] > 0 else Refusal("RE1074")


def ceiling_as_filed(case: AidCase) -> Refusal | None:
    other = case.row["aka068"] != Decimal(case.filed["aka068"])
    return Refusal("RE1126", fill=case.aaz195) if other else None


def as_filed(case: AidCase) -> Refusal | None:
    """Not more of it than filed, and everything else as filed."""
    texts = all(case.row[code] == case.filed[code] for code in _SAME_AS_FILED)
    numbers = all(case.row[code] == Decimal(case.filed[code]) for code in _SAME_NUMBERS)
    within = case.row["akc226"] <= Decimal(case.filed["akc226"])
    return None if texts and numbers and within else Refusal("RE1125")


ROW_RULES: Final = (
    aid_filed,
    Guard(once_in_a_call),
    Guard(not_settled),
    ceiling_not_negative,
    price_positive,
    quantity_positive,
    ceiling_as_filed,
    as_filed,
)


def amounts_of(row: Mapping[str, Any]) -> Amounts:
    """金额计算方式：参照结算信息上传: the fund bears each piece up to its ceiling, 0 being none (M53),
    rounded half up to cents (M54)."""
    with localcontext() as context:
        context.prec = 80
        price, ceiling = row["akc225"], row["aka068"]
        borne = min(price, ceiling) if ceiling else price
        total = (price * row["akc226"]).quantize(_CENT, ROUND_HALF_UP)
        fund = (borne * row["akc226"]).quantize(_CENT, ROUND_HALF_UP)
        return Amounts(total, fund, total - fund)
