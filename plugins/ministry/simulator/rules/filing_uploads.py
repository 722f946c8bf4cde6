"""GYU006 本地异地就医备案信息上传, GYU001 its review of applications, and GYU007 its changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from plugins.ministry.simulator.refusals import BAD_PARAMETER, Guard, Refusal
from plugins.ministry.simulator.registry import Filing
from plugins.ministry.simulator.rules.filings import same_province

_RECOGNITION: Final = "03"
"""工伤认定书."""
_PAYMENT_NOTICE: Final = "05"
"""核付通知单."""
_APPROVED: Final = "1"


@dataclass(frozen=True, slots=True)
class FilingCase:
    """A row of GYU006. ``papers`` are the types of its files, None where none are demanded;
    ``institutions`` says that the place has one of this kind."""

    province: str
    home: str
    place: str
    starts: date
    ends: date
    kind: str
    papers: tuple[str, ...] | None
    empty_files: int
    unknown_files: tuple[str, ...]
    institutions: bool
    number_of_another: bool
    in_this_call: bool
    uploaded: bool
    valid_filing: bool


def home_in_province(case: FilingCase) -> Refusal | None:
    return None if same_province(case.home, case.province) else Refusal("RE1092")


def place_elsewhere(case: FilingCase) -> Refusal | None:
    """A place in the insured province is no 异地就医 (RE1138 请规范传入备案就医地)."""
    return remote(case.home, case.place)


def place_has_institutions(case: FilingCase) -> Refusal | None:
    return None if case.institutions else Refusal("RE1174")


def period_in_order(case: FilingCase) -> Refusal | None:
    return in_order(case.starts, case.ends)


def person_known(case: FilingCase) -> Refusal | None:
    """The number is another person's."""
    return Refusal("RE1094") if case.number_of_another else None


def no_empty_files(case: FilingCase) -> Refusal | None:
    return Refusal("RE1004") if case.empty_files else None


def papers_there(case: FilingCase) -> Refusal | None:
    """均必传工伤认定书，辅助器具配置时必传核付通知单 (M49)."""
    if case.papers is None:
        return None
    needed = {_RECOGNITION, _PAYMENT_NOTICE} if case.kind == "3" else {_RECOGNITION}
    return None if needed <= set(case.papers) else Refusal("RE1032")


def files_known(case: FilingCase) -> Refusal | None:
    return Refusal("RE1093", fill=case.unknown_files[0]) if case.unknown_files else None


def unlike_others_of_the_call(case: FilingCase) -> Refusal | None:
    return Refusal("RE1141") if case.in_this_call else None


def not_uploaded(case: FilingCase) -> Refusal | None:
    return Refusal("RE1050") if case.uploaded else None


def no_valid_filing(case: FilingCase) -> Refusal | None:
    """同一人员同一机构类型只能存在一条有效的备案申请信息."""
    return Refusal("RE1048") if case.valid_filing else None


FILING_RULES: Final = (
    home_in_province,
    place_elsewhere,
    place_has_institutions,
    period_in_order,
    person_known,
    no_empty_files,
    papers_there,
    files_known,
    Guard(unlike_others_of_the_call),
    Guard(not_uploaded),
    Guard(no_valid_filing),
)


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """A row of GYU001. ``downloaded`` says that the province has confirmed the application;
    ``aids_filed`` and ``aids_sent`` are AAZ195s."""

    province: str
    today: date
    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    ala491: str
    review: str
    status: str
    starts: date | None
    ends: date | None
    application: Filing | None
    downloaded: bool
    in_this_call: bool
    valid_filing: bool
    aids_filed: frozenset[str]
    aids_sent: tuple[str, ...]


def application_there(case: ReviewCase) -> Refusal | None:
    return None if case.application else Refusal("RE1054")


def application_of_province(case: ReviewCase) -> Refusal | None:
    foreign = case.application and not same_province(case.application.home, case.province)
    return Refusal("RE1092") if foreign else None


def application_unlike_others(case: ReviewCase) -> Refusal | None:
    return Refusal("RE1149") if case.in_this_call else None


