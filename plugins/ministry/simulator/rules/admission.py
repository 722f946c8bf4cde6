"""GYU101 入院信息上传: the rules for one row, in the order in which they are applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from plugins.ministry.simulator.refusals import Guard, Refusal
from plugins.ministry.simulator.registry import Filing, Institution, Person
from plugins.ministry.simulator.rules.filings import in_filed_place, same_province


@dataclass(frozen=True, slots=True)
class AdmissionCase:
    """A row and all that the platform knows about it. ``filing`` stands at admission, if any does."""

    province: str
    today: date
    alc002: str
    aab360: str
    aka130: str
    admitted: date
    institution: Institution | None
    person: Person | None = field(repr=False)
    filing: Filing | None
    number_taken: bool
    has_open_stay: bool


def region_in_province(case: AdmissionCase) -> Refusal | None:
    return None if same_province(case.aab360, case.province) else Refusal("RE1062")


def institution_exists(case: AdmissionCase) -> Refusal | None:
    return None if case.institution else Refusal("RE1063")


def institution_in_province(case: AdmissionCase) -> Refusal | None:
    foreign = case.institution and not same_province(case.institution.region, case.province)
    return Refusal("RE1123") if foreign else None


def institution_active(case: AdmissionCase) -> Refusal | None:
    """协议机构的组织有效状态必须有效."""
    return Refusal("RE1033") if case.institution and not case.institution.active else None


def institution_of_this_kind(case: AdmissionCase) -> Refusal | None:
    other = case.institution and case.institution.alc002 != case.alc002
    return Refusal("RE1067") if other else None


def region_of_institution(case: AdmissionCase) -> Refusal | None:
    other = case.institution and case.institution.region != case.aab360
    return Refusal("RE1117") if other else None


def category_supported(case: AdmissionCase) -> Refusal | None:
    """支持医疗机构、康复机构: 73 is for aids."""
    return Refusal("RE1147") if case.aka130 == "73" else None


def not_in_future(case: AdmissionCase) -> Refusal | None:
    return Refusal("RE1121") if case.admitted > case.today else None


def person_known(case: AdmissionCase) -> Refusal | None:
    return None if case.person else Refusal("RE1064")


def filing_stands(case: AdmissionCase) -> Refusal | None:
    """人员入院时间必须在备案有效期内."""
    return None if case.filing else Refusal("RE1066")


def treated_in_filed_place(case: AdmissionCase) -> Refusal | None:
    return in_filed_place(case.filing, case.aab360) if case.filing else None


def number_unique(case: AdmissionCase) -> Refusal | None:
    """同一机构中住院号/门诊号不能重复."""
    return Refusal("RE1116") if case.number_taken else None


def no_open_stay(case: AdmissionCase) -> Refusal | None:
    return Refusal("RE1065") if case.has_open_stay else None


RULES: Final = (
    region_in_province,
    institution_exists,
    institution_in_province,
    institution_active,
    institution_of_this_kind,
    region_of_institution,
    category_supported,
    not_in_future,
    person_known,
    filing_stands,
    treated_in_filed_place,
    Guard(number_unique),
    Guard(no_open_stay),
)
