"""The reading side: results that are due, and what people look at. Sees what is committed.

A connection of its own, guarded by a lock, so that reading never waits for the writer; what belongs
together is read within one snapshot.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from agent import jsontext
from agent.audit.chain import note_digest
from agent.errors import CryptoError
from agent.events import JsonObject
from agent.outbox import contents, facts, places
from agent.outbox.connection import connect_reader, translated
from agent.outbox.model import (
    DownloadTally,
    DueDownload,
    DueReply,
    FactView,
    LaneKey,
    LeftDownload,
    MessageView,
    ReplyAddress,
    State,
    WaitView,
)
from agent.outbox.moments import from_micros, iso, to_micros
from agent.outbox.sealed import Border
from agent.outbox.statements import STATEMENTS
from agent.outbox.telling import Teller
from agent.outbox.work import Row

_WAITING = frozenset({State.UNKNOWN, State.PARKED, State.BLOCKED})


DAMAGED = "(damaged)"
"""In the place of what does not open any more in an exported record."""


@dataclass(slots=True)
class Reader:
    connection: sqlite3.Connection
    border: Border
    polite: bool = False
    """Others go first while it tells results: only where none of them waits for this reader."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _teller: Teller = field(init=False)

    def __post_init__(self) -> None:
        self._teller = Teller(self.connection, self.border, self.polite)

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        with self._lock, translated():
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.execute("COMMIT")

    def _all(self, statement: str, *values: object) -> list[Any]:
        return self.connection.execute(STATEMENTS[statement], values).fetchall()

    def _one(self, statement: str, *values: object) -> Any:
        return self.connection.execute(STATEMENTS[statement], values).fetchone()

    def close(self) -> None:
        with self._lock:
            self.connection.close()

    # -- scans and cards ----------------------------------------------------------------------------
    def waits(self) -> list[WaitView]:
        with self._snapshot():
            return [self._wait(row, self._all("scans_of", row["submission"])) for row in self._all("waits")]

    def scan_known(self, event_id: str) -> bool:
        key = self.border.key("event", (event_id,))
        with self._snapshot():
            return self._one("scan_by_event", key) is not None or self._one("event", key) is not None

    def _wait(self, row: Row, scans: list[Row]) -> WaitView:
        number = row["submission"]
        return WaitView(
            submission=number,
            system=row["system"],
            transaction=row["transaction_code"],
            station=row["station"],
            kind=row["kind"],
            until=from_micros(row["until"]),
            received_at=from_micros(row["received_at"]),
            occurred_at=from_micros(row["occurred_at"]),
            body=self.border.open("body|content", number, row["content_sealed"]),
            scans=tuple(
                self.border.open("scan|content", scan["number"], scan["content_sealed"]) for scan in scans
            ),
        )

    # -- results ------------------------------------------------------------------------------------
    def due_replies(self, now: datetime, limit: int, skip: frozenset[int] = frozenset()) -> list[DueReply]:
        with self._snapshot():
            rows = self._all("due_replies", to_micros(now), limit + len(skip))
            return [self._reply(row) for row in rows if row["number"] not in skip][:limit]

    def next_reply_at(self) -> datetime | None:
        with self._snapshot():
            row = self._one("next_due")
        return None if row is None else from_micros(row["due_at"])

    def _reply(self, row: Row) -> DueReply:
        folder, file_name = self.border.open("reply|address", row["number"], row["address_sealed"])
        result = {**self._teller.result(row["submission"]), "file": file_name}
        return DueReply(
            reply=row["number"],
            revision=result["revision"],
            final=result["final"],
            address=ReplyAddress(folder, file_name),
            result=result,
            lanes=() if result["final"] else self._lanes_to_go(row["submission"]),
        )

    def _lanes_to_go(self, submission: int) -> tuple[LaneKey, ...]:
        rows = self._all("lanes_to_go", submission)
        return tuple(LaneKey(row["system"], row["name"], bool(row["parallel"])) for row in rows)

    def content(self, submission: int, digest: str) -> bytes:
        """A file that messages of a submission carry. Raises StoreError when it is not there."""
        key = contents.digest_key(self.border, digest)
        with self._snapshot():
            row = self._one("content", submission, key)
        if row is None:
            raise contents.missing(submission)
        place = f"{submission}.{key.hex()}"
        return self.border.open_bytes("content|content", place, row["content_sealed"])

    def result(self, submission: int) -> JsonObject | None:
        """A submission's result as it would be written now; None when there is no such submission."""
        with self._snapshot():
            return self._teller.result(submission) if self._one("submission", submission) else None

    # -- downloads ---------------------------------------------------------------------------------
    def due_downloads(self, limit: int, skip: frozenset[int] = frozenset()) -> list[DueDownload]:
        with self._snapshot():
            rows = self._all("due_downloads", limit + len(skip))
            return [self._due_download(row) for row in rows if row["number"] not in skip][:limit]

    def _due_download(self, row: Row) -> DueDownload:
        number = row["number"]
        content, attachment = self.border.open("download|content", number, row["content_sealed"])
        return DueDownload(
            number=number,
            system=row["system"],
            transaction=row["transaction_code"],
            name=self.border.open("download|name", number, row["name_sealed"]),
            records=row["records"],
            received_at=from_micros(row["received_at"]),
            content=content,
            attachment=attachment,
        )

    def left_downloads(self) -> list[LeftDownload]:
        with self._snapshot():
            rows = self._all("left_downloads")
        return [
            LeftDownload(
                row["number"],
                row["transaction_code"],
                self.border.open("download|name", row["number"], row["name_sealed"]),
            )
            for row in rows
        ]

    def download_tallies(self) -> list[DownloadTally]:
        with self._snapshot():
            rows = self._all("download_tallies")
        return [
            DownloadTally(
                system=row["system"],
                transaction=row["transaction_code"],
                waiting=row["waiting"],
                unread=row["unread"],
                oldest_at=from_micros(row["oldest"]),
            )
            for row in rows
        ]

    def runs(self) -> dict[tuple[str, str], datetime]:
        with self._snapshot():
            return {(row["system"], row["name"]): from_micros(row["started_at"]) for row in self._all("runs")}

    # -- what people look at -----------------------------------------------------------------------
    def messages(self, state: str, system: str, limit: int) -> list[MessageView]:
        name = "list_waiting" if state in _WAITING else "list_messages"
        values = {"state": state, "system": system, "limit": limit}
        with self._snapshot():
            found = self.connection.execute(STATEMENTS[name], values).fetchall()
            views = [self._view(number) for (number,) in found]
        return [view for view in views if view is not None]

    def message(self, number: int) -> MessageView | None:
        with self._snapshot():
            return self._view(number)

    def _view(self, number: int) -> MessageView | None:
        row = self._one("view_message", number)
        if row is None:
            return None
        blocker = row["blocker"]
        return MessageView(
            message=number,
            submission=row["submission"],
            system=row["system"],
            transaction=row["transaction_code"],
            his_id=str(self.border.open("submission|about", row["submission"], row["about_sealed"])["id"]),
            lane=row["lane"],
            state=State(row["state"]),
            position=row["position"],
            tries=row["tries"],
            code=row["code"],
            blocked_by=blocker if blocker is not None and blocker > 0 else None,
            wire_id=self._teller.wire_id(row),
            received_at=from_micros(row["received_at"]),
            deadline_at=from_micros(row["deadline_at"]),
            blocked_by_submission=-blocker if blocker is not None and blocker < 0 else None,
        )

    def history(self, message: int) -> list[JsonObject]:
        with self._snapshot():
            attempts = [self._attempt(message, row) for row in self._all("attempts", message)]
            acts = self.connection.execute(STATEMENTS["acts"], {"message": message}).fetchall()
            told = attempts + [self._act(row) for row in acts]
        return [entry for _, entry in sorted(told, key=lambda pair: pair[0])]

    def _attempt(self, message: int, row: Row) -> tuple[int, JsonObject]:
        place = f"{message}.{row['number']}"
        note = row["note_sealed"]
        return row["started_at"], {
            "attempt": row["number"],
            "state": row["state"],
            "started_at": iso(row["started_at"]),
            "ended_at": iso(row["ended_at"]),
            "wire_id": self.border.open("attempt|ids", place, row["ids_sealed"]).get("wire_id", ""),
            "code": row["code"],
            "note": "" if note is None else self.border.open("attempt|note", place, note),
        }

    def _act(self, row: Row) -> tuple[int, JsonObject]:
        who, why = self.border.open("act|note", row["number"], row["note_sealed"])
        return row["at"], {"act": row["what"], "at": iso(row["at"]), "who": who, "why": why}

    def messages_by_wire_id(self, wire_id: str) -> tuple[int, ...]:
        key = self.border.key("wire_id", (wire_id,))
        with self._snapshot():
            return tuple(number for (number,) in self._all("messages_by_wire", key))

    def body(self, submission: int) -> JsonObject | None:
        with self._snapshot():
            row = self._one("body", submission)
        if row is None:
            return None
        content: JsonObject = self.border.open("body|content", submission, row["content_sealed"])
        return content

    def messages_of(self, submission: int) -> list[MessageView]:
        return self._views("messages_in_order", submission)

    def near_deadline(self, now: datetime, limit: int) -> list[MessageView]:
        with self._snapshot():
            rows = self._all("near_deadline", to_micros(now), limit)
            found = [(row, self._view(row["message"])) for row in rows]
        return [
            replace(view, deadline_at=from_micros(row["at"]), deadline=row["about"])
            for row, view in found
            if view is not None
        ]

    def facts(self, text: str, systems: Sequence[str], limit: int) -> list[FactView]:
        with self._snapshot():
            found = [row for system in systems for row in self._found(text, system, limit)]
        return sorted(found, key=lambda fact: fact.message, reverse=True)[:limit]

    def _found(self, text: str, system: str, limit: int) -> Iterator[FactView]:
        values: dict[str, object] = {
            "value": facts.value_key(self.border, system, text),
            "member": facts.member_key(self.border, system, text),
            "word": facts.word_key(self.border, system, text),
            "limit": limit,
        }
        for row in self.connection.execute(STATEMENTS["find_facts"], values).fetchall():
            sealed_at = facts.place(row["group_key"], row["member_key"])
            _, kind, key, member, value = self.border.open("fact|content", sealed_at, row["content_sealed"])
            yield FactView(system, kind, tuple(key), member, value, row["message"])

    def _views(self, name: str, *values: object) -> list[MessageView]:
        with self._snapshot():
            views = [self._view(number) for (number,) in self._all(name, *values) if number is not None]
        return [view for view in views if view is not None]

    def lapsed(self, now: datetime, limit: int) -> list[int]:
        with self._snapshot():
            return [number for (number,) in self._all("lapsed", to_micros(now), limit)]

    # -- what is old ------------------------------------------------------------------------------
    def count(self, name: str, before: datetime) -> int:
        with self._snapshot():
            return int(self._one(name, to_micros(before))[0])

    def acknowledged(self, before: datetime) -> list[tuple[ReplyAddress, JsonObject]]:
        with self._snapshot():
            rows = self._all("acknowledged", to_micros(before))
            return [
                (
                    ReplyAddress(*self.border.open("reply|address", row["number"], row["address_sealed"])),
                    self._teller.result(row["submission"]),
                )
                for row in rows
            ]

    def audit_records(self, after: int, limit: int) -> list[JsonObject]:
        with self._snapshot():
            return [self._record(row) for row in self._all("audit_records", after, limit)]

    def _record(self, row: Row) -> JsonObject:
        """Damage keeps nobody from exporting the rest; ``verify`` names it."""
        _, who, why = self._note(row)
        return {
            "number": row["number"],
            "at": iso(row["at"]),
            "kind": row["kind"],
            "submission": row["submission"],
            "message": row["message"],
            "details": _details(row["facts"]),
            "who": who,
            "why": why,
            "hash": bytes(row["hash"]).hex(),
        }

    def _note(self, row: Row) -> tuple[str, str, str]:
        if row["note_sealed"] is None:
            return "", "", ""
        try:
            salt, who, why = self.border.open("audit|note", row["number"], row["note_sealed"])
        except CryptoError:
            return "", DAMAGED, DAMAGED
        return salt, who, why

    def damaged_values(self) -> list[tuple[str, str]]:
        """On a connection of its own: it takes long, and others go on reading meanwhile."""
        path = self.connection.execute("SELECT file FROM pragma_database_list").fetchone()[0]
        with translated(), closing(connect_reader(Path(path))) as connection:
            return list(places.damaged(connection, self.border.sealer))

    def damaged_notes(self) -> list[int]:
        with self._snapshot():
            return [row["number"] for row in self._all("audit_notes") if not self._is_sound(row)]

    def _is_sound(self, row: Row) -> bool:
        if row["note_sealed"] is None:
            return not row["note_digest"]
        try:
            note = self.border.open("audit|note", row["number"], row["note_sealed"])
        except CryptoError:
            return False
        return note_digest(*note) == bytes(row["note_digest"])

    def last_signed(self) -> datetime | None:
        with self._snapshot():
            row = self._one("last_checkpoint")
        return None if row is None else from_micros(row["at"])

    def reserved(self) -> dict[tuple[str, str], int]:
        with self._snapshot():
            return {(row["name"], row["day"]): row["bound"] for row in self._all("all_series")}


def _details(facts: str) -> JsonObject:
    try:
        return jsontext.read_object(facts) if facts else {}
    except jsontext.JsonTextError:
        return {DAMAGED: True}
