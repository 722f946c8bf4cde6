"""GYU004 费用审核扣款信息上传 and GYR004 费用审核扣款信息撤销.

Nothing refuses a deduction that is sent twice but what is left to deduct: 省级系统审核扣款流水号 is
nowhere said to be checked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from plugins.ministry.simulator.entities import Stay
from plugins.ministry.simulator.refusals import BAD_PARAMETER, Refusal
from plugins.ministry.simulator.registry import Institution
from plugins.ministry.simulator.rules.filings import same_province


@dataclass(frozen=True, slots=True)
class DeductionCase:
    """A row of GYU004; ``stay`` is the one of its 结算流水号, revoked or not."""

    province: str
    akb020: str
    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    amount: Decimal
    institution: Institution | None
    stay: Stay | None


def institution_exists(case: DeductionCase) -> Refusal | None:
    return None if case.institution else Refusal("RE1007")


def institution_in_province(case: DeductionCase) -> Refusal | None:
    foreign = case.institution and not same_province(case.institution.region, case.province)
    return Refusal("RE1123") if foreign else None


def settlement_there(case: DeductionCase) -> Refusal | None:
    """Of this person and institution, and not revoked."""
    stay = case.stay
    theirs = stay and stay.akb020 == case.akb020 and stay.is_of(case.aac002, case.aac003)
    return None if stay and theirs and not stay.revoked else Refusal("RE1045")


def settled(case: DeductionCase) -> Refusal | None:
    return None if case.stay and case.stay.settlement else Refusal("RE1046")


def amount_positive(case: DeductionCase) -> Refusal | None:
    """扣款金额大于0, a rule without a code."""
    return None if case.amount > 0 else Refusal(BAD_PARAMETER, detail="扣款金额必须大于0")


def amount_left(case: DeductionCase) -> Refusal | None:
    return Refusal("RE1127") if case.stay and case.amount > left_to_deduct(case.stay) else None


DEDUCTION_RULES: Final = (
    institution_exists,
    institution_in_province,
    settlement_there,
    settled,
    amount_positive,
    amount_left,
)


@dataclass(frozen=True, slots=True)
class WithdrawalCase:
    """A row of GYR004."""

    province: str
    stay: Stay | None


def withdrawn_settlement_there(case: WithdrawalCase) -> Refusal | None:
    theirs = case.stay and same_province(case.stay.place, case.province)
    return None if theirs else Refusal("RE1045")


def ever_deducted(case: WithdrawalCase) -> Refusal | None:
    return None if case.stay and case.stay.deductions else Refusal("RE1017")


def still_deducted(case: WithdrawalCase) -> Refusal | None:
    """All of them were withdrawn before."""
    return None if case.stay and any(case.stay.standing_deductions) else Refusal("RE1018")


WITHDRAWAL_RULES: Final = (withdrawn_settlement_there, ever_deducted, still_deducted)


def left_to_deduct(stay: Stay) -> Decimal:
    """统筹支付金额减去已扣款金额."""
    fund = stay.settlement.amounts.fund if stay.settlement else Decimal(0)
    return fund - sum((deduction.claim.amount for deduction in stay.standing_deductions), Decimal(0))
