"""Keyboard-wedge scanners on Linux: the device is grabbed, so its keys reach nobody else.

On Windows a service sees no keystrokes and raw reads of keyboards are refused by the system: there
such a scanner has to be switched to serial or HID-POS mode, as ``WINDOWS_ADVICE`` explains.
"""

from __future__ import annotations

import contextlib
import select
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agent.clock import Clock
from agent.devices.framing import Framer, FramingRules
from agent.devices.keymap import KeyDecoder
from agent.devices.known import UsbId
from agent.devices.model import (
    DeviceAmbiguous,
    DeviceBusy,
    DeviceDenied,
    DeviceGone,
    DeviceMissing,
    DeviceUnsupported,
)
from agent.logs import get_logger

log = get_logger("agent.devices")

_READ_S: Final = 0.1
_SYNCHRONISATION: Final = 0
_DROPPED: Final = 3
_KEY_EVENT: Final = 1
_RELEASED: Final = 0
_DIGIT_KEYS: Final = range(2, 12)

WINDOWS_ADVICE: Final = (
    "键盘模式的扫码枪在 Windows 上不能由服务读取：服务看不到键盘输入。"
    "请用说明书上的设置码把扫码枪切换到 USB 虚拟串口（USB-CDC、USB-COM）或 HID-POS 模式，"
    '再在配置里写 kind = "serial" 或 kind = "hid-pos"；切换后设备管理器里应出现 COM 口或 POS 条码扫描器。'
)


@dataclass(frozen=True, slots=True)
class KeyboardChoice:
    """Which keyboard is the scanner: a device file (best a link of /dev/input/by-id), or its USB
    identity. ``special`` as for ``KeyDecoder``."""

    path: str = ""
    usb: UsbId | None = None
    framing: FramingRules = field(default_factory=FramingRules)
    special: Mapping[int, str] = field(default_factory=dict)


class KeyboardLink:
    """A grabbed device. See :class:`agent.devices.scanner.ScannerLink`."""

    def __init__(self, device: Any, choice: KeyboardChoice, clock: Clock) -> None:
        self._device = device
        self._clock = clock
        self._keys = KeyDecoder(choice.special)
        self._framer = Framer(choice.framing)

    @property
    def label(self) -> str:
        return str(self._device.path)

    @property
    def discarded(self) -> int:
        return self._framer.discarded

    def read(self) -> list[bytes]:
        try:
            ready, _, _ = select.select([self._device.fileno()], [], [], _READ_S)
            events = list(self._device.read()) if ready else []
        except BlockingIOError:
            events = []
        except (OSError, ValueError) as error:
            details = {"device": self.label, "error": type(error).__name__}
            raise DeviceGone("扫码枪断开了", hint="请检查连线；重新插好后自动恢复", details=details) from None
        now = self._clock.monotonic()
        return self._codes(events, now) if events else self._framer.quiet(now)

    def reply(self, data: bytes) -> None:
        """A keyboard takes no replies."""

    def close(self) -> None:
        for act in (self._device.ungrab, self._device.close):
            with contextlib.suppress(OSError, ValueError):
                act()

    def _codes(self, events: Iterable[Any], now: float) -> list[bytes]:
        """The system keeps some sixty events; where the agent was too slow for them, it says only that some
        were dropped. A code that lacks characters may look like another one."""
        codes: list[bytes] = []
        for event in events:
            if (event.type, event.code) == (_SYNCHRONISATION, _DROPPED):
                log.warning("keys of the scanner were lost", device=self.label)
                self._keys.reset()
                self._framer.lose(now)
            else:
                codes += self._framer.feed(self._typed(event), now)
        return codes

    def _typed(self, event: Any) -> bytes:
        """Repeats of a key that is held are not characters of a code."""
        if event.type != _KEY_EVENT or event.value not in (_RELEASED, 1):
            return b""
        return self._keys.key(event.code, event.value != _RELEASED)


def open_keyboard(choice: KeyboardChoice, clock: Clock) -> KeyboardLink:
    """Find the device and grab it. Raises DeviceError."""
    evdev = library()
    device = _opened(evdev, choice)
    try:
        device.grab()
    except OSError:
        device.close()
        raise DeviceBusy(
            f"键盘模式的扫码枪 {device.path} 被别的程序独占",
            hint="请关闭占用它的程序",
            details={"device": device.path},
        ) from None
    return KeyboardLink(device, choice, clock)


def library() -> Any:
    """``evdev``, imported when the first such scanner is wanted. Raises DeviceUnsupported."""
    if on_windows():
        raise DeviceUnsupported("Windows 上不支持键盘模式的扫码枪", hint=WINDOWS_ADVICE)
    try:
        import evdev
    except ImportError:
        raise DeviceUnsupported("没有安装键盘扫码组件 evdev", hint="请安装 his-agent[evdev]") from None
    return evdev


def on_windows() -> bool:
    return sys.platform == "win32"


def _opened(evdev: Any, choice: KeyboardChoice) -> Any:
    if choice.path:
        return _open(evdev, choice.path)
    if choice.usb is None:
        raise DeviceMissing(
            "没有写明哪个键盘是扫码枪", hint="请写 path 或 usb；绝不会去抓取普通键盘", details={}
        )
    devices = [device for path in evdev.list_devices() if (device := _tried(evdev, path)) is not None]
    named = [device for device in devices if choice.usb.fits(device.info.vendor, device.info.product)]
    fitting = [device for device in named if _types_digits(device)]
    _close_others(devices, fitting)
    if len(fitting) == 1:
        return fitting[0]
    _close_others(fitting, [])
    if fitting:
        raise DeviceAmbiguous(
            "有多个键盘符合扫码枪的设置", hint="请写明 path", details={"count": len(fitting)}
        )
    raise DeviceMissing(
        f"没有找到键盘模式的扫码枪（{choice.usb}）", hint="请插好扫码枪", details={"usb": str(choice.usb)}
    )


def _open(evdev: Any, path: str) -> Any:
    try:
        return evdev.InputDevice(path)
    except PermissionError:
        raise DeviceDenied(
            f"没有读取 {path} 的权限", hint="请按 docs/devices.md 放好 udev 规则", details={"device": path}
        ) from None
    except OSError:
        raise DeviceMissing(f"没有 {path}", hint="请插好扫码枪", details={"device": path}) from None


def _tried(evdev: Any, path: str) -> Any | None:
    try:
        return evdev.InputDevice(path)
    except OSError:
        return None


def _types_digits(device: Any) -> bool:
    """One scanner may show as several input devices, of which only one types (others: volume, power)."""
    try:
        return set(_DIGIT_KEYS) <= set(device.capabilities().get(_KEY_EVENT, ()))
    except OSError:
        return False


def _close_others(devices: Iterable[Any], kept: Iterable[Any]) -> None:
    staying = {id(device) for device in kept}
    for device in devices:
        if id(device) not in staying:
            device.close()
