"""How one setting, and one table of the file, is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.config.values import Kind, Limits


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. ``shown`` describes a default that depends on others; ``example`` is TOML."""

    name: str
    kind: Kind
    default: Any
    zh: str
    en: str
    example: str = ""
    shown: str = ""
    choices: tuple[str, ...] = ()
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None

    @property
    def limits(self) -> Limits:
        return Limits(self.choices, self.pattern, self.minimum, self.maximum)


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file; ``<name>`` in its path stands for a name that the user chooses."""

    path: str
    zh: str
    en: str
    settings: tuple[Setting, ...]

    def find(self, name: str) -> Setting | None:
        return next((setting for setting in self.settings if setting.name == name), None)
