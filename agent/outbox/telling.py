"""Tells a submission's result from what is stored: opens the pieces and has them composed.

Works on any connection: the reader's for results that are due, the writer's for those that are kept when
their messages are purged.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import Any

from agent import courtesy
from agent.events import JsonObject
from agent.outbox.drafts import value_draft
from agent.outbox.explaining import Blocker
from agent.outbox.model import FINAL, AttemptState, State
from agent.outbox.results import Part, Story, compose
from agent.outbox.sealed import Border
from agent.outbox.statements import STATEMENTS
from agent.outbox.work import Row

_EXPLAINED = frozenset({State.UNKNOWN, State.PARKED, State.HELD})
_NO_ANSWER: JsonObject = {"message": "", "data": {}, "rows": []}


@dataclass(frozen=True, slots=True)
class Teller:
    """``polite``: others go first meanwhile (:mod:`agent.courtesy`). Never where one of those may wait for
    what the caller holds."""

    connection: sqlite3.Connection
    border: Border
    polite: bool = False

    def _all(self, statement: str, *values: object) -> list[Any]:
        return self.connection.execute(STATEMENTS[statement], values).fetchall()

    def _one(self, statement: str, *values: object) -> Any:
        return self.connection.execute(STATEMENTS[statement], values).fetchone()

    def result(self, submission: int) -> JsonObject:
        """The result as it is to be written now; the submission must exist."""
        kept = self._one("kept_result", submission)
        if kept is not None:
            result: JsonObject = self.border.open("kept_result|content", submission, kept["content_sealed"])
            return result
        return compose(self._story(self._one("submission", submission)), polite=self.polite)

    def _story(self, row: Row) -> Story:
        number = row["number"]
        about = self.border.open("submission|about", number, row["about_sealed"])
        blocked = row["state"] == State.BLOCKED
        return Story(
            id=about["id"],
            system=row["system"],
            transaction=row["transaction_code"],
            state=row["state"],
            revision=row["revision"],
            faults=about["faults"],
            warnings=about["warnings"],
            expired_says=about["expired_says"],
            received_at=row["received_at"],
            finished_at=row["finished_at"],
            deadline_at=row["deadline_at"],
            rows_total=row["rows_total"],
            wants=about.get("wants", ()) if row["staged"] else (),
            awaits=about.get("awaits", "") if row["staged"] else "",
            replaced_by=self._id_of(row["replaced_by"]) if row["replaced_by"] else "",
            parts=self._parts(number, final=row["state"] in FINAL),
            blockers=[self._blocker(one) for one in self._all("blockers", number)] if blocked else [],
        )

    def _parts(self, number: int, *, final: bool) -> list[Part]:
        """The messages; of batches the answers without their lists, which say again what the rows say."""
        messages = self._all("result_messages", number)
        paced = courtesy.politely(messages, 4) if self.polite else messages
        parts = (self._part(message, final=final) for message in paced)
        return [_headed(part) if len(messages) > 1 else part for part in parts]

    def _part(self, row: Row, *, final: bool) -> Part:
        """A message. Answers are opened when all are there: an interim result tells how far it is, and
        comes once a second for submissions of a million rows too."""
        sealed = row["content_sealed"] if final or row["state"] in _EXPLAINED else None
        answer = _NO_ANSWER if sealed is None else self.border.open("answer|content", row["number"], sealed)
        left = row["attempt"] is not None and row["attempt_state"] != AttemptState.WITHDRAWN
        return Part(
            transaction=row["transaction_code"],
            state=row["state"],
            code=row["code"],
            message=answer["message"],
            data=answer["data"],
            rows=answer["rows"],
            faults=answer.get("faults", []),
            settled_by=row["settled_by"],
            attempts=row["tries"],
            row_range=None if row["row_from"] is None else (row["row_from"], row["row_to"]),
            wire_id=self.wire_id(row) if left else "",
            sent_at=row["started_at"] if left else None,
            serves=bool(row["serves"]),
            doubted=bool(row["doubted"]),
            once=row["state"] == State.UNKNOWN and self._once(row["number"]),
        )

    def _once(self, message: int) -> bool:
        sealed = self._one("draft", message)["content_sealed"]
        return value_draft(self.border.open("draft|content", message, sealed)).once

    def wire_id(self, row: Row) -> str:
        """The main wire id of the attempt that a row was joined with."""
        if row["attempt"] is None:
            return ""
        place = f"{row['number']}.{row['attempt']}"
        ids: dict[str, str] = self.border.open("attempt|ids", place, row["ids_sealed"])
        return ids.get("wire_id", "")

    def _blocker(self, row: Row) -> Blocker:
        about = self.border.open("submission|about", row["submission"], row["about_sealed"])
        return Blocker(about["id"], row["transaction_code"], row["state"])

    def _id_of(self, submission: int) -> str:
        row = self._one("about", submission)
        about = self.border.open("submission|about", submission, row["about_sealed"])
        return str(about["id"])


def _headed(part: Part) -> Part:
    if part.row_range is None or not part.rows:
        return part
    head = {key: value for key, value in part.data.items() if not isinstance(value, list)}
    return replace(part, data=head)
