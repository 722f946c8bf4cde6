"""GYD052 社保卡卡鉴权, GYD055 社保卡内部认证 and GYU010 电子社保卡扫码信息上传."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plugins.ministry.simulator.refusals import BAD_PARAMETER, Refusal
from plugins.ministry.simulator.registry import Card, Institution
from plugins.ministry.simulator.rules.filings import same_province

_NORMAL: Final = "1"
"""实体卡状态 正常."""


@dataclass(frozen=True, slots=True)
class CardCase:
    """A person or card to be authenticated. ``filed``: 人员存在已审核通过的备案信息."""

    known: bool
    filed: bool
    outer_factor: str = ""
    outer_challenge: str = ""


def person_known(case: CardCase) -> Refusal | None:
    return None if case.known else Refusal("RE1094")


def filed(case: CardCase) -> Refusal | None:
    return None if case.filed or not case.known else Refusal("RE1140")


def outer_whole(case: CardCase) -> Refusal | None:
    """外部认证过程因子 and its 原始信息 come both or not at all."""
    whole = bool(case.outer_factor) is bool(case.outer_challenge)
    return None if whole else Refusal(BAD_PARAMETER, detail="外部认证过程因子与原始信息应同时传入")


AUTHENTICATION_RULES: Final = (person_known, filed)
INTERNAL_RULES: Final = (filed, outer_whole)


@dataclass(frozen=True, slots=True)
class QrCase:
    province: str
    institution: Institution | None
    card: Card | None


def institution_exists(case: QrCase) -> Refusal | None:
    return None if case.institution else Refusal("RE9004")


def institution_in_province(case: QrCase) -> Refusal | None:
    foreign = case.institution and not same_province(case.institution.region, case.province)
    return Refusal("RE1123") if foreign else None


def decoded(case: QrCase) -> Refusal | None:
    return None if case.card else Refusal("RE1111")


QR_RULES: Final = (institution_exists, institution_in_province, decoded)


def why_invalid(card: Card | None, found: bool) -> str:
    """鉴权失败原因, "" for a card that is what was read and in use."""
    if card is None or not found:
        return "卡信息与发卡信息不一致"
    return "" if card.state == _NORMAL else "卡状态不正常"
