"""HID-POS scanners: descriptors, reports, and a device that behaves as hidapi says."""

from __future__ import annotations

import queue
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.devices.hid_link import HidChoice, library, open_hid
from agent.devices.hid_report import DEFAULT_LAYOUT, Assembler, Field, Layout, layout_of
from agent.devices.known import UsbId
from agent.devices.model import (
    DeviceAmbiguous,
    DeviceDenied,
    DeviceGone,
    DeviceMissing,
    DeviceUnsupported,
)

# As in the appendix of the usage tables: count, identifier, 56 bytes, further identifier, continued.
APPENDIX = bytes.fromhex(
    "058C 0902 A101 0912 A102 8502 1500 26FF00 7508"
    "0501 093B 9501 8102"  # the count, of the generic desktop page
    "058C 09FB 09FC 09FD 9503 8102"
    "09FE 9538 820201"
    "09FB 9501 8102"
    "9508 7501 8103"
    "09FF 9501 8102 9507 8103 C0 C0"
)
# Two-byte usages, report id 1, no identifier, the data before the count.
OTHER = bytes.fromhex("068C00 0A0200 A101 8501 950A 7508 0AFE00 8102 0501 093B 9501 7508 8102 C0")


def report(data: bytes, *, more: bool = False, identifier: bytes = b"]Q0", number: int = 2) -> bytes:
    body = bytes([number, len(data)]) + identifier + data.ljust(56, b"\x00")
    return body + b"\x00\x00" + bytes([more])


def test_the_layout_is_read_from_the_descriptor() -> None:
    assert layout_of(APPENDIX) == DEFAULT_LAYOUT
    assert layout_of(OTHER) == Layout(1, data=Field(0, 8, 10), length=Field(80, 8, 1))


def test_a_descriptor_without_decoded_data_has_no_layout() -> None:
    keyboard = bytes.fromhex("05010906A101050719E029E715002501750195088102C0")
    assert layout_of(keyboard) is None
    assert layout_of(b"") is None


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_no_descriptor_breaks_the_reading(descriptor: bytes) -> None:
    layout = layout_of(descriptor)
    scanned = [] if layout is None else Assembler(layout).feed(bytes(64))
    assert not any(scanned), "a report of nothing but zeros holds no code"


def test_a_report_gives_identifier_and_data() -> None:
    assert Assembler(DEFAULT_LAYOUT).feed(report(b"81012345678901234567")) == [b"]Q081012345678901234567"]


def test_a_group_separator_is_data() -> None:
    data = b"01069012345678921710A\x1d21S"
    assert Assembler(DEFAULT_LAYOUT).feed(report(data, identifier=b"]d2")) == [b"]d2" + data]


def test_a_device_without_identifier_sends_zeros() -> None:
    assert Assembler(DEFAULT_LAYOUT).feed(report(b"A1", identifier=b"\x00\x00\x00")) == [b"A1"]


def test_a_long_code_is_put_together_and_keeps_its_first_identifier_only() -> None:
    assembler = Assembler(DEFAULT_LAYOUT)
    assert assembler.feed(report(b"x" * 56, more=True)) == []
    assert assembler.begun
    assert assembler.feed(report(b"y" * 56, more=True)) == []
    assert assembler.feed(report(b"z")) == [b"]Q0" + b"x" * 56 + b"y" * 56 + b"z"]
    assert assembler.feed(report(b"A1")) == [b"]Q0A1"]


def test_too_long_a_code_is_discarded_to_its_end_and_no_rest_of_it_is_a_code() -> None:
    assembler = Assembler(DEFAULT_LAYOUT, longest=100)
    found = [code for _ in range(4) for code in assembler.feed(report(b"x" * 56, more=True))]
    assert found + assembler.feed(report(b"rest")) == []
    assert assembler.discarded == 1
    assert assembler.feed(report(b"A1")) == [b"]Q0A1"]


def test_data_without_a_count_ends_at_its_filling() -> None:
    layout = Layout(0, data=Field(0, 8, 10))
    assert Assembler(layout).feed(b"ABC".ljust(10, b"\x00")) == [b"ABC"]


def test_reports_of_other_kinds_and_empty_ones_are_no_codes() -> None:
    assembler = Assembler(DEFAULT_LAYOUT)
    assert assembler.feed(report(b"A1", number=9)) == []
    assert assembler.feed(b"") == []
    assert assembler.feed(report(b"", identifier=b"\x00\x00\x00")) == []


@settings(deadline=None)
@given(st.lists(st.binary(max_size=64), max_size=30))
def test_garbage_breaks_nothing_and_the_next_code_is_whole(reports: list[bytes]) -> None:
    assembler = Assembler(DEFAULT_LAYOUT, longest=200)
    for each in reports:
        assembler.feed(each)
    assembler.reset()
    assert assembler.feed(report(b"A1")) == [b"]Q0A1"]


