"""What one watched folder is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """``taking`` lies on the inbox's volume (default: ``.taking`` in it).

    ``marker`` (``.ok``) completes ``<name>`` when ``<name><marker>`` appears. ``renames`` says that the
    HIS renames every file into place, so that each is complete as soon as it is seen, also one that
    arrived while the agent was not running. ``incomplete_after_s`` bounds how long an incomplete file
    holds back those that came after it.
    """

    name: str
    system: str
    inbox: Path
    archive: Path
    rejected: Path
    taking: Path | None = None
    settle_ms: int = 500
    marker: str = ""
    renames: bool = False
    rescan_s: float = 2.0
    incomplete_after_s: float = 60.0
    max_bytes: int = MAX_BYTES

    @property
    def claims(self) -> Path:
        return self.taking if self.taking is not None else self.inbox / ".taking"
