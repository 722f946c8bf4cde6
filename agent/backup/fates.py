"""Files that were accepted after a backup was made: what they are is read from them once more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from agent.clock import BEIJING
from agent.intake.prepare import Dropped, prepare
from agent.intake.rules import plain_rules, reading_rules
from agent.protocol.attachments import attachment_of
from agent.retention.ages import came_at
from agent.retention.files import archived_since
from agent.sources.event_ids import EVENT_ID
from agent.sources.file_names import parted

if TYPE_CHECKING:
    from agent.config.model import AgentConfig, FolderConfig
    from agent.hookspecs import KeySource, ProtocolAdapter
    from agent.outbox.model import NewSubmission
    from agent.registry import Registry
    from agent.submissions import ReadingRules


@dataclass(frozen=True, slots=True)
class Fate:
    """An archived file and the submissions in it; none when it cannot be read as one. ``attachments`` are
    the files beside it that they name. A submission is planned with the contents of its files where each
    name means one content there, else it ``wants`` them still."""

    path: Path
    submissions: tuple[NewSubmission, ...] = field(repr=False)
    attachments: tuple[Path, ...] = ()


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
            yield _fate(path, served, since)


def _reader(folder: FolderConfig, config: AgentConfig, registry: Registry, keys: KeySource) -> _Reader:
    options: Mapping[str, object] = config.systems[folder.system].options
    adapter = registry.protocol(folder.system).build(options, keys)
    return _Reader(folder, reading_rules(folder.system, adapter.catalog, plain_rules(folder)), adapter)


def _fate(path: Path, readers: Iterable[_Reader], since: datetime) -> Fate:
    """As the inbox reads it whose system knows its transaction; several inboxes may share an archive."""
    info = path.stat()
    arrived = datetime.fromtimestamp(came_at(path), BEIJING)
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
            beside = _Beside.of(path, {name for new in found for name in new.wants})
            planned = _with_files(dropped, reader, found, beside)
            lost = tuple(new for new in planned if new.id or arrived > since)
            return Fate(path, lost, beside.paths)
    return Fate(path, ())


def _with_files(
    dropped: Dropped, reader: _Reader, found: tuple[NewSubmission, ...], beside: _Beside
) -> tuple[NewSubmission, ...]:
    if not beside.contents:
        return found
    known = {name: attachment_of(content) for name, content in beside.contents.items()}
    again = prepare(dropped, reader.rules, reader.adapter, attachments=known)
    return tuple(
        replace(planned, contents={**planned.contents, **beside.by_digest(new.wants)}, files=True)
        if new.wants and not planned.wants
        else new
        for new, planned in zip(found, again, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Beside:
    """The files of a day's folder that submissions name: a second one of a name was filed as
    ``<stem>.<event id><ending>``. ``contents``: of the names that mean one content."""

    paths: tuple[Path, ...]
    contents: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def of(cls, path: Path, names: Iterable[str]) -> _Beside:
        paths: list[Path] = []
        contents: dict[str, bytes] = {}
        for name in sorted(names):
            stem, ending = parted(name)
            fitting = sorted(path.parent.glob(f"{escape(stem)}*{escape(ending)}"))
            candidates = [one for one in fitting if one.name == name or _is_second(one.name, stem, ending)]
            found = {one.read_bytes() for one in candidates}
            paths += candidates
            if len(found) == 1:
                contents[name] = found.pop()
        return cls(tuple(paths), contents)

    def by_digest(self, names: Iterable[str]) -> dict[str, bytes]:
        return {attachment_of(self.contents[name]).digest: self.contents[name] for name in names}


def _is_second(filed: str, stem: str, ending: str) -> bool:
    middle = filed.removeprefix(f"{stem}.").removesuffix(ending)
    return filed == f"{stem}.{middle}{ending}" and EVENT_ID.fullmatch(middle) is not None


def _is_known(new: NewSubmission) -> bool:
    return bool(new.transaction) and not any(fault.rule == "unknown_transaction" for fault in new.faults)


def _event_id(name: str, raw: bytes) -> str:
    """The same for the same file, so that registering it twice changes nothing."""
    return "restored-" + hashlib.sha256(name.encode("utf-8", "surrogatepass") + b"\0" + raw).hexdigest()[:40]
