"""Which USB devices are scanners: a table that ships as data and that a site extends."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Final

from agent.errors import ConfigurationError

_ID: Final = re.compile(r"([0-9A-Fa-f]{4})(?::([0-9A-Fa-f]{4}))?", re.ASCII)


class Mode(StrEnum):
    SERIAL = "serial"
    KEYBOARD = "keyboard"
    HID_POS = "hid-pos"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class UsbId:
    """Vendor and product; without ``product`` every product of the vendor."""

    vendor: int
    product: int | None = None

    def fits(self, vendor: int | None, product: int | None) -> bool:
        return vendor == self.vendor and self.product in (None, product)

    def __str__(self) -> str:
        return f"{self.vendor:04X}" + (f":{self.product:04X}" if self.product is not None else "")


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """``bridge``: a general-purpose chip; what hangs on it has to be confirmed by hand."""

    usb: UsbId
    maker: str
    mode: Mode
    bridge: bool = False


def parse_usb_id(text: str) -> UsbId:
    """``0C2E`` or ``05E0:1701``. Raises ConfigurationError."""
    matched = _ID.fullmatch(text.strip())
    if matched is None:
        raise ConfigurationError(
            f"USB 标识 {text!r} 的写法不对", hint="写成 VID 或 VID:PID，四位十六进制，例如 05E0:1701"
        )
    return UsbId(int(matched[1], 16), int(matched[2], 16) if matched[2] else None)


class KnownDevices:
    """The shipped table, with the site's rows before it; a row with a product wins over its vendor's."""

    def __init__(self, site: Iterable[Mapping[str, object]] = ()) -> None:
        shipped = resources.files(__package__).joinpath("known_devices.toml").read_text("utf-8")
        rows = [*site, *tomllib.loads(shipped)["device"]]
        self.devices = tuple(_device(row) for row in rows)

    def find(self, vendor: int | None, product: int | None) -> KnownDevice | None:
        fitting = [device for device in self.devices if device.usb.fits(vendor, product)]
        exact = [device for device in fitting if device.usb.product is not None]
        return next(iter(exact or fitting), None)


def _device(row: Mapping[str, object]) -> KnownDevice:
    text = f"{row.get('vid', '')}" + (f":{row['pid']}" if row.get("pid") else "")
    try:
        mode = Mode(str(row.get("mode", Mode.SERIAL)))
    except ValueError:
        raise ConfigurationError(
            f"设备 {text} 的 mode 不对", hint=f"可用：{'、'.join(each.value for each in Mode)}"
        ) from None
    return KnownDevice(parse_usb_id(text), str(row.get("maker", "")), mode, bool(row.get("bridge", False)))
