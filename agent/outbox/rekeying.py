"""A new data key for a whole database: every sealed value sealed anew, every hash taken on.

Row by row, in small commits: a row's sealed values and its hashes change in one statement, and how far the
change got is written with them. A kill anywhere leaves a database that says so; the change is then resumed
where it was. Tables whose rows are found by their hashes alone hold no contents, are small, and change
whole.

Hashes cannot be computed anew, since nothing keeps what they were made of: each is hashed once more
under the new key, and so is whatever is searched for from then on (``DataKey.former``). Whoever has the
old key can no longer tell from a hash what it stands for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from agent.crypto.at_rest import DataKey
from agent.errors import CiphertextRejected, StoreError
from agent.faults import crash_point
from agent.outbox.key_state import Change, key_state
from agent.outbox.migrating import KEY_CHECK
from agent.outbox.places import Table, tables
from agent.outbox.sealed import Border, pack
from agent.outbox.statements import STATEMENTS

BATCH = 500
Progress = Callable[[str], None]


class Rekeying:
    """One change, from ``old`` to ``new``. The caller owns the database and nobody else has it open."""

    def __init__(self, connection: sqlite3.Connection, old: DataKey, new: DataKey) -> None:
        self._connection = connection
        self._old = old
        self._new = new
        self._failure: CiphertextRejected | None = None
        connection.create_function("rehash", 1, new.rehash, deterministic=True)
        connection.create_function("reseal", 4, self._reseal)

    def begin(self) -> None:
        """Write down that the change is under way. From here on only the change itself opens the database."""
        if key_state(self._connection).change is None:
            check = Border(self._new).seal("meta|value", "key_check", KEY_CHECK)
            self._note(Change(self._new.key_id, check, 0, 0))

    def run(self, progress: Progress) -> None:
        """Change what is not changed yet. Raises CiphertextRejected, which names it, for a value that does
        not open; nothing is lost then, and what was changed stays so."""
        change = key_state(self._connection).change
        assert change is not None
        for index, table in enumerate(tables(self._connection)):
            if index >= change.table:
                progress(table.name)
                self._change_table(change, index, table)

    def finish(self) -> None:
        """The database is the new key's from here on."""
        border = Border(self._new)
        with self._commit():
            self._set("key_check", border.seal("meta|value", "key_check", KEY_CHECK))
            former = [root.hex() for root in self._new.former]
            self._set("index", border.seal("meta|value", "index", former))
            self._connection.execute("DELETE FROM meta WHERE name = 'rekey'")
            crash_point("rekey.before_finish")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # -- rows -------------------------------------------------------------------------------------
    def _change_table(self, change: Change, index: int, table: Table) -> None:
        after = change.after if index == change.table else 0
        while table.order:
            last = self._last_of_batch(table, after)
            if last is None:
                break
            self._change_rows(change, index, table, (after, last))
            after = last
        if not table.order:
            self._change_rows(change, index + 1, table, None)

    def _last_of_batch(self, table: Table, after: int) -> int | None:
        statement = (
            f"SELECT max(place) FROM (SELECT {table.order} AS place FROM {table.name} "  # noqa: S608 - names of the schema
            f"WHERE {table.order} > ? ORDER BY {table.order} LIMIT {BATCH})"
        )
        row = self._connection.execute(statement, (after,)).fetchone()
        return None if row[0] is None else int(row[0])

    def _change_rows(self, change: Change, index: int, table: Table, span: tuple[int, int] | None) -> None:
        limits = f" WHERE {table.order} > ? AND {table.order} <= ?" if span else ""
        statement = f"UPDATE {table.name} SET {', '.join(_settings(table))}{limits}"  # noqa: S608 - names of the schema
        with self._commit():
            try:
                self._connection.execute(statement, span or ())
            except sqlite3.OperationalError:
                raise self._failure or StoreError(
                    "更换数据密钥时数据库出错", hint="请检查磁盘，然后重新执行 his-agent rekey"
                ) from None
            self._note_change(Change(change.to, change.check, index, span[1] if span else 0))
            crash_point("rekey.before_batch")
        crash_point("rekey.after_batch")

    def _reseal(self, place: str, old_row: object, new_row: object, blob: bytes) -> bytes:
        try:
            plain = self._old.open(bytes(blob), f"{place}|{old_row}".encode())
        except CiphertextRejected as error:
            self._failure = CiphertextRejected(
                f"数据库里的一处加密内容（{place}，{old_row}）无法解开，数据密钥没有更换完",
                hint=error.hint,
                details={**error.details, "place": place, "row": str(old_row)},
            )
            raise
        return self._new.seal(plain, f"{place}|{new_row}".encode())

    # -- what is written down ---------------------------------------------------------------------
    def _note(self, change: Change) -> None:
        with self._commit():
            self._note_change(change)

    def _note_change(self, change: Change) -> None:
        told = {"to": change.to, "check": change.check.hex(), "table": change.table, "after": change.after}
        self._set("rekey", pack(told))

    def _set(self, name: str, value: bytes) -> None:
        self._connection.execute(STATEMENTS["set_meta"], (name, value))

    def _commit(self) -> _Commit:
        return _Commit(self._connection)


class _Commit:
    """One durable commit, or nothing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self._connection.execute("ROLLBACK" if kind else "COMMIT")


def _settings(table: Table) -> list[str]:
    hashes = [f"{key} = rehash({key})" for key in table.keys]
    if not table.sealed:
        return hashes
    rows = f"{table.identity()}, {table.identity('rehash({})')}"
    return hashes + [
        f"{column} = iif({column} IS NULL, NULL, reseal('{table.place(column)}', {rows}, {column}))"
        for column in table.sealed
    ]
