"""GYU003 协议机构月结信息上传: the rules for the call, for one detail, and for the statement as a whole.

What counts as 人次 is not said (M43): here it is the number of different settlements among the details.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from plugins.ministry.simulator.entities import Claim, Detail, Statement, Stay
from plugins.ministry.simulator.refusals import BAD_PARAMETER, Guard, Refusal
from plugins.ministry.simulator.registry import Institution
from plugins.ministry.simulator.rules.filings import same_province


@dataclass(frozen=True, slots=True)
class StatementCase:
    """The head. ``begun`` is the institution's statement of the month, complete or not."""

    province: str
    pch: str
    alc002: str
    aae002: str
    total: Decimal
    people: Decimal
    institution: Institution | None
    begun: Statement | None


def institution_exists(case: StatementCase) -> Refusal | None:
    return None if case.institution else Refusal("RE1007")


def institution_in_province(case: StatementCase) -> Refusal | None:
    foreign = case.institution and not same_province(case.institution.region, case.province)
    return Refusal("RE1152") if foreign else None


def institution_of_this_kind(case: StatementCase) -> Refusal | None:
    other = case.institution and case.institution.alc002 != case.alc002
    return Refusal("RE1067") if other else None


def people_positive(case: StatementCase) -> Refusal | None:
    """月结人次必须大于0, a rule without a code."""
    return None if case.people > 0 else Refusal(BAD_PARAMETER, detail="月结总人次必须大于0")


def no_number_yet(case: StatementCase) -> Refusal | None:
    return Refusal("RE1170") if case.pch and case.begun is None else None


def month_not_complete(case: StatementCase) -> Refusal | None:
    """每个协议机构每月只能有一次月结信息: a first call of a new statement."""
    complete = case.begun and case.begun.aaz215 and not case.pch
    return Refusal("RE1035", fill=case.aae002) if complete else None


def batch_not_complete(case: StatementCase) -> Refusal | None:
    """A further call of the statement that is complete."""
    complete = case.begun and case.begun.aaz215 and case.pch
    return Refusal("RE1153") if complete else None


def goes_on_with_number(case: StatementCase) -> Refusal | None:
    """第一次调用不填，后续循环调用时上传部级系统返回的批次号."""
    other = case.begun and not case.begun.aaz215 and case.pch != case.begun.pch
    return Refusal("RE1169") if other else None


def same_sums(case: StatementCase) -> Refusal | None:
    begun = case.begun
    other = begun and not begun.aaz215 and (begun.total, begun.people) != (case.total, case.people)
    return Refusal("RE1040") if other else None


HEAD_RULES: Final = (
    institution_exists,
    institution_in_province,
    institution_of_this_kind,
    people_positive,
    no_number_yet,
    Guard(month_not_complete),
    Guard(batch_not_complete),
    Guard(goes_on_with_number),
    same_sums,
)


class Codes(NamedTuple):
    """How a 月结明细类型 is refused. ``standing``: what it takes is revoked, or for an offset is not;
    ``never_booked``: the offset of what was revoked before any statement took it."""

    unknown: str
    wrong: str
    standing: str
    taken: str
    never_booked: str = ""

    @property
    def offsets(self) -> bool:
        return bool(self.never_booked)


CODES: Final[Mapping[str, Codes]] = {
    "1": Codes(unknown="RE1155", wrong="RE1036", standing="RE1157", taken="RE1156"),
    # printed with a digit too few, between RE1157 and RE1159 (M83)
    "2": Codes(unknown="RE158", wrong="RE1037", standing="RE1159", taken="RE1160"),
    "3": Codes("RE1163", "RE1038", standing="RE1161", taken="RE1164", never_booked="RE1162"),
    "4": Codes("RE1167", "RE1037", standing="RE1165", taken="RE1168", never_booked="RE1166"),
}


@dataclass(frozen=True, slots=True)
class DetailCase:
    """A row. ``stay`` is the one of its 结算流水号, ``claim`` what its type takes: the settlement's fund
    or the deduction; ``theirs``: both are of this institution and person, and belong together."""

    number: int
    trtype: str
    stay: Stay | None = field(repr=False)
    claim: Claim | None
    theirs: bool
    pch: str

    @property
    def codes(self) -> Codes:
        return CODES[self.trtype]

    @property
    def taken_by(self) -> str:
        """The batch that took it as what this row says it is, "" for none."""
        if self.claim is None:
            return ""
        return self.claim.offset if self.codes.offsets else self.claim.booked


def known(case: DetailCase) -> Refusal | None:
    return None if case.claim else Refusal(case.codes.unknown)


def belongs(case: DetailCase) -> Refusal | None:
    return None if case.theirs else Refusal(case.codes.wrong, fill=str(case.number))


def standing_or_not(case: DetailCase) -> Refusal | None:
    wrong = case.claim and case.claim.revoked is not case.codes.offsets
    return Refusal(case.codes.standing) if wrong else None


def booked_before_offset(case: DetailCase) -> Refusal | None:
    never = case.claim and case.codes.offsets and not case.claim.booked
    return Refusal(case.codes.never_booked) if never else None


def not_in_this_batch(case: DetailCase) -> Refusal | None:
    return Refusal("RE1171") if case.pch and case.taken_by == case.pch else None


def not_taken(case: DetailCase) -> Refusal | None:
    return Refusal(case.codes.taken) if case.taken_by else None


DETAIL_RULES: Final = (
    known,
    belongs,
    Guard(not_in_this_batch),
    standing_or_not,
    booked_before_offset,
    Guard(not_taken),
)


@dataclass(frozen=True, slots=True)
class CompletionCase:
    """A statement whose last call has come, with all its details."""

    total: Decimal
    people: Decimal
    details: tuple[Detail, ...]


def has_details(case: CompletionCase) -> Refusal | None:
    return None if case.details else Refusal("RE1039")


def amounts_agree(case: CompletionCase) -> Refusal | None:
    """月结总金额等于月结明细金额（含审核扣款金额和结算撤销冲减金额）的总和."""
    total = sum((detail.signed for detail in case.details), Decimal(0))
    return None if total == case.total else Refusal("RE1041")


def people_agree(case: CompletionCase) -> Refusal | None:
    people = len({detail.stay.aaz515 for detail in case.details})
    return None if people == case.people else Refusal("RE1042")


COMPLETION_RULES: Final = (has_details, amounts_agree, people_agree)
