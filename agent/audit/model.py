"""The words of the audit trail: the end of the chain at a moment, and what is signed of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_PURPOSE: Final = "his-agent audit head"


@dataclass(frozen=True, slots=True)
class Head:
    """The number and the hash of the last record."""

    number: int
    hash: bytes

    def line(self) -> str:
        """As it stands in the system log."""
        return f"audit head {self.number} {self.hash.hex()}"

    def content(self, at: int) -> bytes:
        """What is signed. ``at`` in microseconds since 1970 UTC."""
        return f"{_PURPOSE}|{self.number}|{at}|{self.hash.hex()}".encode("ascii")


@dataclass(frozen=True, slots=True)
class Seal:
    """A signature (DER) and the public key, ``x ‖ y``, that it verifies with; both empty without a key."""

    signature: bytes
    public: bytes


UNSIGNED: Final = Seal(b"", b"")
Sign = Callable[[bytes], Seal]
