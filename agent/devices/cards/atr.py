"""The answer to reset (ISO/IEC 7816-3, 8.2). Pure.

``TS T0 [TA1 TB1 TC1 TD1 [TA2 …]] T1…TK [TCK]``: T0 and each TDi say which interface bytes follow, T0
how many historical bytes. Contactless readers make answers of their own, so no offset is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from typing import Final

from agent.devices.cards.model import CardRefused

_CONVENTIONS: Final = (0x3B, 0x3F)
_PRESENT: Final = 0x80
"""The bit of T0 and TDi that announces a further TDi."""


@dataclass(frozen=True, slots=True)
class AnswerToReset:
    """``historical`` are the bytes that 卡复位信息 means; ``protocols`` the T values, (0,) if unsaid."""

    historical: bytes = field(repr=False)
    protocols: tuple[int, ...]


def parse_atr(atr: bytes) -> AnswerToReset:
    """Raises CardRefused for bytes that are no answer to reset."""
    if len(atr) < 2 or atr[0] not in _CONVENTIONS:
        raise _no_answer()
    place, announced, protocols = 2, atr[1], []
    while True:
        place += (announced >> 4 & 0x07).bit_count()
        if not announced & _PRESENT:
            break
        if place >= len(atr):
            raise _no_answer()
        announced = atr[place]
        protocols.append(announced & 0x0F)
        place += 1
    end = place + (atr[1] & 0x0F)
    checked = any(protocols)
    if len(atr) != end + checked or (checked and reduce(xor, atr[1:]) != 0):
        raise _no_answer()
    return AnswerToReset(atr[place:end], tuple(protocols) or (0,))


def reset_info(atr: bytes) -> str:
    """卡复位信息: the historical bytes as upper-case hex. Raises CardRefused."""
    return parse_atr(atr).historical.hex().upper()


def _no_answer() -> CardRefused:
    return CardRefused("卡的复位应答不合规范", hint="请擦拭芯片后重新插卡；仍不行请换读卡器或换卡")
