"""From the bytes of a scanner to whole codes. Pure: time is passed in.

A code ends at CR, LF or ETX, whichever comes; what a terminator leaves empty is no code, so the LF
of a CRLF, or one that a device sends late, begins nothing. STX begins a code: what came before it
without an end was only a part of one. A device that sends no terminator is read by quiet gaps, which
has to be configured: a gap in the middle of a code would otherwise shorten it. Without that, what
stays unfinished for ``stale_s`` is discarded, so that it does not stick to the next code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STX: Final = 0x02
TERMINATORS: Final = b"\r\n\x03"


@dataclass(frozen=True, slots=True)
class FramingRules:
    """``gap_s``: end a code also after so many quiet seconds (None: never). ``longest``: bytes of a
    code; the most that a QR code holds are 4 296 letters or 7 089 digits."""

    gap_s: float | None = None
    terminators: bytes = TERMINATORS
    longest: int = 7089
    stale_s: float = 2.0


class Framer:
    """Collects bytes; gives each code once. ``discarded`` counts what was no whole code."""

    def __init__(self, rules: FramingRules) -> None:
        self._rules = rules
        self._part = bytearray()
        self._spoilt = False
        self._last = 0.0
        self.discarded = 0

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """The codes that ``data`` completes, in order; ``now`` are monotonic seconds."""
        codes: list[bytes] = []
        if data:
            self._last = now
        for byte in data:
            if byte == STX:
                self._discard()
            elif byte in self._rules.terminators:
                codes += self._end()
            elif len(self._part) < self._rules.longest and not self._spoilt:
                self._part.append(byte)
            else:
                self._spoilt = True
        return codes

    def quiet(self, now: float) -> list[bytes]:
        """To be told when a read came back empty: only then nothing has arrived since the last data."""
        due_at = self.due_at
        if due_at is None or now < due_at:
            return []
        if self._rules.gap_s is not None:
            return self._end()
        self._discard()
        return []

    @property
    def due_at(self) -> float | None:
        """When silence will mean something; None while no code is begun."""
        if not self._part and not self._spoilt:
            return None
        return self._last + (self._rules.stale_s if self._rules.gap_s is None else self._rules.gap_s)

    def lose(self, now: float) -> None:
        """Something did not arrive: what was begun, and what comes up to the next end, is no whole code."""
        self._part.clear()
        self.discarded += 1
        self._spoilt, self._last = True, now

    def reset(self) -> None:
        """The device went away: what it began is never continued."""
        self._discard()

    def _end(self) -> list[bytes]:
        if self._spoilt or not self._part:
            self._discard()
            return []
        code = bytes(self._part)
        self._part.clear()
        return [code]

    def _discard(self) -> None:
        if self._part:
            self.discarded += 1
        self._part.clear()
        self._spoilt = False
