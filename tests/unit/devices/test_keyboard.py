"""Keyboard-wedge scanners: which keys make which code, and a device that behaves as evdev says."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.devices import evdev_link
from agent.devices.evdev_link import KeyboardChoice, open_keyboard
from agent.devices.framing import FramingRules
from agent.devices.keymap import FUNCTION_KEYS, KeyDecoder
from agent.devices.known import UsbId
from agent.devices.model import (
    DeviceAmbiguous,
    DeviceBusy,
    DeviceDenied,
    DeviceGone,
    DeviceMissing,
    DeviceUnsupported,
)

SHIFT, CONTROL, ALT, CAPS, ENTER = 42, 29, 56, 58, 28
US = {
    **dict(zip("1234567890-=", range(2, 14), strict=True)),
    **dict(zip("qwertyuiop[]", range(16, 28), strict=True)),
    **dict(zip("asdfghjkl;'`", range(30, 42), strict=True)),
    **dict(zip("\\zxcvbnm,./", range(43, 54), strict=True)),
    " ": 57,
}
SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./", strict=True))


def presses(text: str) -> list[tuple[int, bool]]:
    """The keys of a US keyboard that type ``text``."""
    keys: list[tuple[int, bool]] = []
    for char in text:
        if char == "\x1d":
            keys += [(CONTROL, True), (US["]"], True), (US["]"], False), (CONTROL, False)]
            continue
        base = SHIFTED.get(char, char.lower())
        shift = char in SHIFTED or char.isupper()
        keys += [(SHIFT, True)] * shift + [(US[base], True), (US[base], False)] + [(SHIFT, False)] * shift
    return keys


def typed(keys: list[tuple[int, bool]], decoder: KeyDecoder | None = None) -> bytes:
    decoder = decoder or KeyDecoder()
    return b"".join(decoder.key(number, pressed) for number, pressed in keys)


@settings(deadline=None)
@given(st.text(st.sampled_from([*US, *SHIFTED, *"ABCXYZ", "\x1d"]), max_size=60))
def test_every_character_of_a_code_comes_through_with_its_case(text: str) -> None:
    assert typed(presses(text)) == text.encode()


def test_caps_lock_turns_letters_and_nothing_else() -> None:
    keys = [(CAPS, True), (CAPS, False), *presses("aB1!"), (CAPS, True), (CAPS, False), *presses("aB1!")]
    assert typed(keys) == b"Ab1!aB1!"


def test_a_function_key_may_stand_for_the_group_separator() -> None:
    decoder = KeyDecoder({FUNCTION_KEYS["F8"]: "\x1d"})
    assert typed([*presses("10a"), (66, True), (66, False), *presses("21b")], decoder) == b"10a\x1d21b"
    assert typed([(66, True), (66, False)]) == b""


def test_control_characters_come_by_control_and_a_letter() -> None:
    keys = [
        (CONTROL, True),
        (US["b"], True),
        (US["m"], True),
        (US["6"], True),
        (US["1"], True),
        (CONTROL, False),
    ]
    assert typed([*keys, *presses("b")]) == b"\x02\r\x1eb"


def test_characters_may_come_by_alt_and_the_number_pad() -> None:
    pad = {"0": 82, "2": 80, "9": 73}
    keys = [(ALT, True), *((pad[digit], True) for digit in "029"), (ALT, False)]
    assert typed([*keys, (80, True), (80, False)]) == b"\x1d2"
    assert typed([(ALT, True), (ALT, False)]) == b""


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 250), st.booleans()), max_size=60))
def test_no_keys_break_the_decoding(keys: list[tuple[int, bool]]) -> None:
    decoder = KeyDecoder()
    typed(keys, decoder)
    decoder.reset()
    assert typed(presses("a1"), decoder) == b"a1"


class Keyboard:
    """As evdev's device: a pipe stands for its file, ``type`` for the keys that arrive."""

    def __init__(self, path: str, vendor: int = 0x05E0, product: int = 0x1200) -> None:
        self.path = path
        self.info = SimpleNamespace(vendor=vendor, product=product)
        self.keys = [*range(1, 84)]
        self.grabbed = self.closed = self.held_by_another = self.gone = False
        self._reading, self._writing = os.pipe()
        self._events: list[Any] = []

    def type(self, text: str) -> None:
        for number, pressed in [*presses(text), (ENTER, True), (ENTER, False)]:
            self._events.append(SimpleNamespace(type=1, code=number, value=int(pressed)))
            self._events.append(SimpleNamespace(type=0, code=0, value=0))
        os.write(self._writing, b"x")

    def drop(self, kept: str) -> None:
        """The kernel's buffer was full: it says so, and holds what came last."""
        del self._events[-12:]
        self._events.append(SimpleNamespace(type=0, code=3, value=0))
        self.type(kept)

    def unplug(self) -> None:
        self.gone = True
        os.write(self._writing, b"x")

    def capabilities(self) -> dict[int, list[int]]:
        return {0: [0, 1], 1: self.keys}

    def fileno(self) -> int:
        return self._reading

    def read(self) -> list[Any]:
        os.read(self._reading, 1)
        if self.gone:
            raise OSError(19, "No such device")
        events, self._events = self._events, []
        return events

    def grab(self) -> None:
        if self.held_by_another:
            raise OSError(16, "Device or resource busy")
        self.grabbed = True

    def ungrab(self) -> None:
        self.grabbed = False

    def close(self) -> None:
        self.closed = True

    def dispose(self) -> None:
        os.close(self._reading)
        os.close(self._writing)


