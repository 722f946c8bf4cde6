"""HID-POS scanners through hidapi, on Linux and Windows."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from agent.devices.hid_report import BAR_CODE_PAGE, DEFAULT_LAYOUT, Assembler, Layout, layout_of
from agent.devices.known import UsbId
from agent.devices.model import (
    DeviceAmbiguous,
    DeviceDenied,
    DeviceGone,
    DeviceMissing,
    DeviceUnsupported,
)

_READ_MS: Final = 100
_STALE_READS: Final = 20
"""Empty reads, two seconds, after which the rest of a code will not come."""
_LONGEST_REPORT: Final = 1024
_ERRORS: Final = (OSError, ValueError)
"""hidapi raises OSError for a device that went away, ValueError for one that is closed."""


@dataclass(frozen=True, slots=True)
class HidChoice:
    """Which HID-POS device is meant; without anything the only one there is."""

    usb: UsbId | None = None
    serial_number: str = ""

    def fits(self, entry: dict[str, Any]) -> bool:
        return (
            entry.get("usage_page") == BAR_CODE_PAGE
            and (self.usb is None or self.usb.fits(entry.get("vendor_id"), entry.get("product_id")))
            and self.serial_number in ("", entry.get("serial_number"))
        )


class HidLink:
    """An open device. See :class:`agent.devices.scanner.ScannerLink`."""

    def __init__(self, device: Any, label: str, layout: Layout) -> None:
        self._device = device
        self._label = label
        self._assembler = Assembler(layout)
        self._quiet = 0

    @property
    def label(self) -> str:
        return self._label

    @property
    def discarded(self) -> int:
        return self._assembler.discarded

    def read(self) -> list[bytes]:
        try:
            report = self._device.read(_LONGEST_REPORT, _READ_MS)
        except _ERRORS as error:
            raise self._gone(error) from None
        if report:
            self._quiet = 0
            return self._assembler.feed(bytes(report))
        self._quiet += 1
        if self._quiet == _STALE_READS:
            self._assembler.reset()
        return []

    def reply(self, data: bytes) -> None:
        """``data`` is a whole output report, its id first."""
        try:
            written = self._device.write(data)
        except _ERRORS as error:
            raise self._gone(error) from None
        if written < 0:
            raise self._gone(OSError())

    def close(self) -> None:
        with contextlib.suppress(*_ERRORS):
            self._device.close()

    def _gone(self, error: Exception) -> DeviceGone:
        details = {"device": self._label, "error": type(error).__name__}
        return DeviceGone("扫码枪断开了", hint="请检查连线；重新插好后自动恢复", details=details)


def open_hid(choice: HidChoice) -> HidLink:
    """Raises DeviceError."""
    hid = library()
    entry = _chosen(choice, hid.enumerate())
    device = hid.device()
    try:
        device.open_path(entry["path"])
    except _ERRORS:
        raise DeviceDenied(
            "扫码枪（HID-POS）打不开",
            hint="Linux 上请按 docs/devices.md 放好 udev 规则；Windows 上请关闭占用它的程序",
            details={"usb": _usb(entry)},
        ) from None
    return HidLink(device, f"HID {_usb(entry)}", _layout(device))


def library() -> Any:
    """hidapi, imported when the first such scanner is wanted. Raises DeviceUnsupported."""
    for name in _modules():
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    raise DeviceUnsupported("没有安装 HID 组件 hidapi", hint="请安装 his-agent[hid]")


def _modules() -> tuple[str, ...]:
    """On Linux the package's ``hid`` speaks to libusb: it tells no usage pages, by which a scanner is
    known, and takes the whole device from the kernel. ``hidraw`` is the kernel's own way."""
    return ("hidraw", "hid") if sys.platform == "linux" else ("hid",)


def _chosen(choice: HidChoice, entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    fitting = {bytes(entry["path"]): entry for entry in entries if choice.fits(entry)}
    if not fitting:
        raise DeviceMissing(
            "没有找到 HID-POS 模式的扫码枪", hint="请插好扫码枪，并按说明书切换到 HID-POS 模式", details={}
        )
    if len(fitting) > 1:
        raise DeviceAmbiguous(
            "有多把 HID-POS 扫码枪",
            hint="请用 usb 和 serial_number 写明是哪一把",
            details={"count": len(fitting)},
        )
    return next(iter(fitting.values()))


def _layout(device: Any) -> Layout:
    """As the device describes itself; some systems and versions of hidapi do not tell."""
    try:
        return layout_of(bytes(device.get_report_descriptor())) or DEFAULT_LAYOUT
    except (*_ERRORS, AttributeError):
        return DEFAULT_LAYOUT


def _usb(entry: dict[str, Any]) -> str:
    return str(UsbId(entry.get("vendor_id") or 0, entry.get("product_id")))
