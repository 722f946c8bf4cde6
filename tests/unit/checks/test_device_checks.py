"""Checks of scanners and card readers."""

from __future__ import annotations

import pytest

from agent.checks.devices import check_devices
from agent.checks.model import Finding, Level
from agent.config.device_model import DeviceConfig, ReaderConfig, ScannerConfig
from tests.unit.devices.serial_rig import Port


def checked(*scanners: ScannerConfig, ports: tuple[Port, ...] = (), **how: object) -> list[Finding]:
    config = DeviceConfig(scanners, how.pop("readers", ()))  # type: ignore[arg-type]
    has = bool(how.pop("has", True))
    return list(
        check_devices(config, list_ports=lambda: ports, installed=lambda _name: has, **how)  # type: ignore[arg-type]
    )


GUN = ScannerConfig("gun", "till-1")
KEYBOARD = ScannerConfig("gun", "till-1", kind="keyboard", usb="05E0:1200")


def test_a_scanner_that_is_there_is_well_and_its_port_is_named() -> None:
    (finding,) = checked(GUN, ports=(Port("COM3"),))
    assert (finding.level, finding.subject) == (Level.OK, "scanners.gun")
    assert "COM3" in finding.message


def test_a_scanner_that_is_not_there_is_a_warning() -> None:
    (finding,) = checked(GUN)
    assert (finding.level, "没有找到扫码枪" in finding.message) == (Level.WARNING, True)


@pytest.mark.parametrize(
    ("port", "level"),
    [("com12", Level.OK), (r"\\.\COM12", Level.OK), ("COM7", Level.WARNING), (__file__, Level.OK)],
)
def test_a_port_that_is_named_has_to_be_there(port: str, level: Level) -> None:
    finding, *_ = checked(ScannerConfig("gun", "till-1", port=port), ports=(Port("COM12"),))
    assert (finding.level, "没有串口" in finding.message) == (level, level is Level.WARNING)


def test_on_windows_a_keyboard_scanner_is_an_error_that_says_how_to_switch_it() -> None:
    (finding,) = checked(KEYBOARD, windows=True)
    assert finding.level is Level.ERROR
    assert "设置码" in finding.hint
    assert "HID-POS" in finding.hint
    assert checked(KEYBOARD, windows=False)[0].level is Level.OK


def test_a_missing_library_is_named_with_the_extra_that_brings_it() -> None:
    (finding,) = checked(ScannerConfig("gun", "t", kind="hid-pos"), has=False)
    assert (finding.level, finding.hint) == (Level.ERROR, "请安装 his-agent[hid]")
    (finding,) = checked(readers=(ReaderConfig("desk", "t"),), has=False)
    assert (finding.level, finding.hint) == (Level.ERROR, "请安装 his-agent[cards]")
    assert checked(readers=(ReaderConfig("desk", "t", kind="driver"),), has=False)[0].level is Level.OK


def test_bridges_and_scanners_in_other_modes_are_pointed_out() -> None:
    ports = (Port("COM3"), Port("COM7", 0x1A86, 0x7523), Port("COM8", 0x05E0, 0x1300))
    _, bridge, other = checked(GUN, ports=ports)
    assert bridge.subject == "COM7 1A86:7523"
    assert "port 或 usb" in bridge.hint
    assert (other.level, "USB-CDC" in other.hint) == (Level.WARNING, True)


def test_without_devices_nothing_is_said() -> None:
    assert checked(ports=(Port("COM7", 0x1A86, 0x7523),)) == []
