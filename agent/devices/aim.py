"""AIM symbology identifiers (ISO/IEC 15424): ``]`` + symbology letter + modifier before the data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_IDENTIFIER: Final = re.compile(r"\]([A-Zcdehijloqwxz])([0-9A-Za-z])", re.ASCII)
_GS1: Final = frozenset({"C1", "d2", "d5", "Q3", "Q5", "e0", "e1", "e2", "J1", "h2"})
"""GS1-128, GS1 DataMatrix, GS1 QR, DataBar and its composites, GS1 DotCode, GS1 Han Xin."""


@dataclass(frozen=True, slots=True)
class Symbology:
    """``identifier`` without its bracket (``C1``), empty where the scanner sends none."""

    identifier: str = ""

    @property
    def gs1(self) -> bool:
        return self.identifier in _GS1


def split_identifier(text: str) -> tuple[Symbology, str]:
    """The identifier and the data; no identifier is ever the whole code."""
    matched = _IDENTIFIER.match(text)
    if matched is None or matched.end() == len(text):
        return Symbology(), text
    return Symbology(matched[1] + matched[2]), text[matched.end() :]
