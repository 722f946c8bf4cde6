"""Opening the outbox with the data key of this account: the one way for the daemon and for commands."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from agent.clock import Clock
from agent.crypto.at_rest import DataKey
from agent.errors import StoreDamaged
from agent.outbox.store import SqliteOutbox

FIRST_KEY: Final = 1
"""The number of the data key in every sealed value: a second one comes with its rotation."""


class DataKeys(Protocol):
    def data_key(self, *, create: bool) -> bytes: ...


def open_outbox(path: Path, *, keys: DataKeys, clock: Clock, answer_within_s: float) -> SqliteOutbox:
    """A new data key is made only where there is no database yet.

    Raises KeyMissing, StoreLocked, StoreDamaged; the last also where a damaged database was moved aside
    and nothing has taken its place: an empty one would forget what was sent and send it again.
    """
    refuse_to_forget(path)
    key = DataKey(FIRST_KEY, keys.data_key(create=not path.exists()))
    return SqliteOutbox(path, key, clock=clock, answer_within_s=answer_within_s)


def refuse_to_forget(path: Path) -> None:
    """Raises StoreDamaged while only the remains of a damaged database lie at its place."""
    remains = sorted(found.name for found in path.parent.glob(f"{path.name}.damaged-*"))
    if remains and not path.exists():
        raise StoreDamaged(
            f"数据库损坏后已移到 {remains[-1]}，没有新的数据库",
            hint="请恢复备份；没有备份时，先向平台核对未完成的业务，再把损坏的文件移到别的文件夹，然后启动",
            details={"remains": len(remains)},
        )
