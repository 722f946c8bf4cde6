"""Where sealed and hashed values stand: read from the schema, completed by what each row is bound to.

Used by what has to go over the whole database: a new data key, and the search for damage.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from agent.errors import CiphertextRejected
from agent.outbox.sealed import Sealer

IDENTITY: Final[Mapping[str, tuple[str, ...]]] = {
    "submission": ("number",),
    "body": ("submission",),
    "kept_result": ("submission",),
    "reply": ("number",),
    "draft": ("message",),
    "content": ("submission", "digest_key"),
    "answer": ("message",),
    "attempt": ("message", "number"),
    "slot": ("submission", "name_key"),
    "fact": ("group_key", "member_key"),
    "download": ("number",),
    "scan": ("number",),
    "act": ("number",),
    "audit": ("number",),
}
"""The columns that say which row a sealed value belongs to: joined by dots, hashes as hex digits."""

_SEALED: Final = "_sealed"
_KEY: Final = "_key"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with sealed or hashed columns. ``order`` is the column by which it can be gone along in
    pieces though its hashes change meanwhile; "" when there is none."""

    name: str
    sealed: tuple[str, ...]
    keys: tuple[str, ...]
    order: str

    def place(self, column: str) -> str:
        """``table|column``, as the border names it."""
        return f"{self.name}|{column.removesuffix(_SEALED)}"

    def identity(self, hashed: str = "{}") -> str:
        """The row that a value is bound to, as SQL. ``hashed`` wraps the hashes in it."""
        parts = [
            f"lower(hex({hashed.format(column)}))" if column.endswith(_KEY) else column
            for column in IDENTITY[self.name]
        ]
        return " || '.' || ".join(parts)


def tables(connection: sqlite3.Connection) -> list[Table]:
    """Every table with sealed or hashed columns."""
    rows = connection.execute("SELECT name, wr FROM pragma_table_list WHERE type = 'table' ORDER BY name")
    found = [_table(connection, name, without_rowid=bool(wr)) for name, wr in rows.fetchall()]
    return [table for table in found if table.sealed or table.keys]


def _table(connection: sqlite3.Connection, name: str, *, without_rowid: bool) -> Table:
    columns = connection.execute("SELECT name, pk FROM pragma_table_info(?) ORDER BY cid", (name,)).fetchall()
    names = [column for column, _ in columns]
    primary = [column for column, pk in sorted(columns, key=lambda row: row[1]) if pk]
    hashed = any(column.endswith(_KEY) for column in primary)
    order = "rowid" if not without_rowid else "" if hashed else primary[0]
    return Table(
        name,
        sealed=tuple(column for column in names if column.endswith(_SEALED)),
        keys=tuple(column for column in names if column.endswith(_KEY)),
        order=order,
    )


def damaged(connection: sqlite3.Connection, sealer: Sealer) -> Iterator[tuple[str, str]]:
    """The place and the row of every sealed value that does not open. Reads the whole database."""
    for table in tables(connection):
        for column in table.sealed:
            statement = f"SELECT {table.identity()}, {column} FROM {table.name} WHERE {column} IS NOT NULL"  # noqa: S608 - names of the schema
            for row, blob in connection.execute(statement):
                place = table.place(column)
                try:
                    sealer.open(bytes(blob), f"{place}|{row}".encode())
                except CiphertextRejected:
                    yield place, str(row)