class Device:
    """As hidapi's: reports come from a queue, None is the device going away."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.closed = False

    def open_path(self, path: bytes) -> None:
        if path in self._bus.locked:
            raise OSError("open failed")

    def get_report_descriptor(self) -> list[int]:
        if self._bus.descriptor is None:
            raise OSError("get report descriptor error")
        return list(self._bus.descriptor)

    def read(self, _length: int, _wait_ms: int) -> list[int]:
        found = self._bus.reports.get(timeout=10)
        if found is None:
            raise OSError("read error")
        return list(found)

    def write(self, data: bytes) -> int:
        self._bus.written.append(data)
        return len(data)

    def close(self) -> None:
        self.closed = True


class Bus:
    """Stands for the module ``hid``."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.entries = entries
        self.reports: queue.Queue[bytes | None] = queue.Queue()
        self.written: list[bytes] = []
        self.locked: set[bytes] = set()
        self.descriptor: bytes | None = APPENDIX
        self.module = SimpleNamespace(enumerate=lambda: self.entries, device=lambda: Device(self))


def entry(path: bytes, product: int = 0x0B01, page: int = 0x8C, serial: str = "S1") -> dict[str, Any]:
    return {
        "path": path,
        "vendor_id": 0x0C2E,
        "product_id": product,
        "usage_page": page,
        "serial_number": serial,
    }


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    bus = Bus(entry(b"kbd", page=1), entry(b"pos"))
    monkeypatch.setitem(sys.modules, "hid", bus.module)
    monkeypatch.setitem(sys.modules, "hidraw", None)
    return bus


@pytest.mark.parametrize("descriptor", [APPENDIX, None])
def test_codes_are_read_from_the_only_pos_device(bus: Bus, descriptor: bytes | None) -> None:
    bus.descriptor = descriptor
    link = open_hid(HidChoice())
    bus.reports.put(b"")
    bus.reports.put(report(b"A1"))
    assert link.read() == []
    assert link.read() == [b"]Q0A1"]
    assert link.label == "HID 0C2E:0B01"
    link.reply(b"\x04\x01")
    assert bus.written == [b"\x04\x01"]
    bus.reports.put(None)
    with pytest.raises(DeviceGone):
        link.read()
    link.close()


def test_a_code_whose_rest_never_comes_is_not_glued_to_the_next(bus: Bus) -> None:
    link = open_hid(HidChoice())
    for each in (report(b"6901", more=True), *[b""] * 19, report(b"23"), report(b"6901", more=True)):
        bus.reports.put(each)
    assert [code for _ in range(22) for code in link.read()] == [b"]Q0690123"]
    for each in (*[b""] * 20, report(b"A1")):
        bus.reports.put(each)
    assert [code for _ in range(21) for code in link.read()] == [b"]Q0A1"]
    assert link.discarded == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere hidapi has one way only")
def test_on_linux_the_kernels_way_is_taken_since_libusb_tells_no_usage_pages(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Bus(entry(b"/dev/hidraw0", page=1), entry(b"/dev/hidraw1"))
    monkeypatch.setitem(sys.modules, "hidraw", kernel.module)
    bus.entries = (entry(b"1-2:1.0", page=0), entry(b"1-2:1.1", page=0))
    kernel.reports.put(report(b"A1"))
    assert open_hid(HidChoice()).read() == [b"]Q0A1"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere hidapi has one way only")
def test_the_package_that_is_installed_brings_the_kernels_way() -> None:
    hidraw = pytest.importorskip("hidraw")
    assert library() is hidraw
    assert callable(hidraw.device().get_report_descriptor)


def test_which_device_is_meant_is_never_guessed(bus: Bus) -> None:
    bus.entries = (entry(b"a", serial="A"), entry(b"b", serial="B"))
    with pytest.raises(DeviceAmbiguous):
        open_hid(HidChoice(UsbId(0x0C2E)))
    assert open_hid(HidChoice(serial_number="B")).label
    with pytest.raises(DeviceMissing, match="HID-POS"):
        open_hid(HidChoice(UsbId(0x05E0)))


def test_a_device_that_may_not_be_opened_is_said(bus: Bus) -> None:
    bus.locked = {b"pos"}
    with pytest.raises(DeviceDenied, match="udev"):
        open_hid(HidChoice())


def test_without_the_library_the_state_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hid", None)
    monkeypatch.setitem(sys.modules, "hidraw", None)
    with pytest.raises(DeviceUnsupported, match="hidapi"):
        open_hid(HidChoice())
