"""GYD052 社保卡卡鉴权, GYD055 社保卡内部认证 and GYU010 电子社保卡扫码信息上传.

A wrong card is an answer, RESULT 0 with its reason, and no refusal. The authentication data of GYD055
are made up, the same ones for the same challenge; no real card would accept them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from agent.events import JsonObject
from plugins.ministry.simulator.refusals import Refusal, first_refusal
from plugins.ministry.simulator.registry import Card
from plugins.ministry.simulator.rules.cards import (
    AUTHENTICATION_RULES,
    INTERNAL_RULES,
    QR_RULES,
    CardCase,
    QrCase,
    why_invalid,
)
from plugins.ministry.simulator.transactions.base import Context, Reply, read_all, refused, success


def authenticate(context: Context, data: JsonObject) -> Reply:
    """GYD052."""
    read = read_all(context, data)
    if isinstance(read, Refusal):
        return refused(context, read)
    known = context.world.person(read["aac002"], read["aac003"]) is not None
    case = CardCase(known, bool(context.world.filings_of(read["aac002"])))
    refusal = first_refusal(AUTHENTICATION_RULES, case, context.manners.guarded)
    if refusal:
        return refused(context, refusal)
    card = _card(context, lambda card: card.aaz501 == read["aaz501"])
    same = card is not None and (card.aaz500, card.aac002.upper(), card.aac003) == (
        read["aaz500"],
        read["aac002"].upper(),
        read["aac003"],
    )
    return _verdict(why_invalid(card, same))


def authenticate_internally(context: Context, data: JsonObject) -> Reply:
    """GYD055: the card's own challenge, and a second one where the card demands to know its reader."""
    read = read_all(context, data)
    if isinstance(read, Refusal):
        return refused(context, read)
    card = _card(context, lambda card: card.aaz501 == read["aaz501"])
    filed = card is None or bool(context.world.filings_of(card.aac002))
    case = CardCase(card is not None, filed, read["aaz506"], read["aaz507"])
    refusal = first_refusal(INTERNAL_RULES, case, context.manners.guarded)
    if refusal:
        return refused(context, refusal)
    reason = why_invalid(card, card is not None and card.reset == read["aaz502"])
    if reason:
        return _verdict(reason, aaz508="", aaz509="")
    return _verdict("", aaz508=_answer(read, "aaz504", "aaz505"), aaz509=_answer(read, "aaz506", "aaz507"))


def scan(context: Context, data: JsonObject) -> Reply:
    """GYU010: whose the QR code is, and the state of the physical card."""
    scanned = read_all(context, data)
    if isinstance(scanned, Refusal):
        return refused(context, scanned)
    card = _card(context, lambda card: card.qrcode == scanned["qrcode"])
    case = QrCase(context.access.province, context.world.institution(scanned["akb020"]), card)
    refusal = first_refusal(QR_RULES, case, context.manners.guarded)
    if refusal:
        return refused(context, refusal)
    assert card is not None  # or decoded would have refused
    return Reply(success(aaz502=card.state, aac002=card.aac002, aac003=card.aac003))


def _card(context: Context, wanted: Callable[[Card], bool]) -> Card | None:
    return next((card for card in context.world.cards if wanted(card)), None)


def _verdict(reason: str, **fields: str) -> Reply:
    return Reply(success(result="0" if reason else "1", errmsg=reason, **fields))


def _answer(read: JsonObject, factor: str, challenge: str) -> str:
    """鉴别数据 and 原始信息, "" where nothing was asked."""
    if not read[factor]:
        return ""
    asked = "|".join(read[code] for code in ("aaz501", "aaz502", "aaz503", factor, challenge))
    return hashlib.sha256(asked.encode()).hexdigest()[:16].upper() + str(read[challenge])
