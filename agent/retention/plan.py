"""What is due to go now, and letting it go: the same list for a dry run and for the real one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent import pulse
from agent.faults import crash_point
from agent.logs import get_logger
from agent.replies.naming import placed
from agent.retention import files

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.config.model import AgentConfig
    from agent.outbox.base import Outbox

log = get_logger("agent.retention")

WHO: Final = "his-agent"
_BATCH: Final = 100
_BREATH_S: Final = 0.05
"""Between two commits of a purge: those who deliver go first."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one rule found, or let go: how many; of files their bytes, and how many could not be removed."""

    count: int = 0
    size: int = 0
    failed: int = 0


class Retention:
    """The rules of ``[retention]``. A rule of 0 days keeps for ever."""

    def __init__(self, config: AgentConfig, outbox: Outbox, clock: Clock, stopping: threading.Event) -> None:
        self._config = config
        self._days = config.retention
        self._outbox = outbox
        self._clock = clock
        self._stopping = stopping

    def due(self) -> dict[str, Tally]:
        """What would go now; nothing is changed. Raises StoreError, OSError."""
        found = {name: _sized(paths) for name, paths in self._files().items()}
        messages, audit = self._before(self._days.messages_days), self._before(self._days.audit_days)
        found["messages"] = Tally(self._outbox.purgeable(messages) if messages else 0)
        found["audit"] = Tally(self._outbox.purgeable_audit(audit) if audit else 0)
        return found

    def carry_out(self, who: str = WHO, why: str = "") -> dict[str, Tally]:
        """Let go what is due, in small steps; ends early when the agent stops. Raises StoreError, OSError."""
        done = {name: self._remove(paths) for name, paths in self._files().items()}
        self._remove_empty_days()
        done["messages"] = Tally(self._purge_messages())
        done["audit"] = Tally(self._purge_audit())
        counts = {name: tally.count for name, tally in done.items() if tally.count}
        if counts or who != WHO:
            with self._outbox.write() as tx:
                tx.record("retention.purged", counts, who=who, why=why)
            log.info("old things purged", **counts)
        return done

    # -- files ------------------------------------------------------------------------------------
    def _files(self) -> Mapping[str, Iterable[Path]]:
        folders = self._config.folders
        return {
            "archive": self._under(
                self._days.archive_days,
                {folder.archive for folder in folders},
                lambda folder, before: files.archived(folder, before.date()),
            ),
            "rejected": self._under(
                self._days.rejected_days, {folder.rejected for folder in folders}, files.older
            ),
            "results": self._results(),
            "downloads": self._under(
                self._days.downloads_days, {self._config.downloads}, files.read_downloads
            ),
            "scans": self._under(self._days.scans_days, {self._config.scans}, files.read_files),
            "logs": self._under(self._days.logs_days, {self._config.log.file}, files.rotated),
        }

    def _under(
        self, days: int, places: set[Path], find: Callable[[Path, datetime], Iterator[Path]]
    ) -> Iterator[Path]:
        before = self._before(days)
        for place in sorted(places) if before else ():
            assert before is not None
            yield from find(place, before)

    def _results(self) -> Iterator[Path]:
        """Results that the HIS acknowledged and that could not be removed then: it still had them open."""
        before = self._before(self._days.results_days)
        folders = {folder.name: folder for folder in self._config.folders}
        for address, result in self._outbox.acknowledged(before) if before else ():
            folder = folders.get(address.folder)
            path = folder and placed(folder.results, address.file_name, folder.result_format, result)
            if path:
                yield path

    def _remove(self, paths: Iterable[Path]) -> Tally:
        count = size = failed = 0
        for path in paths:
            if self._stopping.is_set():
                break
            pulse.beat()
            try:
                length = path.lstat().st_size
                path.unlink()
            except OSError as error:
                failed += 1
                log.warning("old file not removed", folder=str(path.parent), errno=error.errno)
                continue
            crash_point("retention.removed_file")
            count, size = count + 1, size + length
        return Tally(count, size, failed)

    def _remove_empty_days(self) -> None:
        before = self._before(self._days.archive_days)
        if before is None:
            return
        for archive in {folder.archive for folder in self._config.folders}:
            for folder in files.emptied(archive, before.date()):
                if not any(folder.iterdir()):
                    folder.rmdir()

    # -- the database -----------------------------------------------------------------------------
    def _purge_messages(self) -> int:
        before = self._before(self._days.messages_days)
        purged = 0
        while before is not None and not self._stopping.is_set():
            with self._outbox.write() as tx:
                step = tx.purge(before, _BATCH)
            purged += step
            if step < _BATCH:
                break
            pulse.beat()
            self._clock.wait(self._stopping, _BREATH_S)
        return purged

    def _purge_audit(self) -> int:
        before = self._before(self._days.audit_days)
        if before is None or not self._outbox.purgeable_audit(before):
            return 0
        with self._outbox.write() as tx:
            return tx.purge_audit(before)

    def _before(self, days: int) -> datetime | None:
        return self._clock.now() - timedelta(days=days) if days else None


def _sized(paths: Iterable[Path]) -> Tally:
    sizes = [path.lstat().st_size for path in paths]
    return Tally(len(sizes), sum(sizes))
