"""Files that were accepted after a backup was made: what they are is read from them once more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from agent.sources.base import ClaimKind
from agent.sources.beside import SUFFIX
from agent.sources.claims import taken_at
from agent.sources.event_ids import EVENT_ID, Mark
from agent.sources.file_names import kind_of, parted

if TYPE_CHECKING:
    from agent.config.model import AgentConfig, FolderConfig
    from agent.hookspecs import KeySource, ProtocolAdapter
    from agent.outbox.model import NewSubmission
    from agent.registry import Registry
    from agent.submissions import ReadingRules


@dataclass(frozen=True, slots=True)
class Fate:
    """A file that may have been accepted, and the submissions in it; none when it cannot be read as one.
    ``attachments`` are the files beside it that they name. A submission is planned with the contents of its
    files where each name means one content there, else it ``wants`` them still. ``control``: the event id of
    a control file that was taken; whether it was carried out nobody knows."""

    path: Path
    submissions: tuple[NewSubmission, ...] = field(default=(), repr=False)
    attachments: tuple[Path, ...] = ()
    control: str = ""


@dataclass(frozen=True, slots=True)
class _Reader:
    folder: FolderConfig
    rules: ReadingRules
    adapter: ProtocolAdapter


@dataclass(frozen=True, slots=True)
class _Found:
    """A file, the name and the event id that it had, and where its attachments are."""

    path: Path
    name: str
    event_id: str
    beside: Path


def fates_since(config: AgentConfig, registry: Registry, keys: KeySource, since: datetime) -> Iterator[Fate]:
    """Every file of the archive of the day of ``since`` or later, and every file that was taken and not
    filed away: it may have been accepted, and sent, all the same. Raises ConfigurationError, OSError."""
    readers = [_reader(folder, config, registry, keys) for folder in config.folders]
    by_archive: dict[Path, list[_Reader]] = {}
    for reader in readers:
        by_archive.setdefault(reader.folder.archive, []).append(reader)
    for archive, served in by_archive.items():
        for path in archived_since(archive, since.astimezone(BEIJING).date()):
            found = _Found(path, path.name, _event_id(path), path.parent)
            yield _fate(found, served, lambda arrived: arrived > since)
    for reader in readers:
        for found in _taken(reader.folder.taking):
            if kind_of(found.name) is ClaimKind.CONTROL:
                yield Fate(found.path, control=found.event_id)
            else:
                yield _fate(found, [reader], lambda _arrived: True)


def _taken(folder: Path) -> Iterator[_Found]:
    """What came incomplete, or with a name too long, nobody can have accepted."""
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        for taken, path in taken_at(entry):
            whole = taken.mark in (Mark.ATOMIC, Mark.SETTLED)
            if whole and path.is_file() and not path.is_symlink():
                yield _Found(path, taken.name, taken.event_id, folder / f"{taken.event_id}{SUFFIX}")


def _reader(folder: FolderConfig, config: AgentConfig, registry: Registry, keys: KeySource) -> _Reader:
    options: Mapping[str, object] = config.systems[folder.system].options
    adapter = registry.protocol(folder.system).build(options, keys)
    return _Reader(folder, reading_rules(folder.system, adapter.catalog, plain_rules(folder)), adapter)


def _fate(found: _Found, readers: Iterable[_Reader], is_later: Callable[[datetime], bool]) -> Fate:
    """As the inbox reads it whose system knows its transaction; several inboxes may share an archive. What
    has no id is told by its time alone."""
    arrived = datetime.fromtimestamp(came_at(found.path), BEIJING)
    raw = found.path.read_bytes()
    for reader in readers:
        dropped = Dropped(
            event_id=found.event_id,
            folder=reader.folder.name,
            file_name=found.name,
            received_at=arrived,
            modified_at=datetime.fromtimestamp(found.path.stat().st_mtime, BEIJING),
            raw=raw,
        )
        read = tuple(prepare(dropped, reader.rules, reader.adapter))
        if any(_is_known(new) for new in read):
            beside = _Beside.of(found.beside, {name for new in read for name in new.wants})
            planned = _with_files(dropped, reader, read, beside)
            return Fate(found.path, tuple(n for n in planned if n.id or is_later(arrived)), beside.paths)
    return Fate(found.path)


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
    def of(cls, folder: Path, names: Iterable[str]) -> _Beside:
        paths: list[Path] = []
        contents: dict[str, bytes] = {}
        for name in sorted(names):
            stem, ending = parted(name)
            fitting = sorted(folder.glob(f"{escape(stem)}*{escape(ending)}"))
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


def _event_id(path: Path) -> str:
    """The same for the same file, so that registering it twice changes nothing."""
    content = path.name.encode("utf-8", "surrogatepass") + b"\0" + path.read_bytes()
    return "restored-" + hashlib.sha256(content).hexdigest()[:40]
