"""A look at an inbox while the agent still starts, so that the files in it settle meanwhile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from agent.clock import Clock

MOST: Final = 1000
"""Files looked at: taking them in takes longer than a start does."""


@dataclass(frozen=True, slots=True)
class Glance:
    """``looks``: size and modification time (ns) of each file by name, ``at`` this monotonic second."""

    at: float = 0.0
    looks: Mapping[str, tuple[int, int]] = field(default_factory=dict, repr=False)

    def knows(self, name: str, looks: tuple[int, int]) -> bool:
        """Whether the file looked so then."""
        return self.looks.get(name) == looks


def glance(inbox: Path, clock: Clock) -> Glance:
    """What could be seen; whoever watches the folder says why it could not be read."""
    at = clock.monotonic()
    looks: dict[str, tuple[int, int]] = {}
    with contextlib.suppress(OSError), os.scandir(inbox) as entries:
        for entry in islice(entries, MOST):
            info = os.lstat(entry.path)  # on Windows an entry's own figures may be old
            looks[entry.name] = (info.st_size, info.st_mtime_ns)
    return Glance(at, looks)


def glance_at(inboxes: Iterable[Path], clock: Clock) -> dict[Path, Glance]:
    return {inbox: glance(inbox, clock) for inbox in inboxes}