class Keyboards:
    """Stands for the module ``evdev``."""

    def __init__(self) -> None:
        self.all = {
            "/dev/input/event0": Keyboard("/dev/input/event0", 0x046D, 0xC31C),
            "/dev/input/event1": Keyboard("/dev/input/event1"),
        }
        self.denied: set[str] = set()

    def list_devices(self) -> list[str]:
        return list(self.all)

    def InputDevice(self, path: str) -> Keyboard:
        if path in self.denied:
            raise PermissionError(13, "Permission denied")
        if path not in self.all:
            raise FileNotFoundError(2, "No such file or directory")
        return self.all[path]


@pytest.fixture
def keyboards(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyboards]:
    found = Keyboards()
    monkeypatch.setitem(sys.modules, "evdev", found)
    monkeypatch.setattr(evdev_link, "on_windows", lambda: False)
    yield found
    for keyboard in found.all.values():
        keyboard.dispose()


ZEBRA = KeyboardChoice(usb=UsbId(0x05E0, 0x1200))

posix = pytest.mark.skipif(sys.platform == "win32", reason="evdev is Linux")


@posix
def test_a_scanner_is_grabbed_and_read_and_let_go(keyboards: Keyboards) -> None:
    scanner = keyboards.all["/dev/input/event1"]
    link = open_keyboard(ZEBRA, SystemClock())
    assert scanner.grabbed
    assert keyboards.all["/dev/input/event0"].closed
    scanner.type("8101234aBC]")
    assert link.read() == [b"8101234aBC]"]
    assert link.read() == []
    scanner.unplug()
    with pytest.raises(DeviceGone):
        link.read()
    link.close()
    assert (scanner.grabbed, scanner.closed) == (False, True)


@posix
def test_keys_that_are_held_do_not_repeat_in_a_code(keyboards: Keyboards) -> None:
    scanner = keyboards.all["/dev/input/event1"]
    link = open_keyboard(KeyboardChoice(path=scanner.path, framing=FramingRules()), SystemClock())
    scanner._events += [SimpleNamespace(type=1, code=US["a"], value=value) for value in (1, 2, 2, 0)]
    scanner.type("b")
    assert link.read() == [b"ab"]


@posix
def test_a_code_of_which_the_system_dropped_keys_is_no_code_and_the_next_one_is_whole(
    keyboards: Keyboards,
) -> None:
    scanner = keyboards.all["/dev/input/event1"]
    link = open_keyboard(ZEBRA, SystemClock())
    scanner.type("81012345678901234567")
    scanner.drop("90a")
    scanner.type("B2")
    assert link.read() == [b"B2"]
    assert link.discarded == 1


@posix
def test_a_keyboard_is_never_taken_by_a_guess(keyboards: Keyboards) -> None:
    with pytest.raises(DeviceMissing, match="绝不会去抓取普通键盘"):
        open_keyboard(KeyboardChoice(), SystemClock())
    with pytest.raises(DeviceMissing):
        open_keyboard(KeyboardChoice(usb=UsbId(0x1EAB)), SystemClock())
    keyboards.all["/dev/input/event2"] = Keyboard("/dev/input/event2")
    with pytest.raises(DeviceAmbiguous):
        open_keyboard(ZEBRA, SystemClock())
    assert not any(keyboard.grabbed for keyboard in keyboards.all.values())
    assert all(keyboard.closed for keyboard in keyboards.all.values())


@posix
def test_of_the_input_devices_of_one_scanner_the_one_that_types_is_taken(keyboards: Keyboards) -> None:
    volume = keyboards.all["/dev/input/event2"] = Keyboard("/dev/input/event2")
    volume.keys = [113, 114, 115]
    assert open_keyboard(ZEBRA, SystemClock()).label == "/dev/input/event1"
    assert volume.closed


@posix
def test_what_hinders_the_opening_is_said(keyboards: Keyboards) -> None:
    scanner = keyboards.all["/dev/input/event1"]
    scanner.held_by_another = True
    with pytest.raises(DeviceBusy):
        open_keyboard(ZEBRA, SystemClock())
    assert scanner.closed
    keyboards.denied.add(scanner.path)
    with pytest.raises(DeviceDenied, match="udev"):
        open_keyboard(KeyboardChoice(path=scanner.path), SystemClock())
    with pytest.raises(DeviceMissing):
        open_keyboard(KeyboardChoice(path="/dev/input/event9"), SystemClock())


def test_on_windows_the_person_is_told_how_to_switch_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evdev_link, "on_windows", lambda: True)
    with pytest.raises(DeviceUnsupported, match="HID-POS"):
        open_keyboard(ZEBRA, SystemClock())


def test_without_the_library_the_state_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evdev_link, "on_windows", lambda: False)
    monkeypatch.setitem(sys.modules, "evdev", None)
    with pytest.raises(DeviceUnsupported, match="evdev"):
        open_keyboard(ZEBRA, SystemClock())


def test_importing_the_links_imports_no_optional_library() -> None:
    import subprocess

    script = (
        "import sys, agent.devices.evdev_link, agent.devices.hid_link, agent.devices.serial_link,"
        " agent.devices.cards.pcsc, agent.devices.cards.driver;"
        "print({'hid', 'hidraw', 'evdev', 'smartcard', 'serial'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "set()\n"
