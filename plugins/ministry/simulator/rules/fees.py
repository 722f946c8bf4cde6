"""GYU102 费用明细上传: the rules for the head, then those for one row of fees."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext
from typing import Final

from plugins.ministry.simulator.entities import Amounts, Stay
from plugins.ministry.simulator.refusals import Guard, Refusal
from plugins.ministry.simulator.registry import Institution
from plugins.ministry.simulator.rules.filings import same_province

_TOLERANCE: Final = Decimal("0.01")
_COVERED: Final = frozenset({"01", "02", "03", "04"})
"""工伤目录类别 within the work-injury catalogue; 09 and 99 are not."""


@dataclass(frozen=True, slots=True)
class FeeHeadCase:
    """The head of an upload. ``stays_of_person`` and ``stays_numbered`` are what is on record."""

    province: str
    akb020: str
    alc002: str
    akc190: str
    aka130: str
    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    institution: Institution | None
    stays_of_person: tuple[Stay, ...]
    stays_numbered: tuple[Stay, ...]

    @property
    def stay(self) -> Stay | None:
        """The stay with this number, institution and person."""
        return next((stay for stay in self.stays_numbered if self._is_of(stay)), None)

    def _is_of(self, stay: Stay) -> bool:
        return stay.akb020 == self.akb020 and stay.aac002.upper() == self.aac002.upper()


@dataclass(frozen=True, slots=True)
class FeeRowCase:
    """One row; amounts as uploaded. ``ceiling`` None or 0 is none, ``ratio`` None is all (M53)."""

    today: date
    admitted: date
    charged: date
    category: str
    ceiling: Decimal | None
    ratio: Decimal | None
    quantity: Decimal
    price: Decimal
    amounts: Amounts
    uploaded_before: bool


def institution_exists(case: FeeHeadCase) -> Refusal | None:
    return None if case.institution else Refusal("RE1007")


def institution_in_province(case: FeeHeadCase) -> Refusal | None:
    foreign = case.institution and not same_province(case.institution.region, case.province)
    return Refusal("RE1070") if foreign else None


def institution_of_this_kind(case: FeeHeadCase) -> Refusal | None:
    other = case.institution and case.institution.alc002 != case.alc002
    return Refusal("RE1067") if other else None


def person_admitted(case: FeeHeadCase) -> Refusal | None:
    """Nobody of this number was ever admitted anywhere."""
    return None if case.stays_of_person or case.stays_numbered else Refusal("RE1011")


def stay_exists(case: FeeHeadCase) -> Refusal | None:
    """The person was admitted, but not under this number."""
    return None if case.stays_numbered else Refusal("RE1068")


def stay_is_theirs(case: FeeHeadCase) -> Refusal | None:
    """协议机构信息与入院登记的协议机构信息保持一致; so for the person."""
    return None if case.stay or not case.stays_numbered else Refusal("RE1077")


def details_agree(case: FeeHeadCase) -> Refusal | None:
    stay = case.stay
    other = stay and (stay.aac003, stay.aka130) != (case.aac003, case.aka130)
    return Refusal("RE1010") if other else None


def not_settled(case: FeeHeadCase) -> Refusal | None:
    """人员未出院结算."""
    return Refusal("RE1069") if case.stay and case.stay.settlement else None


HEAD_RULES: Final = (
    institution_exists,
    institution_in_province,
    institution_of_this_kind,
    person_admitted,
    stay_exists,
    stay_is_theirs,
    details_agree,
    Guard(not_settled),
)


def row_unique(case: FeeRowCase) -> Refusal | None:
    return Refusal("RE1142") if case.uploaded_before else None


def ceiling_not_negative(case: FeeRowCase) -> Refusal | None:
    return Refusal("RE1072") if case.ceiling is not None and case.ceiling < 0 else None


def price_positive(case: FeeRowCase) -> Refusal | None:
    """The quantity may be negative: a refund (M56)."""
    return None if case.price > 0 else Refusal("RE1073")


def charged_during_stay(case: FeeRowCase) -> Refusal | None:
    return None if case.admitted <= case.charged <= case.today else Refusal("RE1075")


def total_fits(case: FeeRowCase) -> Refusal | None:
    return _within(case.amounts.total, exact_amounts(case).total, "RE1083")


def total_is_its_parts(case: FeeRowCase) -> Refusal | None:
    """总金额=统筹支付金额+自付金额, exactly (M54)."""
    return None if case.amounts.total == case.amounts.fund + case.amounts.own else Refusal("RE1083")


def fund_fits(case: FeeRowCase) -> Refusal | None:
    return _within(case.amounts.fund, exact_amounts(case).fund, "RE1084")


def own_fits(case: FeeRowCase) -> Refusal | None:
    return _within(case.amounts.own, exact_amounts(case).own, "RE1085")


ROW_RULES: Final = (
    Guard(row_unique),
    ceiling_not_negative,
    price_positive,
    charged_during_stay,
    total_fits,
    total_is_its_parts,
    fund_fits,
    own_fits,
)


def exact_amounts(case: FeeRowCase) -> Amounts:
    """部端计算精确值规则, without any rounding."""
    with localcontext() as context:
        context.prec = 80
        total = case.price * case.quantity
        if case.category not in _COVERED:
            return Amounts(total, Decimal(0), total)
        ratio = Decimal(1) if case.ratio is None else case.ratio
        capped = case.ceiling if case.ceiling and case.price > case.ceiling else case.price
        fund = capped * case.quantity * ratio
        return Amounts(total, fund, total - fund)


def _within(uploaded: Decimal, exact: Decimal, code: str) -> Refusal | None:
    with localcontext() as context:
        context.prec = 80
        return None if abs(uploaded - exact) <= _TOLERANCE else Refusal(code)
