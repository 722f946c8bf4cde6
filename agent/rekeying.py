"""Changing the data key of an outbox, from the new secret in the keyring to the old one's removal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from agent.clock import Clock
from agent.crypto.at_rest import DataKey
from agent.errors import KeyMissing
from agent.faults import crash_point
from agent.keys import KeyRing
from agent.opening import open_outbox
from agent.outbox import migrating
from agent.outbox.connection import connect_writer, translated
from agent.outbox.key_state import KeyState, key_state, read_key_state
from agent.outbox.ownership import take_ownership
from agent.outbox.rekeying import Progress, Rekeying
from agent.outbox.store import SqliteOutbox


def rekey(path: Path, ring: KeyRing, clock: Clock, who: str, why: str, progress: Progress) -> int:
    """Seal the database anew under a new data key, or finish what a kill cut short; returns the number of
    the key that it is sealed with now.

    The new secret is in the keyring before anything is sealed with it, the old one until nothing is.
    Who changes it and why is in the audit trail before the first value changes, that it was changed before
    the old secret is forgotten. Raises StoreLocked while the agent runs, KeyMissing, CiphertextRejected,
    ConfigurationError.
    """
    before = read_key_state(path)
    if before.change is None and before.key_of([ring.data_key(create=False)]) is not None:
        with _trail(path, ring, clock) as outbox:
            ring.next_data_key(create=True)  # first: a keyring that takes none changes nothing
            _record(outbox, "data_key.changing", before.number + 1, who, why)
    ownership = take_ownership(path, clock)
    well = False
    try:
        with translated(), closing(connect_writer(path)) as connection:
            migrating.prepare(connection)
            state = key_state(connection)
            if state.change is None and state.key_of([ring.data_key(create=False)]) is None:
                _demand(state, ring)  # everything was changed, but for the keyring
            else:
                _change(Rekeying(connection, *_keys(state, ring)), progress)
            number = key_state(connection).number
        well = True
    finally:
        ownership.release(well=well and ownership.closed_well)
    crash_point("rekey.before_record")
    with _trail(path, ring, clock) as outbox:
        _record(outbox, "data_key.changed", number, who, why)
    crash_point("rekey.before_promotion")
    ring.promote_data_key()
    return number


def _change(change: Rekeying, progress: Progress) -> None:
    change.begin()
    change.run(progress)
    change.finish()


def _keys(state: KeyState, ring: KeyRing) -> tuple[DataKey, DataKey]:
    old = state.key_of([ring.data_key(create=False)])
    if old is None:
        raise _unfit()
    secret = ring.next_data_key(create=state.change is None)
    if secret is None:
        raise KeyMissing(
            "更换数据密钥没有做完，但钥匙串里没有新的数据密钥",
            hint="请从备份恢复密钥 agent/data-key.next；不要删除数据库",
        )
    new = DataKey(old.key_id + 1, secret, (*old.former, old.index_root))
    if state.change is not None and KeyState(state.change.check).key_of([secret]) is None:
        raise _unfit()
    return old, new


def _demand(state: KeyState, ring: KeyRing) -> None:
    secret = ring.next_data_key(create=False)
    if secret is None or state.key_of([secret]) is None:
        raise _unfit()


def _unfit() -> KeyMissing:
    return KeyMissing(
        "数据密钥与出站队列的数据库不符", hint="请从密钥备份恢复该数据库的数据密钥；数据未被改动"
    )


@contextmanager
def _trail(path: Path, ring: KeyRing, clock: Clock) -> Iterator[SqliteOutbox]:
    outbox = open_outbox(path, keys=ring, clock=clock, answer_within_s=20.0)
    try:
        yield outbox
    finally:
        outbox.close()


def _record(outbox: SqliteOutbox, kind: str, number: int, who: str, why: str) -> None:
    with outbox.write() as tx:
        tx.record(kind, {"key": number}, who=who, why=why)
