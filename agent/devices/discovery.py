"""Finds the serial port of a scanner: by name, by USB identity, or the only known scanner there is.

A device that was opened by its port name is remembered by its USB serial number, so that it is found
again when the system gives it another name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from agent.devices.known import KnownDevice, KnownDevices, Mode, UsbId
from agent.devices.model import DeviceAmbiguous, DeviceMissing

_LINUX_INTERFACE: Final = re.compile(r":\d+\.(\d+)$")
_WINDOWS_INTERFACE: Final = re.compile(r":x\.(\d+)$")


class PortInfo(Protocol):
    """What ``serial.tools.list_ports`` says of a port."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None
    location: str | None


ListPorts = Callable[[], Iterable[PortInfo]]


@dataclass(frozen=True, slots=True)
class PortChoice:
    """Which port is meant: ``port``, else ``usb`` with what narrows it, else the only known scanner.

    ``interface`` is the USB interface number of a device that offers several ports.
    """

    port: str = ""
    usb: UsbId | None = None
    serial_number: str = ""
    interface: int | None = None

    def __str__(self) -> str:
        return self.port or (str(self.usb) if self.usb else "auto")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A connected port that may be a scanner's, for ``check`` and for choosing."""

    port: str
    usb: UsbId
    known: KnownDevice


class PortFinder:
    """Finds the port anew whenever it is to be opened."""

    def __init__(self, choice: PortChoice, known: KnownDevices, list_ports: ListPorts) -> None:
        self._choice = choice
        self._known = known
        self._list_ports = list_ports
        self._seen: tuple[int | None, int | None, str] | None = None

    def find(self) -> str:
        """The name to open now. Raises DeviceMissing or DeviceAmbiguous."""
        ports = ports_now(self._list_ports)
        if self._choice.port:
            return self._named(ports)
        fitting = [port for port in ports if self._fits(port)]
        if not fitting:
            raise self._missing()
        if len(fitting) > 1:
            names = "、".join(sorted(port.device for port in fitting))
            raise DeviceAmbiguous(
                f"有多个设备符合扫码枪的设置：{names}",
                hint="请写明 port，或用 serial_number、interface 区分",
                details={"choice": str(self._choice), "count": len(fitting)},
            )
        return fitting[0].device

    def opened(self, name: str) -> None:
        """Remember which device has this name now."""
        for port in ports_now(self._list_ports):
            if port.device == name and port.serial_number:
                self._seen = (port.vid, port.pid, port.serial_number)

    def _named(self, ports: Sequence[PortInfo]) -> str:
        """The device that was seen under the name, wherever it is now; else the name as it stands."""
        same = [port.device for port in ports if self._seen == (port.vid, port.pid, port.serial_number)]
        return self._choice.port if self._choice.port in same or len(same) != 1 else same[0]

    def _fits(self, port: PortInfo) -> bool:
        choice = self._choice
        if choice.usb is None:
            device = self._known.find(port.vid, port.pid)
            return device is not None and device.mode is Mode.SERIAL and not device.bridge
        return (
            choice.usb.fits(port.vid, port.pid)
            and choice.serial_number in ("", port.serial_number)
            and choice.interface in (None, interface_number(port.location))
        )

    def _missing(self) -> DeviceMissing:
        if self._choice.usb is None:
            hint = "请插好扫码枪；接在转接芯片上的要写明 port 或 usb；键盘模式的请先切换到串口模式"
        else:
            hint = "请插好扫码枪；仍找不到时核对设备管理器里的 VID、PID 和序列号"
        return DeviceMissing(
            f"没有找到扫码枪（{self._choice}）", hint=hint, details={"choice": str(self._choice)}
        )


def ports_now(list_ports: ListPorts) -> list[PortInfo]:
    """The ports that there are. A device that goes away while it is looked at makes the listing fail in
    ways of its own; the next look finds what is left."""
    try:
        return list(list_ports())
    except (OSError, TypeError, ValueError):
        return []


def candidates(known: KnownDevices, list_ports: ListPorts) -> list[Candidate]:
    """Connected ports of known devices, bridges included."""
    found = []
    for port in ports_now(list_ports):
        device = known.find(port.vid, port.pid)
        if device is not None and port.vid is not None:
            found.append(Candidate(port.device, UsbId(port.vid, port.pid), device))
    return sorted(found, key=lambda each: each.port)


def interface_number(location: str | None) -> int | None:
    """``1-3:1.2`` (Linux) and ``1-3:x.2`` (Windows) are interface 2."""
    matched = _LINUX_INTERFACE.search(location or "") or _WINDOWS_INTERFACE.search(location or "")
    return int(matched[1]) if matched else None


def system_ports() -> Iterable[PortInfo]:
    from serial.tools import list_ports

    ports: Iterable[PortInfo] = list_ports.comports()
    return ports
