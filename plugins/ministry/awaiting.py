"""Where the ministry's transactions take what is scanned or read from a card (GYU010, GYD052, GYD055)."""

from __future__ import annotations

from typing import Final

from agent.catalog.spelling import find
from agent.events import JsonObject, Proofs
from agent.protocol.awaiting import Place, Places, code_place
from agent.protocol.values import text_of

CARD: Final = "card"
_CARD_ID: Final = "0" * 32
PLACES: Final[Places] = {
    ("GYU010", "esscard"): code_place("qrcode", "0" * 22),
    ("GYD052", CARD): Place(
        {
            "aaz500": "card_number",
            "aaz501": "card_id",
            "aac002": "social_number",
            "aac003": "name",
        },
        {"aaz500": "000000000", "aaz501": _CARD_ID, "aac002": "0" * 18, "aac003": "待读卡"},
    ),
    ("GYD055", CARD): Place(
        {
            "aaz501": "card_id",
            "aaz502": "reset_info",
            "aaz503": "algorithm",
            "aaz504": "factor",
            "aaz505": "original",
            "aaz506": "external_factor",
            "aaz507": "external_original",
        },
        {
            "aaz501": _CARD_ID,
            "aaz502": "0" * 26,
            "aaz503": "03",
            "aaz504": "0" * 16,
            "aaz505": "0" * 16,
        },
    ),
}
"""The external pair of GYD055 only where the card asks for it."""


def proofs(transaction: str, data: JsonObject | None) -> Proofs | None:
    """See ProtocolAdapter: only 社保卡内部认证 proves anything to the card."""
    if transaction != "GYD055":
        return None
    answer = data or {}
    return Proofs(text_of(find(answer, "aaz508")), text_of(find(answer, "aaz509")))
