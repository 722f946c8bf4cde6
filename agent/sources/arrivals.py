"""The files of an inbox in their order, as hints and rescans report them. No I/O, no clock.

Order is that of first sight. Hints come in the order of what happened, a rescan in no order at all;
what a rescan finds and no hint has told of came before the watch began, or its hint was lost or is
still on its way. So such files are put aside until every hint of that time is there: those that were
hinted at get their place from their hint, the others stand before them, by modification time and
natural name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from agent.sources.file_names import natural_key
from agent.sources.watching import Hint


@dataclass(slots=True)
class Arrival:
    """A file that was seen. ``looks`` is its (size, mtime) at the last look, since when is ``changed_at``.

    ``waiting_since`` counts from the first look at which it was incomplete, ``unreadable_since`` from
    the first time that it could not be read although it was complete.
    """

    name: str = field(repr=False)
    order: int
    seen_at: datetime
    renamed: bool = False
    inode: int = 0
    looks: tuple[int, int] | None = None
    changed_at: float = 0.0
    looked_at: float = -math.inf
    waiting_since: float | None = None
    unreadable_since: float | None = None
    stuck: bool = False
    """Incomplete or held by somebody for too long, and cannot even be set aside: others may pass."""


class Arrivals:
    """Iterates in order."""

    def __init__(self) -> None:
        self._arrivals: dict[str, Arrival] = {}
        self._unconfirmed: dict[str, int] = {}
        self._pending: dict[str, Hint] = {}
        self._newcomers: list[Arrival] = []
        self._count = 0

    def __iter__(self) -> Iterator[Arrival]:
        return iter(self._arrivals.values())

    def __len__(self) -> int:
        return len(self._arrivals)

    def __contains__(self, name: str) -> bool:
        return name in self._arrivals or name in self._unconfirmed

    @property
    def unconfirmed(self) -> bool:
        """Whether files are put aside until :meth:`settle`."""
        return bool(self._unconfirmed)

    def hint(self, hint: Hint, name: str, inode: int, wall: datetime) -> None:
        """A file appeared. A late hint of a file that has its place already does not move it."""
        known = self._arrivals.get(name)
        if known is not None and known.inode == inode != 0:
            known.renamed = hint is Hint.RENAMED
        elif not self._unconfirmed:
            self._append(name, wall, renamed=hint is Hint.RENAMED)
        else:
            self._pending.pop(name, None)
            self._pending[name] = hint
            if self._unconfirmed.keys() <= self._pending.keys():
                self.settle(wall)

    def found(self, names: Iterable[tuple[str, int]]) -> None:
        """A scan found these (name, mtime) that were not known."""
        self._unconfirmed.update(names)

    def settle(self, wall: datetime, *, hinted: bool = True) -> None:
        """Give their places to the files that a scan found, and to those hinted at since.

        ``hinted``: every hint of what the scan found is there. Otherwise some are late or lost, and
        nothing can be concluded from those that came: time and name decide about all that was found.
        """
        first = [item for item in self._unconfirmed.items() if not (hinted and item[0] in self._pending)]
        for name, _ in sorted(first, key=lambda item: (item[1], natural_key(item[0]))):
            renamed = self._pending.pop(name, None) is Hint.RENAMED
            if name not in self._arrivals:
                self._append(name, wall, renamed=renamed)
        for name, hint in self._pending.items():
            self._append(name, wall, renamed=hint is Hint.RENAMED)
        self._unconfirmed.clear()
        self._pending.clear()

    def newcomers(self) -> list[Arrival]:
        """Those that have a place since this was last asked."""
        newcomers, self._newcomers = self._newcomers, []
        return newcomers

    def clear(self) -> None:
        self._arrivals.clear()
        self._unconfirmed.clear()
        self._pending.clear()
        self._newcomers.clear()

    def remove(self, arrival: Arrival) -> None:
        if self._arrivals.get(arrival.name) is arrival:
            del self._arrivals[arrival.name]

    def restore(self, arrival: Arrival) -> None:
        """Back to its old place."""
        self._arrivals[arrival.name] = arrival
        ordered = sorted(self._arrivals.values(), key=lambda one: one.order)
        self._arrivals = {one.name: one for one in ordered}
        self._newcomers.append(arrival)

    def _append(self, name: str, wall: datetime, *, renamed: bool) -> None:
        self._arrivals.pop(name, None)
        self._count += 1
        arrival = Arrival(name, self._count, wall, renamed)
        self._arrivals[name] = arrival
        self._newcomers.append(arrival)
