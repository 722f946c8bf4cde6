"""From configuration to sources that work."""

from __future__ import annotations

import queue
import sys
import threading

import pytest

from agent.clock import SystemClock
from agent.config.device_model import DeviceConfig, ReaderConfig, ScannerConfig
from agent.devices.building import build_reader, build_scanner, code_tables, opener
from agent.devices.classify import classify
from agent.devices.model import DeviceCondition, DeviceMissing, DeviceUnsupported, ScanVerdict
from agent.events import Event
from agent.rehearsal.virtual_scanner import VirtualScanner
from tests.unit.devices.serial_rig import Port


@pytest.mark.skipif(sys.platform == "win32", reason="ptys are a Unix thing")
def test_a_configured_scanner_is_found_by_the_sites_table_read_and_answered() -> None:
    gun = VirtualScanner()
    config = ScannerConfig(
        "gun", "till-1", open="always", baud=115200, gap_ms=150, replies={"duplicate": b"\x15"}
    )
    devices = DeviceConfig((config,), usb=({"vid": "FFF0", "pid": "0001"},))
    events: queue.Queue[Event] = queue.Queue()

    def deliver(event: Event) -> ScanVerdict:
        events.put(event)
        return ScanVerdict.DUPLICATE

    stopping = threading.Event()
    source = build_scanner(
        config, devices, deliver, SystemClock(), stopping, list_ports=lambda: [Port(gun.path, 0xFFF0, 1)]
    )
    ready = threading.Event()
    source._changed = lambda state: ready.set() if state.condition is DeviceCondition.READY else None
    worker = threading.Thread(target=source.run)
    worker.start()
    assert ready.wait(10)
    gun.send(b"8101234")
    event = events.get(timeout=10)
    assert (event.payload, event.name) == (b"8101234", "till-1")
    assert gun.heard(1) == b"\x15"
    stopping.set()
    source.wakeup.set()
    worker.join(10)
    gun.unplug()


def test_each_scanners_codes_are_classified_without_what_it_adds() -> None:
    first = ScannerConfig("a", "till-1", prefixes=("P00",))
    devices = DeviceConfig(
        (first, ScannerConfig("b", "till-2")), codes=({"kind": "x", "pattern": r"P00\d{3}"},)
    )
    tables = code_tables(devices)
    assert classify(b"P00123", tables["a"]).kind == "unknown"
    assert classify(b"P00123", tables["b"]).kind == "x"


def test_the_kind_of_scanner_decides_what_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hid", None)
    monkeypatch.setitem(sys.modules, "hidraw", None)
    with pytest.raises(DeviceUnsupported, match="hidapi"):
        opener(ScannerConfig("a", "t", kind="hid-pos"), DeviceConfig(), SystemClock())()
    with pytest.raises(DeviceMissing, match="转接芯片"):
        opener(ScannerConfig("a", "t"), DeviceConfig(), SystemClock(), lambda: [])()


@pytest.mark.skipif(sys.platform == "win32", reason="evdev is for Linux")
def test_a_keyboard_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evdev", None)
    config = ScannerConfig("a", "t", kind="keyboard", usb="05E0:1200", gs_key="F8")
    with pytest.raises(DeviceUnsupported, match="evdev"):
        opener(config, DeviceConfig(), SystemClock())()


@pytest.mark.parametrize("kind", ["pcsc", "driver"])
def test_a_reader_is_idle_until_it_is_wanted(kind: str) -> None:
    config = ReaderConfig("desk", "till-1", kind=kind, driver=("nothing",))
    source = build_reader(
        config, lambda _event: ScanVerdict.TAKEN, lambda _end: None, SystemClock(), threading.Event()
    )
    assert source.state().condition is DeviceCondition.IDLE
