"""What the numbers of PC/SC mean to the person at the till."""

from __future__ import annotations

from typing import Any, Final

from agent.devices.cards.model import CardRemoved, CardSilent
from agent.devices.model import DeviceBusy, DeviceError, DeviceGone, DeviceMissing


class CardServiceStopped(DeviceGone):
    """The machine's smart-card service is not running, or was restarted."""

    code = "card_service"


_SERVICE: Final = frozenset(
    {
        0x8010001D,  # no service
        0x8010001E,  # service stopped
        0x80100003,  # invalid handle: of a service that was restarted
        0x80100001,  # internal error
        0x80100013,  # communication error with the service
        0x80100014,  # unknown error
        0x000006BA,  # RPC server unavailable
        0x00000006,  # invalid handle
    }
)
_READER: Final = frozenset({0x80100009, 0x80100017, 0x8010002E})  # unknown, unavailable, none
_BUSY: Final = 0x8010000B
_REMOVED: Final = frozenset({0x8010000C, 0x80100068, 0x80100069})  # none, reset by another, removed


def raise_for(status: int) -> None:
    """Raises DeviceError for every status but success. Signed and unsigned numbers are the same."""
    number = status & 0xFFFFFFFF
    if number == 0:
        return
    details = {"pcsc": f"{number:08X}"}
    if number in _SERVICE:
        raise CardServiceStopped("智能卡服务没有运行", hint="服务恢复后自动继续", details=details)
    if number in _READER:
        raise DeviceMissing("没有找到读卡器", hint="请插好读卡器；已插好的请安装驱动", details=details)
    if number == _BUSY:
        raise DeviceBusy("读卡器被别的程序占用", hint="请关闭占用它的程序", details=details)
    if number in _REMOVED:
        raise card_gone()
    raise CardSilent("卡没有反应", hint="请检查插卡方向、擦拭芯片后重新插卡", details=details)


def checked(status: int, value: Any) -> Any:
    raise_for(status)
    return value


def card_gone() -> DeviceError:
    return CardRemoved("卡被拔出，读卡没有完成", hint="请重新插卡，听到或看到完成提示后再拔")
