"""From the keys that a keyboard-wedge scanner presses to the bytes of its codes. Pure.

Key numbers are those of the Linux input system, which stand for places on a US keyboard; scanners have
to be set to that layout, as they come. Control characters arrive as Ctrl with a letter or bracket
(``Ctrl+]`` is GS), as a function key that the site names, or by Alt and digits on the number pad.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SHIFT: Final = frozenset({42, 54})
_CONTROL: Final = frozenset({29, 97})
_ALT: Final = frozenset({56, 100})
_CAPS_LOCK: Final = 58

_ROWS: Final = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
)
_SINGLE: Final = {15: "\t", 28: "\r", 57: " ", 96: "\r", 55: "*", 74: "-", 78: "+", 83: ".", 98: "/"}
_PAD: Final = {71: 7, 72: 8, 73: 9, 75: 4, 76: 5, 77: 6, 79: 1, 80: 2, 81: 3, 82: 0}
_PLAIN: Final = {
    **{first + place: char for first, plain, _ in _ROWS for place, char in enumerate(plain)},
    **_SINGLE,
    **{key: str(digit) for key, digit in _PAD.items()},
}
_SHIFTED: Final = {first + place: char for first, _, shifted in _ROWS for place, char in enumerate(shifted)}
FUNCTION_KEYS: Final = {f"F{number}": 58 + number for number in range(1, 11)} | {"F11": 87, "F12": 88}


class KeyDecoder:
    """Follows modifiers from key to key. ``special`` maps key numbers to characters: ``{66: "\\x1d"}``
    for a device that sends GS as F8."""

    def __init__(self, special: Mapping[int, str] | None = None) -> None:
        self._special = dict(special or {})
        self._held: set[int] = set()
        self._caps = False
        self._typed = ""

    def key(self, number: int, pressed: bool) -> bytes:
        """What this key adds to the code: nothing for modifiers and for releases."""
        if number in _SHIFT | _CONTROL | _ALT:
            return self._modifier(number, pressed)
        if not pressed:
            return b""
        if number == _CAPS_LOCK:
            self._caps = not self._caps
            return b""
        if self._held & _ALT and number in _PAD:
            self._typed += str(_PAD[number])
            return b""
        return self._character(number).encode("utf-8")

    def reset(self) -> None:
        """The device was opened anew: nothing is held."""
        self._held.clear()
        self._caps, self._typed = False, ""

    def _modifier(self, number: int, pressed: bool) -> bytes:
        (self._held.add if pressed else self._held.discard)(number)
        if pressed or number not in _ALT or not self._typed:
            return b""
        code, self._typed = int(self._typed[-5:]), ""
        return chr(code).encode("utf-8", "replace")

    def _character(self, number: int) -> str:
        if number in self._special:
            return self._special[number]
        plain = _PLAIN.get(number, "")
        if self._held & _CONTROL:
            shifted = _SHIFTED.get(number, plain).upper() if plain else ""
            upper = plain.upper() if plain.isalpha() or plain in "[]\\" else shifted
            return chr(ord(upper) - 0x40) if upper and 0x40 < ord(upper) < 0x60 else ""
        shift = bool(self._held & _SHIFT)
        if plain.isalpha():
            shift ^= self._caps
        return _SHIFTED.get(number, plain) if shift else plain
