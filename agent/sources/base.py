"""The contract of a source that files come from. The consumer pulls; a source calls nobody.

::

    source.start()
    while not stopping:
        clock.wait(source.wakeup, source.due_in())
        for claimed in source.take(limit):          # in order; theirs until acknowledged
            raw = source.read(claimed)
            …                                       # make it durable
            source.acknowledge(claimed, True, clock.now())
    source.stop()

``take``, ``read``, ``acknowledge`` and ``give_back`` may be called from several threads, ``state``
from any at any time. What was taken and not acknowledged when the process ends is taken again, with
the same event id, by the next process.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from agent.errors import AgentError


class SourceError(AgentError):
    """A claimed file cannot be read now. Give it back, or try again later."""

    code = "source"
    retry = True


class Condition(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    """For something outside, and tries again by itself: a share that is down, a full disk."""
    FAILED = "failed"
    """A person has to mend something."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """For the status; ``sentence`` is Chinese and names no file."""

    condition: Condition
    sentence: str


class ClaimKind(StrEnum):
    FILE = "file"
    CONTROL = "control"
    """``<id>.cancel``, ``<id>.ack`` or ``<id>.resolve.json``."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file that belongs to the agent now.

    ``event_id`` sorts in the order of claims and stays the same however often the claim is replayed.
    ``atomic``: it was renamed into place or marked, so it cannot be a part of a file. ``incomplete``:
    it did not become complete in time; do not read it, refuse it. ``modified_at`` is the file's own
    time, ``seen_at`` when it was first seen.
    """

    event_id: str
    name: str = field(repr=False)
    path: Path = field(repr=False)
    size: int
    seen_at: datetime
    modified_at: datetime
    kind: ClaimKind = ClaimKind.FILE
    atomic: bool = False
    incomplete: bool = False

    @property
    def file_name(self) -> str:
        """The name that the file has in the inbox; differs from ``name`` where that is no UTF-8."""
        if self.own_folder:
            return self.path.name
        return self.path.name[len(self.event_id) + 1 :]

    @property
    def own_folder(self) -> bool:
        """Whether it lies in a folder named as its event, since its name has no room for the event id."""
        return self.path.parent.name == self.event_id

    def leave_folder(self) -> None:
        """Remove the folder that was its own, once it is gone from there; what remains of it does no
        harm and is removed at the next start."""
        if self.own_folder:
            with contextlib.suppress(OSError):
                self.path.parent.rmdir()


class Source(Protocol):
    """A source of files. No method but ``start`` raises for what goes wrong outside the process."""

    @property
    def name(self) -> str: ...

    @property
    def wakeup(self) -> threading.Event:
        """Set when ``take`` may have something; cleared by ``take``."""
        ...

    def due_in(self) -> float:
        """Seconds until ``take`` is to be called even if ``wakeup`` is not set."""
        ...

    def taken_until(self) -> float:
        """The monotonic moment up to which all that came was taken, but for what nobody can take; a file
        that nobody noticed is not overlooked. -inf while something waits."""
        ...

    def state(self) -> SourceState: ...

    def start(self) -> None:
        """Begin, replaying what was claimed and never acknowledged. Raises ConfigurationError."""
        ...

    def stop(self) -> None: ...

    def take(self, limit: int) -> list[Claimed]:
        """Claim up to ``limit`` complete files, in their order."""
        ...

    def read(self, claimed: Claimed) -> bytes:
        """The file's content. Raises SourceError, and SubmissionInvalid for one too large to read."""
        ...

    def unreadable(self, claimed: Claimed) -> None:
        """Somebody else could not read it now. What stays so is offered as incomplete in the end."""
        ...

    def acknowledge(self, claimed: Claimed, accepted: bool, now: datetime) -> None:
        """It is durable (or refused for good): file it away. Repeating this changes nothing."""
        ...

    def give_back(self, claimed: Claimed) -> None:
        """Not now: the file is offered again, before all later ones. One that has changed since it was
        claimed goes back to where it came from, to become complete."""
        ...
