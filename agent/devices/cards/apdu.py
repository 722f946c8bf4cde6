"""Commands to a card and its status words (ISO/IEC 7816-4), over any transport of bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from agent.devices.cards.model import CardLocked, CardRefused

Transmit: TypeAlias = Callable[[bytes], bytes]
"""One command there, its answer with both status bytes back. Raises DeviceError."""

OK: Final = 0x9000
NOT_ALLOWED: Final = frozenset({0x6982, 0x6985})
FILE_ABSENT: Final = 0x6A82
RECORD_ABSENT: Final = 0x6A83
UNSUPPORTED: Final = frozenset({0x6A80, 0x6A81, 0x6A86, 0x6B00, 0x6D00, 0x6981, 0x6986})
"""Wrong data field, function or parameters, no such instruction, wrong file structure, no current file."""
_MORE: Final = 0x61
_OTHER_LENGTH: Final = 0x6C
_MOST_TURNS: Final = 16


@dataclass(frozen=True, slots=True)
class Answer:
    data: bytes = field(repr=False)
    status: int

    @property
    def ok(self) -> bool:
        return self.status == OK


def exchange(transmit: Transmit, command: bytes) -> Answer:
    """Send a command; fetch what waits (61xx), ask again with the right length (6Cxx).

    Raises CardRefused for what is no answer.
    """
    data = b""
    for _ in range(_MOST_TURNS):
        raw = transmit(command)
        if len(raw) < 2:
            raise CardRefused("卡的应答不完整", hint="请重新插卡")
        status = int.from_bytes(raw[-2:], "big")
        data += raw[:-2]
        if status >> 8 == _MORE:
            command = bytes([command[0] & 0x03, 0xC0, 0x00, 0x00, status & 0xFF])
        elif status >> 8 == _OTHER_LENGTH and len(command) in (4, 5):
            command = command[:4] + bytes([status & 0xFF])
        else:
            return Answer(data, status)
    raise CardRefused("卡的应答没有尽头", hint="请重新插卡")


def require(answer: Answer, what: str) -> bytes:
    """The data of a good answer. Raises CardLocked for 6982 and 6985, CardRefused for every other status."""
    if answer.ok:
        return answer.data
    details = {"step": what, "status": f"{answer.status:04X}"}
    if answer.status in NOT_ALLOWED:
        raise CardLocked(
            "卡要求先做认证才能继续", hint="请改用社保卡内部认证，或使用厂商读卡驱动", details=details
        )
    raise CardRefused(
        f"卡拒绝了操作（{what}，状态字 {answer.status:04X}）",
        hint="请重新插卡；仍不行请换卡或联系发卡机构",
        details=details,
    )
