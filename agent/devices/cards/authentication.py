"""The two-step authentication with the platform's security module (读写机具规范 1.2, 1.3).

The card must stay powered and held from the challenge to the end: its challenges die at a reset.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from agent.devices.cards.apdu import Transmit, exchange, require
from agent.devices.cards.model import CardData, CardRefused, Challenge, Finding, Proofs

_GET_CHALLENGE: Final = bytes([0x00, 0x84, 0x00, 0x00, 0x08])
_INTERNAL: Final = bytes([0x00, 0x88, 0x00, 0x00, 0x10])
_EXTERNAL: Final = bytes([0x00, 0x82, 0x00, 0x0A, 0x10])
_PROOF: Final = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)
_CARD_REFUSES: Final = range(0x6300, 0x6400)
"""63Cx: authentication failed, x tries left."""
_BLOCKED: Final = frozenset({0x6982, 0x6983, 0x6984, 0x6985, 0x6988})
"""Rights, tries, data or a challenge that are not there (any more)."""


class Authentication:
    """One authentication of the card behind ``transmit``; the application is selected."""

    def __init__(self, transmit: Transmit) -> None:
        self._transmit = transmit
        self._own = b""

    def challenge(self, card: CardData) -> Challenge:
        """Step one: what the platform is asked. Raises DeviceError."""
        original, factor = self._random(), self._random()
        answer = exchange(self._transmit, _INTERNAL + factor + original)
        self._own = require(answer, "internal authentication")
        if len(self._own) != 8:
            raise CardRefused("卡的内部认证应答长度不对", hint="请重新插卡")
        if card.person is not None:
            return Challenge(_hex(factor), _hex(original))
        external_original, external_factor = self._random(), self._random()
        return Challenge(_hex(factor), _hex(original), _hex(external_factor), _hex(external_original))

    def conclude(self, challenge: Challenge, proofs: Proofs) -> Finding:
        """Step two: is the card the platform's, and does it accept the platform. Raises DeviceError."""
        if not self._is_own(challenge, proofs.internal):
            return Finding.FALSE
        if not challenge.external_factor:
            return Finding.GENUINE
        if not _answers(proofs.external, challenge.external_original):
            return Finding.REFUSED
        answer = exchange(self._transmit, _EXTERNAL + bytes.fromhex(proofs.external))
        if answer.status in _CARD_REFUSES or answer.status in _BLOCKED:
            return Finding.REFUSED
        require(answer, "external authentication")
        return Finding.GENUINE

    def _is_own(self, challenge: Challenge, proof: str) -> bool:
        return _answers(proof, challenge.original) and hmac.compare_digest(
            bytes.fromhex(proof)[:8], self._own
        )

    def _random(self) -> bytes:
        challenge = require(exchange(self._transmit, _GET_CHALLENGE), "get challenge")
        if len(challenge) != 8:
            raise CardRefused("卡的随机数长度不对", hint="请重新插卡")
        return challenge


def _answers(proof: str, original: str) -> bool:
    """Whether it is 鉴别数据 + 原始信息 of this very challenge."""
    return _PROOF.fullmatch(proof) is not None and proof[16:].upper() == original


def _hex(raw: bytes) -> str:
    return raw.hex().upper()
