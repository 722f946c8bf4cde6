"""Opening the outbox with the data key of this account: the one way for the daemon and for commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Protocol

from agent.clock import Clock
from agent.crypto.at_rest import DataKey
from agent.errors import ConfigurationError, StoreDamaged, StoreError
from agent.outbox.key_state import KeyState, read_key_state
from agent.outbox.store import SqliteOutbox


class Place:
    """Where a database was opened. A folder that is moved away takes an open file along (not on Windows,
    which moves no open file): who goes on then fills a database that the next start does not find."""

    def __init__(self, path: Path) -> None:
        """Raises OSError when nothing is there."""
        self._path = path
        self._opened = _identity(path)

    if sys.platform == "win32":

        def left(self) -> bool:
            return False

    else:

        def left(self) -> bool:
            """Whether the file that was opened does not lie there any more. One that cannot be looked at (a
            device that fails) has not left."""
            try:
                return _identity(self._path) != self._opened
            except (FileNotFoundError, NotADirectoryError):
                return True
            except OSError:
                return False


def _identity(path: Path) -> tuple[int, int]:
    info = path.stat()
    return info.st_dev, info.st_ino


def data_moved(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"数据库已不在 {path}：数据目录在运行中被移走或替换，代理程序已停止收件",
        hint="请把数据目录移回原处再启动；在新的位置使用时，先改配置中的 data。不要在原处用空的目录启动",
        details={"reason": "data_moved"},
    )


class DataKeys(Protocol):
    def data_key(self, *, create: bool) -> bytes: ...

    def next_data_key(self, *, create: bool) -> bytes | None:
        """The key that a change of the data key leads to; it counts when the other one no longer does."""
        ...


def open_outbox(path: Path, *, keys: DataKeys, clock: Clock, answer_within_s: float) -> SqliteOutbox:
    """A new data key is made only where there is no database yet.

    Raises KeyMissing, StoreLocked, StoreDamaged; the last also where a damaged database was moved aside
    and nothing has taken its place: an empty one would forget what was sent and send it again.
    """
    refuse_to_forget(path)
    state = read_key_state(path)
    if state.change is not None:
        raise StoreError(
            "数据密钥正在更换，还没有完成",
            hint="请先运行 his-agent rekey，它会从中断的地方继续；数据没有丢失",
            details={"reason": "rekeying"},
        )
    key = _key(state, keys, create=not path.exists())
    return SqliteOutbox(path, key, clock=clock, answer_within_s=answer_within_s)


def _key(state: KeyState, keys: DataKeys, *, create: bool) -> DataKey:
    """The data key. One that does not fit is told when the database is opened with it."""
    first = keys.data_key(create=create)
    fitting = state.key_of([first])
    if fitting is None:
        following = keys.next_data_key(create=False)
        fitting = state.key_of([following]) if following else None
    return fitting or DataKey(state.number, first)


def refuse_to_forget(path: Path) -> None:
    """Raises StoreDamaged while only the remains of a damaged database lie at its place."""
    remains = sorted(found.name for found in path.parent.glob(f"{path.name}.damaged-*"))
    if remains and not path.exists():
        raise StoreDamaged(
            f"数据库损坏后已移到 {remains[-1]}，没有新的数据库",
            hint="请恢复备份；没有备份时，先向平台核对未完成的业务，再把损坏的文件移到别的文件夹，然后启动",
            details={"remains": len(remains)},
        )
