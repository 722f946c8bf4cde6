"""GYU009 协议机构信息上传: the rules for one row.

Registering the same 统一社会信用代码 twice is not refused: RE1058 names a field that the document dropped
(M88).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plugins.ministry.simulator.refusals import Refusal
from plugins.ministry.simulator.registry import Institution
from plugins.ministry.simulator.rules.filings import same_province


@dataclass(frozen=True, slots=True)
class InstitutionCase:
    """A row; ``modifies`` says that it is 修改, ``registered`` is the institution of its number."""

    province: str
    modifies: bool
    akb020: str
    alc002: str
    aab998: str
    region: str
    registered: Institution | None


def region_in_province(case: InstitutionCase) -> Refusal | None:
    return None if same_province(case.region, case.province) else Refusal("RE1172")


def region_of_own_level(case: InstitutionCase) -> Refusal | None:
    """所属社保机构行政区划为省/市级时，请传省/市本级区划代码: nn9900 and nnnn99, not nn0000 and nnnn00."""
    return Refusal("RE1133") if case.region.endswith("00") and case.region[2:] != "9900" else None


def registered(case: InstitutionCase) -> Refusal | None:
    return Refusal("RE1109") if case.modifies and case.registered is None else None


def registered_in_province(case: InstitutionCase) -> Refusal | None:
    foreign = case.registered and not same_province(case.registered.region, case.province)
    return Refusal("RE1123") if foreign else None


def credit_code_kept(case: InstitutionCase) -> Refusal | None:
    """协议机构编号与统一社会信用代码不能修改."""
    other = case.registered and case.registered.aab998 != case.aab998
    return Refusal("RE1060") if other else None


def kind_kept(case: InstitutionCase) -> Refusal | None:
    other = case.registered and case.registered.alc002 != case.alc002
    return Refusal("RE1056") if other else None


RULES: Final = (
    region_in_province,
    region_of_own_level,
    registered,
    registered_in_province,
    credit_code_kept,
    kind_kept,
)
