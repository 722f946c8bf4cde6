"""GYD051 人员备案信息核验: what refuses the call, and what its 核验结果 is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from plugins.ministry.simulator.refusals import Refusal
from plugins.ministry.simulator.registry import Filing, Institution, Person
from plugins.ministry.simulator.rules.filings import in_filed_place, of_kind, passes

_AIDS: Final = "3"
"""辅助器具机构, and the 调用类型 for it."""


@dataclass(frozen=True, slots=True)
class VerificationCase:
    calltype: str
    alc002: str
    aab360: str
    day: date
    institution: Institution | None
    person: Person | None = field(repr=False)
    filings: tuple[Filing, ...]

    @property
    def filing(self) -> Filing | None:
        """The one for this kind of institution; one that passes before others, the latest of these."""
        fitting = of_kind(self.filings, self.alc002)
        passing = [filing for filing in fitting if passes(filing, self.calltype, self.day)]
        best = passing or fitting
        return best[-1] if best else None


def institution_exists(case: VerificationCase) -> Refusal | None:
    return None if case.institution else Refusal("RE1007")


def institution_of_this_kind(case: VerificationCase) -> Refusal | None:
    other = case.institution and case.institution.alc002 != case.alc002
    return Refusal("RE1067") if other else None


def region_of_institution(case: VerificationCase) -> Refusal | None:
    """协议机构所属社保机构的行政区划代码."""
    other = case.institution and case.institution.region != case.aab360
    return Refusal("RE1117") if other else None


def aids_only_for_aids(case: VerificationCase) -> Refusal | None:
    return Refusal("RE1134") if case.alc002 == _AIDS and case.calltype != _AIDS else None


def stays_only_for_hospitals(case: VerificationCase) -> Refusal | None:
    return Refusal("RE1137") if case.alc002 != _AIDS and case.calltype == _AIDS else None


def person_known(case: VerificationCase) -> Refusal | None:
    return None if case.person else Refusal("RE1064")


def filed(case: VerificationCase) -> Refusal | None:
    return None if case.filings else Refusal("RE1140")


def filed_for_this_kind(case: VerificationCase) -> Refusal | None:
    return None if case.filing else Refusal("RE1095")


def in_place(case: VerificationCase) -> Refusal | None:
    return in_filed_place(case.filing, case.aab360) if case.filing else None


RULES: Final = (
    institution_exists,
    institution_of_this_kind,
    region_of_institution,
    aids_only_for_aids,
    stays_only_for_hospitals,
    person_known,
    filed,
    filed_for_this_kind,
    in_place,
)


def why_not(case: VerificationCase) -> str:
    """核验不通过原因, "" when the filing passes (M59: the 核验规则 governs)."""
    filing = case.filing
    if filing is None or passes(filing, case.calltype, case.day):
        return ""
    if filing.invalid_since is not None and filing.invalid_since <= case.day:
        return "备案状态无效"
    return "不在备案有效期内"