def not_reviewed(case: ReviewCase) -> Refusal | None:
    return Refusal("RE1025") if case.application and case.application.review != "0" else None


def downloaded_first(case: ReviewCase) -> Refusal | None:
    return None if case.downloaded else Refusal("RE1024")


def number_unchanged(case: ReviewCase) -> Refusal | None:
    other = case.application and case.application.aac002.upper() != case.aac002.upper()
    return Refusal("RE1021") if other else None


def name_unchanged(case: ReviewCase) -> Refusal | None:
    return Refusal("RE1022") if case.application and case.application.aac003 != case.aac003 else None


def kind_unchanged(case: ReviewCase) -> Refusal | None:
    return Refusal("RE1023") if case.application and case.application.ala491 != case.ala491 else None


def refused_is_invalid(case: ReviewCase) -> Refusal | None:
    """AAE100: 审核状态为不通过时需为空或’0’无效 (M61)."""
    return Refusal("RE0065") if case.review != _APPROVED and case.status == "1" else None


def reviewed_period_in_order(case: ReviewCase) -> Refusal | None:
    return in_order(case.starts, case.ends) if case.starts and case.ends else None


def starts_after_review(case: ReviewCase) -> Refusal | None:
    """备案有效开始时间不得早于审核时间（部端入库时间）: a rule of the history without a code (M63)."""
    if case.starts is None or case.starts >= case.today:
        return None
    return Refusal(BAD_PARAMETER, detail="备案有效开始时间不得早于审核时间")


def aids_known(case: ReviewCase) -> Refusal | None:
    unknown = [aaz195 for aaz195 in case.aids_sent if aaz195 not in case.aids_filed]
    return Refusal("RE1091") if unknown else None


def aids_all_there(case: ReviewCase) -> Refusal | None:
    return None if len(case.aids_sent) == len(case.aids_filed) else Refusal("RE1098")


def no_other_valid_filing(case: ReviewCase) -> Refusal | None:
    return Refusal("RE1028") if case.valid_filing and case.review == _APPROVED else None


REVIEW_RULES: Final = (
    application_there,
    application_of_province,
    Guard(application_unlike_others),
    Guard(not_reviewed),
    downloaded_first,
    number_unchanged,
    name_unchanged,
    kind_unchanged,
    refused_is_invalid,
    reviewed_period_in_order,
    starts_after_review,
    aids_known,
    aids_all_there,
    no_other_valid_filing,
)


@dataclass(frozen=True, slots=True)
class ChangeCase:
    """A row of GYU007; ``valid`` is the filing's 备案状态 today."""

    province: str
    place: str
    status: str
    reason: str
    filing: Filing | None
    valid: bool
    institutions: bool


def filing_there(case: ChangeCase) -> Refusal | None:
    return None if case.filing and case.filing.approved else Refusal("RE1054")


def filing_of_province(case: ChangeCase) -> Refusal | None:
    foreign = case.filing and not same_province(case.filing.home, case.province)
    return Refusal("RE1092") if foreign else None


def not_valid_again(case: ChangeCase) -> Refusal | None:
    return Refusal("RE1132") if case.status == "1" and not case.valid else None


def change_has_reason(case: ChangeCase) -> Refusal | None:
    """备案状态变更时必填."""
    return Refusal("RE1055") if case.status == "0" and case.valid and not case.reason else None


def new_place_elsewhere(case: ChangeCase) -> Refusal | None:
    return remote(case.filing.home, case.place) if case.filing else None


def new_place_has_institutions(case: ChangeCase) -> Refusal | None:
    return None if case.institutions else Refusal("RE1174")


CHANGE_RULES: Final = (
    filing_there,
    filing_of_province,
    not_valid_again,
    change_has_reason,
    new_place_elsewhere,
    new_place_has_institutions,
)


def remote(home: str, place: str) -> Refusal | None:
    return Refusal("RE1138") if same_province(home, place) else None


def in_order(starts: date, ends: date) -> Refusal | None:
    return None if starts <= ends else Refusal("RE1150")
