"""What a check says: how grave, about what, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """``check`` is a stable English name, ``subject`` what it looked at; message and hint are Chinese."""

    check: str
    level: Level
    subject: str
    message: str
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}


def worst(findings: list[Finding]) -> Level:
    grades = [finding.level for finding in findings]
    return next((level for level in (Level.ERROR, Level.WARNING) if level in grades), Level.OK)
