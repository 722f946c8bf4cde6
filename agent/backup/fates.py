"""Files that were accepted after a backup was made: what they are is read from them once more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent.clock import BEIJING
from agent.intake.prepare import Dropped, prepare
from agent.intake.rules import plain_rules, reading_rules
from agent.retention.files import archived_since

if TYPE_CHECKING:
    from agent.config.model import AgentConfig, FolderConfig
    from agent.hookspecs import KeySource, ProtocolAdapter
    from agent.outbox.model import NewSubmission
    from agent.registry import Registry
    from agent.submissions import ReadingRules


@dataclass(frozen=True, slots=True)
class Fate:
    """An archived file and the submissions in it; none when it cannot be read as one (an attachment, say)."""

    path: Path
    submissions: tuple[NewSubmission, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Reader:
    folder: FolderConfig
    rules: ReadingRules
    adapter: ProtocolAdapter


def fates_since(config: AgentConfig, registry: Registry, keys: KeySource, since: datetime) -> Iterator[Fate]:
    """Every file of the archive of the day of ``since`` or later. Raises ConfigurationError, OSError."""
    readers = [_reader(folder, config, registry, keys) for folder in config.folders]
    by_archive: dict[Path, list[_Reader]] = {}
    for reader in readers:
        by_archive.setdefault(reader.folder.archive, []).append(reader)
    for archive, served in by_archive.items():
        for path in archived_since(archive, since.astimezone(BEIJING).date()):
            yield Fate(path, _submissions(path, served, since))


def _reader(folder: FolderConfig, config: AgentConfig, registry: Registry, keys: KeySource) -> _Reader:
    options: Mapping[str, object] = config.systems[folder.system].options
    adapter = registry.protocol(folder.system).build(options, keys)
    return _Reader(folder, reading_rules(folder.system, adapter.catalog, plain_rules(folder)), adapter)


def _submissions(path: Path, readers: Iterable[_Reader], since: datetime) -> tuple[NewSubmission, ...]:
    """As the inbox reads it whose system knows its transaction; several inboxes may share an archive."""
    info = path.stat()
    arrived = datetime.fromtimestamp(max(info.st_mtime, info.st_ctime), BEIJING)
    raw = path.read_bytes()
    for reader in readers:
        dropped = Dropped(
            event_id=_event_id(path.name, raw),
            folder=reader.folder.name,
            file_name=path.name,
            received_at=arrived,
            modified_at=datetime.fromtimestamp(info.st_mtime, BEIJING),
            raw=raw,
        )
        found = tuple(prepare(dropped, reader.rules, reader.adapter))
        if any(_is_known(new) for new in found):
            return tuple(new for new in found if new.id or arrived > since)
    return ()


def _is_known(new: NewSubmission) -> bool:
    return bool(new.transaction) and not any(fault.rule == "unknown_transaction" for fault in new.faults)


def _event_id(name: str, raw: bytes) -> str:
    """The same for the same file, so that registering it twice changes nothing."""
    return "restored-" + hashlib.sha256(name.encode("utf-8", "surrogatepass") + b"\0" + raw).hexdigest()[:40]
