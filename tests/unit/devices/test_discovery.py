"""Finding the scanner's port: by name, by USB identity, by the table; never by a guess."""

from __future__ import annotations

import pytest

from agent.devices.discovery import PortChoice, PortFinder, candidates, interface_number
from agent.devices.known import KnownDevices, Mode, UsbId, parse_usb_id
from agent.devices.model import DeviceAmbiguous, DeviceMissing
from agent.errors import ConfigurationError
from tests.unit.devices.serial_rig import Port

ZEBRA = Port("COM3")
NEWLAND = Port("COM5", 0x1EAB, 0x1D06, "N1", "1-4")
KEYBOARD = Port("COM6", 0x1EAB, 0x1603, None, None)
CH340 = Port("COM7", 0x1A86, 0x7523, None, "1-5")
BUILT_IN = Port("COM1", None, None, None, None)


def found(choice: PortChoice, *ports: Port, site: tuple[dict[str, object], ...] = ()) -> str:
    return PortFinder(choice, KnownDevices(site), lambda: ports).find()


def test_without_a_choice_the_only_known_scanner_is_taken() -> None:
    assert found(PortChoice(), BUILT_IN, CH340, KEYBOARD, ZEBRA) == "COM3"


def test_a_bridge_is_never_taken_by_itself_but_by_its_identity() -> None:
    with pytest.raises(DeviceMissing, match="转接芯片"):
        found(PortChoice(), CH340, BUILT_IN, KEYBOARD)
    assert found(PortChoice(usb=UsbId(0x1A86)), CH340, BUILT_IN) == "COM7"


def test_the_site_may_say_what_hangs_on_a_bridge_and_name_new_devices() -> None:
    assert found(PortChoice(), CH340, site=({"vid": "1A86", "pid": "7523", "maker": "NT-1228"},)) == "COM7"
    assert found(PortChoice(), Port("COM9", 0xFFF0, 1), site=({"vid": "fff0"},)) == "COM9"


def test_two_that_fit_are_ambiguous_until_serial_number_or_interface_tells_them_apart() -> None:
    twin = Port("COM4", serial_number="S2")
    usb = UsbId(0x05E0, 0x1701)
    with pytest.raises(DeviceAmbiguous, match="COM3、COM4"):
        found(PortChoice(usb=usb), twin, ZEBRA)
    assert found(PortChoice(usb=usb, serial_number="S2"), twin, ZEBRA) == "COM4"
    first, second = Port("ttyACM0", location="1-3:1.0"), Port("ttyACM1", location="1-3:1.2")
    assert found(PortChoice(usb=usb, interface=2), first, second) == "ttyACM1"


@pytest.mark.parametrize(
    ("location", "number"), [("1-3:1.2", 2), ("1-3:x.0", 0), ("1-3.4", None), (None, None), ("1-3:1.10", 10)]
)  # fmt: skip
def test_the_interface_number_is_read_from_the_location(location: str | None, number: int | None) -> None:
    assert interface_number(location) == number


def test_a_listing_that_fails_while_a_device_goes_away_is_an_empty_one() -> None:
    def fails() -> list[Port]:
        raise TypeError("int() argument must be a string, not 'NoneType'")

    with pytest.raises(DeviceMissing):
        PortFinder(PortChoice(usb=UsbId(0x05E0)), KnownDevices(), fails).find()
    assert PortFinder(PortChoice(port="COM1"), KnownDevices(), fails).find() == "COM1"


def test_a_named_port_goes_with_the_device_that_was_seen_there() -> None:
    ports = [ZEBRA]
    finder = PortFinder(PortChoice(port="COM3"), KnownDevices(), lambda: ports)
    finder.opened("COM3")
    ports[:] = [Port("COM8")]
    assert finder.find() == "COM8"
    ports[:] = [Port("COM3", serial_number="a new one in its place")]
    assert finder.find() == "COM3"
    ports[:] = [Port("COM8"), Port("COM9")]  # two say that they are it
    assert finder.find() == "COM3"


def test_the_table_tells_modes_apart_and_a_product_wins_over_its_vendor() -> None:
    known = KnownDevices([{"vid": "0C2E", "pid": "0B01", "mode": "hid-pos"}])
    assert known.find(0x0C2E, 0x0B01).mode is Mode.HID_POS  # type: ignore[union-attr]
    assert known.find(0x0C2E, 0x0720).mode is Mode.SERIAL  # type: ignore[union-attr]
    assert known.find(0x05E0, 0x1200).mode is Mode.KEYBOARD  # type: ignore[union-attr]
    assert known.find(0x05E0, 0x9999) is None
    assert known.find(None, None) is None


def test_candidates_name_every_known_port_for_the_check() -> None:
    names = [
        (each.port, each.known.bridge)
        for each in candidates(KnownDevices(), lambda: [CH340, BUILT_IN, ZEBRA])
    ]
    assert names == [("COM3", False), ("COM7", True)]


@pytest.mark.parametrize("text", ["", "05E", "05E0:", "05E0-1701", "XYZW"])
def test_a_wrong_usb_id_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="USB 标识"):
        parse_usb_id(text)


def test_a_usb_id_is_written_as_it_is_read() -> None:
    assert str(parse_usb_id("05e0:1701")) == "05E0:1701"
    assert str(parse_usb_id("0C2E")) == "0C2E"


def test_a_wrong_mode_in_the_sites_table_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="mode"):
        KnownDevices([{"vid": "0C2E", "mode": "usb"}])
