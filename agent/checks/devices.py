"""Checks of scanners and card readers: what is connected, what is missing, what has to be switched.

Nothing is opened: a scanner that is in use stays so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from agent.checks.model import Finding, Level
from agent.config.device_model import DeviceConfig, ReaderConfig, ScannerConfig
from agent.devices.building import port_finder
from agent.devices.discovery import Candidate, ListPorts, candidates, ports_now, system_ports
from agent.devices.evdev_link import WINDOWS_ADVICE
from agent.devices.known import KnownDevices, Mode
from agent.devices.model import DeviceError

_LIBRARIES = {"hid-pos": ("hid", "hid"), "keyboard": ("evdev", "evdev"), "pcsc": ("smartcard", "cards")}
Installed = Callable[[str], bool]


def check_devices(
    config: DeviceConfig,
    *,
    list_ports: ListPorts = system_ports,
    installed: Installed | None = None,
    windows: bool = sys.platform == "win32",
) -> Iterator[Finding]:
    """One finding or more for each configured device, and one for each likely scanner nobody configured."""
    has = installed or (lambda name: find_spec(name) is not None)
    for scanner in config.scanners:
        yield _scanner(scanner, config, list_ports, has, windows)
    for reader in config.readers:
        yield _reader(reader, has)
    if config.scanners:
        yield from _unconfigured(config, list_ports)


def _scanner(
    scanner: ScannerConfig, config: DeviceConfig, list_ports: ListPorts, has: Installed, windows: bool
) -> Finding:
    subject = f"scanners.{scanner.name}"
    if scanner.kind == "keyboard" and windows:
        return Finding("scanner", Level.ERROR, subject, "Windows 服务读不到键盘模式的扫码枪", WINDOWS_ADVICE)
    if missing := _missing(scanner.kind, subject, has):
        return missing
    if scanner.kind != "serial":
        return Finding("scanner", Level.OK, subject, "组件已安装；是否接好见 his-agent status")
    try:
        port = port_finder(scanner, config, list_ports).find()
    except DeviceError as error:
        return Finding("scanner", Level.WARNING, subject, error.message, error.hint)
    if scanner.port and not _is_there(port, list_ports):
        return Finding("scanner", Level.WARNING, subject, f"没有串口 {port}", "请插好扫码枪并核对端口名")
    return Finding("scanner", Level.OK, subject, f"使用串口 {port}")


def _is_there(port: str, list_ports: ListPorts) -> bool:
    """Among the ports that the system lists, or a link or terminal that it does not list."""
    listed = {each.device.casefold() for each in ports_now(list_ports)}
    return port.removeprefix("\\\\.\\").casefold() in listed or Path(port).exists()


def _reader(reader: ReaderConfig, has: Installed) -> Finding:
    subject = f"readers.{reader.name}"
    if missing := _missing(reader.kind, subject, has):
        return missing
    return Finding("reader", Level.OK, subject, "组件已安装；是否接好见 his-agent status")


def _missing(kind: str, subject: str, has: Installed) -> Finding | None:
    library, extra = _LIBRARIES.get(kind, ("", ""))
    if not library or has(library):
        return None
    return Finding(
        "library", Level.ERROR, subject, f"没有安装需要的组件 {library}", f"请安装 his-agent[{extra}]"
    )


def _unconfigured(config: DeviceConfig, list_ports: ListPorts) -> Iterator[Finding]:
    """Bridges and scanners in other modes, which are never chosen by themselves."""
    for candidate in _candidates(config, list_ports):
        known = candidate.known
        subject = f"{candidate.port} {candidate.usb}"
        if known.bridge:
            yield Finding(
                "port",
                Level.OK,
                subject,
                f"{known.maker} 转接芯片，可能接着扫码枪",
                "若是扫码枪，请在 [scanners.<名称>] 写明 port 或 usb",
            )
        elif known.mode is not Mode.SERIAL:
            yield Finding(
                "port",
                Level.WARNING,
                subject,
                f"{known.maker} 扫码枪没有工作在串口模式",
                "请用说明书上的设置码切换到 USB-CDC（虚拟串口）或 HID-POS 模式",
            )


def _candidates(config: DeviceConfig, list_ports: ListPorts) -> Iterable[Candidate]:
    return candidates(KnownDevices(config.usb), list_ports)
