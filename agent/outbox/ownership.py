"""The right to write: one process at a time, and what the last one left behind.

A lock of the operating system on a file beside the database: it ends with the process, however that
ends. The file says whether the last owner closed well, and when the machine was started under it: a
process that was killed leaves a whole database, since the system writes out what it was given; a
machine that stopped may have lost some of it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock
from agent.errors import StoreLocked

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCK_AT = 4096
"""The byte that is locked: behind the content, so that anybody may read that on Windows too."""

_CLOSED = b"closed"
_SAME_START_S = 5
"""Two readings of when the machine was started differ by less, unless its clock was set."""


@dataclass(slots=True)
class Ownership:
    """Held while the process lives. ``closed_well``: the last owner closed the database.
    ``machine_ran_on``: it did, or the machine has not stopped since."""

    descriptor: int
    closed_well: bool
    machine_ran_on: bool

    def release(self, *, well: bool) -> None:
        if well:
            _write(self.descriptor, _CLOSED)
        os.close(self.descriptor)


def take_ownership(path: Path, clock: Clock) -> Ownership:
    """Become the only writer. Raises StoreLocked at once when somebody else is."""
    lock = path.with_name(path.name + ".lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    try:
        _lock(descriptor)
        left = _read(descriptor)
        started = int(clock.now().timestamp() - clock.monotonic())
        _write(descriptor, b"opened %d" % started)
    except OSError as error:
        os.close(descriptor)
        raise StoreLocked(
            "出站队列正由另一个进程使用",
            hint="一个数据目录只能由一个 his-agent 使用，请先停止另一个",
            details={"errno": error.errno},
        ) from error
    closed = left == _CLOSED
    return Ownership(descriptor, closed, closed or _started_at(left, started))


def _started_at(left: bytes, started: int) -> bool:
    word, _, moment = left.partition(b" ")
    return word == b"opened" and moment.isdigit() and abs(int(moment) - started) < _SAME_START_S


def _read(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, 32)


def _write(descriptor: int, mark: bytes) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, mark)
    os.ftruncate(descriptor, len(mark))
    os.fsync(descriptor)


if sys.platform == "win32":

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCK_AT, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
