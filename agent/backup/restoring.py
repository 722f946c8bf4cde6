"""Puts a backup in the place of a lost outbox. Nothing that it calls unfinished is sent by itself.

Everything is done on a copy beside the place; the last step renames it. A kill before that leaves the
place empty, and restoring can be begun again.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.backup.fates import fates_since
from agent.backup.manifest import DATABASE, NUMBERS, Manifest, demand_whole, read_manifest
from agent.disk import flush_folder
from agent.errors import StoreError
from agent.faults import crash_point
from agent.numbers import leave_out
from agent.opening import open_outbox
from agent.outbox.model import Registered
from agent.outbox.ownership import take_ownership

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.config.model import AgentConfig
    from agent.keys import KeyRing
    from agent.outbox.base import Outbox, Transaction
    from agent.registry import Registry

_ASIDE: Final = ".restoring"


@dataclass(frozen=True, slots=True)
class Restored:
    """``unknown`` messages wait for a decision; of ``bare`` submissions of the backup only the id is kept;
    ``left`` acts that the agent would have done by itself are left to people.
    ``accepted`` files came after it. ``numbers_left_out``: the high-water file was lost, so a large block of
    every series is skipped."""

    made_at: datetime
    unknown: int
    bare: int
    left: int
    accepted: Accepted
    numbers_left_out: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """Files of the archive that the backup does not know. ``registered`` ones are unknown now too, with the
    ``attachments`` that they name; of ``bare`` ones only ids could be registered, since their files are not
    there unmistakably, or what they say cannot be planned any more. ``unreadable`` are no submissions."""

    registered: tuple[Path, ...]
    bare: tuple[Path, ...]
    attachments: tuple[Path, ...]
    unreadable: tuple[Path, ...]


def restore(
    config: AgentConfig, registry: Registry, ring: KeyRing, clock: Clock, backup: Path, who: str, why: str
) -> Restored:
    """Raises StoreLocked while the agent runs, StoreError where there is an outbox, StoreDamaged for a
    backup that is not whole or newer than this program, KeyMissing without its data key."""
    path = config.data / DATABASE
    config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    ownership = take_ownership(path, clock)
    try:
        _demand_empty(path)
        manifest = read_manifest(backup)
        demand_whole(backup, manifest)
        aside = config.data / _ASIDE
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        done = _prepare(config, registry, ring, clock, aside / DATABASE, backup, manifest, (who, why))
        _demand_closed(aside / DATABASE)
        crash_point("restore.before_rename")
        (aside / DATABASE).rename(path)
        flush_folder(config.data)
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        ownership.release(well=False)
    return done


def _demand_empty(path: Path) -> None:
    """A live outbox knows more than any backup; whoever wants to give it up has to move it away himself."""
    parts = [path.with_name(path.name + suffix) for suffix in ("", "-wal")]
    found = [part for part in parts if part.exists()]
    if found:
        raise StoreError(
            f"{path.parent} 里已有数据库 {found[0].name}，恢复不会覆盖它",
            hint="现有数据库比任何备份都新；确实损坏或要放弃时，先把它（连同 -wal、-shm）移到别的文件夹保存",
            details={"reason": "live"},
        )


def _demand_closed(copy: Path) -> None:
    """What is still in its log would be left behind by the rename."""
    if copy.with_name(copy.name + "-wal").exists():
        raise StoreError("恢复的数据库没有写完", hint="请检查磁盘空间，然后重新执行 his-agent restore")


def _prepare(
    config: AgentConfig,
    registry: Registry,
    ring: KeyRing,
    clock: Clock,
    copy: Path,
    backup: Path,
    manifest: Manifest,
    by: tuple[str, str],
) -> Restored:
    shutil.copyfile(backup / DATABASE, copy)
    copy.chmod(0o600)
    outbox = open_outbox(copy, keys=ring, clock=clock, answer_within_s=config.answer_within_s)
    try:
        with outbox.write() as tx:
            unknown, bare = tx.hold_unfinished(clock.now())
            left = _leave_undone(config, registry, ring, tx)
        lost = not (config.data / NUMBERS).exists()
        if lost:
            leave_out(outbox, manifest.made_at.date(), clock.now().date())
        done = Restored(
            manifest.made_at,
            unknown,
            bare,
            left,
            _register(config, registry, ring, clock, outbox, manifest.made_at),
            lost,
        )
        with outbox.write() as tx:
            tx.record("backup.restored", _counted(done), who=by[0], why=by[1])
    finally:
        outbox.close()
    return done


def _leave_undone(config: AgentConfig, registry: Registry, ring: KeyRing, tx: Transaction) -> int:
    """Have the protocols say what must not be done by itself any more; returns how many such acts."""
    left = 0
    for name, system in config.systems.items():
        forgotten = registry.protocol(name).build(system.options, ring).restored(tx.history(name))
        tx.give_facts(name, (), forgotten)
        left += len(forgotten)
    return left


def _counted(done: Restored) -> dict[str, int]:
    return {
        "unknown": done.unknown,
        "bare": done.bare,
        "left": done.left,
        "registered": len(done.accepted.registered),
        "registered_bare": len(done.accepted.bare),
        "unreadable": len(done.accepted.unreadable),
        "numbers_left_out": int(done.numbers_left_out),
    }


def _register(
    config: AgentConfig, registry: Registry, ring: KeyRing, clock: Clock, outbox: Outbox, since: datetime
) -> Accepted:
    registered: list[Path] = []
    bare: list[Path] = []
    unreadable: list[Path] = []
    beside: set[Path] = set()
    known: set[Path] = set()
    for fate in fates_since(config, registry, ring, since):
        with outbox.write() as tx:
            became = [tx.register_unknown(new, clock.now()) for new in fate.submissions]
            if fate.control and tx.control_done(fate.control) is None:
                tx.note_control(fate.control, False)
        known |= set(fate.attachments)
        if Registered.BARE in became:
            bare.append(fate.path)
        elif Registered.WHOLE in became:
            registered.append(fate.path)
        elif not became:
            unreadable.append(fate.path)
        if {Registered.BARE, Registered.WHOLE} & set(became):
            beside |= set(fate.attachments)
    unclaimed = [path for path in unreadable if path not in known]
    return Accepted(tuple(registered), tuple(bare), tuple(sorted(beside)), tuple(unclaimed))
