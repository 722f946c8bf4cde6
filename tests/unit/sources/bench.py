"""A folder source on real files, with a clock that the test winds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.clock import Clock, ManualClock
from agent.glances import Glance, glance
from agent.sources import Claimed, FolderSettings, FolderSource

HINT_S = 10.0
"""How long a test waits for the operating system to tell of a file before it gives up."""


class Bench:
    """``root`` holds inbox, archive and rejected; ``settings`` are FolderSettings' own defaults."""

    def __init__(self, root: Path, clock: Clock | None = None, **settings: Any) -> None:
        self.clock = ManualClock() if clock is None else clock
        self.root = root
        places = {
            "inbox": root / "in",
            "archive": root / "archive",
            "rejected": root / "rejected",
            **settings,
        }
        self.settings = FolderSettings("till", "ministry", **places)
        self.inbox = self.settings.inbox
        self.inbox.mkdir(parents=True, exist_ok=True)
        self.source = FolderSource(self.settings, self.clock)

    def restart(self, before: Glance | None = None) -> None:
        """As after a crash: whatever was claimed and not acknowledged is nobody's."""
        self.source.stop()
        self.source = FolderSource(self.settings, self.clock, before)
        self.source.start()

    # -- what a HIS does --------------------------------------------------------------------------
    def write(self, name: str, content: bytes = b"{}") -> Path:
        path = self.inbox / name
        path.write_bytes(content)
        return path

    def rename(self, name: str, content: bytes = b"{}") -> Path:
        aside = self.write(f"{name}.tmp", content)
        return aside.replace(self.inbox / name)

    def write_unseen(self, *names: str) -> None:
        """Files that were there before the watch began: no hint of them will ever come."""
        self.source.stop()
        for name in names:
            self.write(name)
        self.source.start()

    def glance(self) -> Glance:
        return glance(self.inbox, self.clock)

    # -- what the agent does -----------------------------------------------------------------------
    def wind(self, seconds: float) -> None:
        assert isinstance(self.clock, ManualClock)
        self.clock.advance(seconds)

    def set_back(self, by: timedelta) -> None:
        assert isinstance(self.clock, ManualClock)
        self.clock.set_wall(self.clock.now() - by)

    def hinted(self, count: int) -> list[Claimed]:
        """``count`` files by hints alone: the clock stands still, so no rescan can help."""
        got: list[Claimed] = []
        while len(got) < count:
            more = self.source.take(count - len(got))
            assert more or self.source.wakeup.wait(HINT_S), f"only {[one.name for one in got]}"
            got += more
        return got

    def until_hinted(self, name: str) -> None:
        """Until the hint of a file that still has to settle is taken in; that of the source's own probe, late
        as it may be, is none of it."""
        while name not in self.source._arrivals:
            assert self.source.wakeup.wait(HINT_S), "no hint came"
            assert self.source.take(1) == []

    def look(self, seconds: float = 0.0, limit: int = 100) -> list[Claimed]:
        self.wind(seconds)
        return self.source.take(limit)

    def rescan(self, limit: int = 100) -> list[Claimed]:
        """What is complete after a rescan, when all hints of what it found are there."""
        got = self.look(2.0, limit)
        while self.source._arrivals.unconfirmed:
            assert self.source.wakeup.wait(HINT_S), "the probe's hint did not come"
            got += self.source.take(limit)
        return got

    def settled(self, limit: int = 100) -> list[Claimed]:
        """What a rescan finds and half a second completes."""
        return self.rescan(limit) + self.look(0.5, limit)

    def acknowledge(self, *claims: Claimed, accepted: bool = True) -> None:
        for claimed in claims:
            self.source.acknowledge(claimed, accepted, self.clock.now())


@contextmanager
def running(root: Path, clock: Clock | None = None, **settings: Any) -> Iterator[Bench]:
    bench = Bench(root, clock, **settings)
    bench.source.start()
    try:
        yield bench
    finally:
        bench.source.stop()


def names(claims: list[Claimed]) -> list[str]:
    return [claimed.name for claimed in claims]


def files(folder: Path) -> list[str]:
    """Every file below ``folder``, as relative paths."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def age(path: Path, seconds: float) -> Path:
    """Make a file older than it is."""
    info = path.stat()
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns - int(seconds * 1e9)))
    return path
