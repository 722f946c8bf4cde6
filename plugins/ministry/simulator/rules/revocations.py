"""GYR001 费用明细信息撤销, GYR002 入院登记信息撤销 and GYR003 结算信息撤销."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from plugins.ministry.simulator.entities import Stay
from plugins.ministry.simulator.refusals import Refusal
from plugins.ministry.simulator.registry import Institution
from plugins.ministry.simulator.rules.filings import same_province


@dataclass(frozen=True, slots=True)
class RevocationCase:
    """A call; ``stay`` is the one of its number, for GYR003 of its 结算流水号, revoked or not."""

    province: str
    akb020: str
    akc190: str
    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    alc002: str
    institution: Institution | None
    stay: Stay | None


def institution_exists(case: RevocationCase) -> Refusal | None:
    return None if case.institution else Refusal("RE1007")


def institution_in_province(case: RevocationCase) -> Refusal | None:
    foreign = case.institution and not same_province(case.institution.region, case.province)
    return Refusal("RE1123") if foreign else None


def stay_there(case: RevocationCase) -> Refusal | None:
    return None if case.stay else Refusal("RE1008")


def of_this_person(case: RevocationCase) -> Refusal | None:
    other = case.stay and not case.stay.is_of(case.aac002, case.aac003)
    return Refusal("RE1010") if other else None


def fees_not_settled(case: RevocationCase) -> Refusal | None:
    return Refusal("RE1009") if case.stay and case.stay.settlement else None


def fees_ever_uploaded(case: RevocationCase) -> Refusal | None:
    return None if case.stay and case.stay.fees else Refusal("RE1129")


def fees_standing(case: RevocationCase) -> Refusal | None:
    """All of them were revoked before."""
    return None if case.stay and any(case.stay.standing_fees) else Refusal("RE1076")


FEE_RULES: Final = (
    institution_exists,
    institution_in_province,
    stay_there,
    of_this_person,
    fees_not_settled,
    fees_ever_uploaded,
    fees_standing,
)


def stay_not_settled(case: RevocationCase) -> Refusal | None:
    return Refusal("RE1012") if case.stay and case.stay.settlement else None


def no_fees(case: RevocationCase) -> Refusal | None:
    """没有费用明细信息（未上传或已撤销）."""
    return Refusal("RE1013") if case.stay and any(case.stay.standing_fees) else None


STAY_RULES: Final = (
    institution_exists,
    institution_in_province,
    stay_there,
    of_this_person,
    stay_not_settled,
    no_fees,
)


def institution_of_this_kind(case: RevocationCase) -> Refusal | None:
    other = case.institution and case.institution.alc002 != case.alc002
    return Refusal("RE1067") if other else None


def settlement_there(case: RevocationCase) -> Refusal | None:
    return None if case.stay else Refusal("RE1014")


def settlement_is_theirs(case: RevocationCase) -> Refusal | None:
    """住院号/门诊号、协议机构编号、社会保障号码与入院信息不一致; aids have no number."""
    stay = case.stay
    if stay is None:
        return None
    same = stay.akb020 == case.akb020 and (not stay.akc190 or stay.akc190 == case.akc190)
    return None if same and stay.is_of(case.aac002, case.aac003) else Refusal("RE1077")


def settlement_not_revoked(case: RevocationCase) -> Refusal | None:
    return Refusal("RE1015") if case.stay and case.stay.settlement and case.stay.revoked else None


def settled(case: RevocationCase) -> Refusal | None:
    return None if case.stay and case.stay.settlement else Refusal("RE1128")


SETTLEMENT_RULES: Final = (
    institution_exists,
    institution_in_province,
    institution_of_this_kind,
    settlement_there,
    settlement_is_theirs,
    settlement_not_revoked,
    settled,
)
