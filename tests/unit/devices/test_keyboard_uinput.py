"""A keyboard-wedge scanner that the kernel makes (uinput): found, grabbed, read, busy for others, gone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.demo.processes import eventually
from agent.devices.evdev_link import KeyboardChoice, open_keyboard
from agent.devices.known import UsbId
from agent.devices.model import DeviceBusy, DeviceGone
from tests.unit.devices.test_keyboard import ENTER, presses

NODE = Path("/dev/uinput")
SCANNER = UsbId(0x05E0, 0x1200)

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not os.access(NODE, os.W_OK),
    reason="no /dev/uinput here: the kernel makes no keyboard for a test",
)


@pytest.fixture
def scanner() -> Iterator[Any]:
    evdev = pytest.importorskip("evdev")
    keys = {evdev.ecodes.EV_KEY: list(range(1, 120))}
    made = evdev.UInput(keys, name="his-agent test scanner", vendor=SCANNER.vendor, product=SCANNER.product)

    def there() -> bool:
        found = (evdev.InputDevice(path) for path in evdev.list_devices())
        return any(SCANNER.fits(device.info.vendor, device.info.product) for device in found)

    eventually(there, "the kernel shows the keyboard")
    yield made
    made.close()


def type_in(scanner: Any, text: str) -> None:
    for number, pressed in [*presses(text), (ENTER, True), (ENTER, False)]:
        scanner.write(1, number, int(pressed))
        scanner.syn()


def test_a_kernels_keyboard_is_grabbed_and_read_and_its_end_is_seen(scanner: Any) -> None:
    link = open_keyboard(KeyboardChoice(usb=SCANNER), SystemClock())
    type_in(scanner, "]d2ECard-0042")
    found: list[bytes] = []

    def read() -> bool:
        found.extend(link.read())
        return bool(found)

    eventually(read, "the code is read")
    assert found == [b"]d2ECard-0042"]
    with pytest.raises(DeviceBusy):
        open_keyboard(KeyboardChoice(usb=SCANNER), SystemClock())
    scanner.close()

    def gone() -> bool:
        try:
            link.read()
        except DeviceGone:
            return True
        return False

    eventually(gone, "the device is gone")
    link.close()
