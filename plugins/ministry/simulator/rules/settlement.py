"""GYU103 出院结算信息上传: the rules for one row, in the order in which they are applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from plugins.ministry.simulator.entities import Amounts, Stay
from plugins.ministry.simulator.refusals import Guard, Refusal
from plugins.ministry.simulator.registry import Filing, Institution
from plugins.ministry.simulator.rules.filings import holds_at_discharge, same_province


@dataclass(frozen=True, slots=True)
class SettlementCase:
    """A row and what is on record. ``number`` counts the rows from 1; ``stay`` is the one with the
    row's institution, number and person; ``empty_files`` and ``unknown_files`` are of its filedata."""

    number: int
    province: str
    today: date
    alc002: str
    aka130: str
    aac003: str = field(repr=False)
    discharged: date
    amounts: Amounts
    institution: Institution | None
    stay: Stay | None
    filing: Filing | None
    empty_files: int
    unknown_files: tuple[str, ...]


def institution_exists(case: SettlementCase) -> Refusal | None:
    return None if case.institution else Refusal("RE1007")


def institution_in_province(case: SettlementCase) -> Refusal | None:
    foreign = case.institution and not same_province(case.institution.region, case.province)
    return Refusal("RE1081", fill=str(case.number)) if foreign else None


def institution_of_this_kind(case: SettlementCase) -> Refusal | None:
    other = case.institution and case.institution.alc002 != case.alc002
    return Refusal("RE1067") if other else None


def admitted(case: SettlementCase) -> Refusal | None:
    return None if case.stay else Refusal("RE1078")


def not_settled(case: SettlementCase) -> Refusal | None:
    return Refusal("RE1078") if case.stay and case.stay.settlement else None


def details_agree(case: SettlementCase) -> Refusal | None:
    other = case.stay and (case.stay.aac003, case.stay.aka130) != (case.aac003, case.aka130)
    return Refusal("RE1010") if other else None


def discharged_between(case: SettlementCase) -> Refusal | None:
    """The day of admission itself is allowed (M58)."""
    if case.stay is None or case.stay.admitted <= case.discharged <= case.today:
        return None
    return Refusal("RE1079")


def filing_holds(case: SettlementCase) -> Refusal | None:
    holds = case.filing and holds_at_discharge(case.filing, case.discharged)
    return None if holds else Refusal("RE1080")


def amounts_not_negative(case: SettlementCase) -> Refusal | None:
    """总费用必须大于0，统筹支付金额、自付金额必须大于等于0."""
    negative = case.amounts.total <= 0 or case.amounts.fund < 0 or case.amounts.own < 0
    return Refusal("RE1143") if negative else None


def fees_uploaded(case: SettlementCase) -> Refusal | None:
    return None if case.stay is None or any(case.stay.standing_fees) else Refusal("RE1082")


def total_is_sum(case: SettlementCase) -> Refusal | None:
    return None if case.amounts.total == sum_of_fees(case.stay).total else Refusal("RE1083")


def fund_is_sum(case: SettlementCase) -> Refusal | None:
    return None if case.amounts.fund == sum_of_fees(case.stay).fund else Refusal("RE1084")


def own_is_sum(case: SettlementCase) -> Refusal | None:
    return None if case.amounts.own == sum_of_fees(case.stay).own else Refusal("RE1085")


def no_empty_files(case: SettlementCase) -> Refusal | None:
    """An element of filedata without any field (M48)."""
    return Refusal("RE1004") if case.empty_files else None


def files_known(case: SettlementCase) -> Refusal | None:
    return Refusal("RE1093", fill=case.unknown_files[0]) if case.unknown_files else None


RULES: Final = (
    institution_exists,
    institution_in_province,
    institution_of_this_kind,
    admitted,
    Guard(not_settled),
    details_agree,
    discharged_between,
    filing_holds,
    amounts_not_negative,
    fees_uploaded,
    total_is_sum,
    fund_is_sum,
    own_is_sum,
    no_empty_files,
    files_known,
)


def sum_of_fees(stay: Stay | None) -> Amounts:
    """The uploaded amounts of the stay's standing fees; they have two decimals, so the sum is exact."""
    fees = [fee.amounts for fee in stay.standing_fees] if stay else []
    return Amounts(
        sum((fee.total for fee in fees), Decimal(0)),
        sum((fee.fund for fee in fees), Decimal(0)),
        sum((fee.own for fee in fees), Decimal(0)),
    )
