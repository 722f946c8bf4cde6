"""What an adapter inherits whose messages need nothing of earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from agent.errors import Fault, SubmissionInvalid
from agent.events import (
    Completion,
    Debt,
    Draft,
    Duty,
    FileReference,
    Forget,
    History,
    JsonObject,
    Outcome,
    Proofs,
    Reading,
    Schedule,
    Submission,
    Verdict,
    WaitItem,
    Watched,
)
from agent.protocol.awaiting import taken


class Unaided:
    """Sends every draft as it was planned; a person's word that it was accepted yields nothing; does
    nothing by itself."""

    __slots__ = ()

    def attachments(self, submission: Submission) -> tuple[FileReference, ...]:
        return ()

    def awaited(self, submission: Submission, reading: Reading | None) -> Submission:
        return taken(submission, {}, reading)

    def proofs(self, transaction: str, data: JsonObject | None) -> Proofs | None:
        return None

    def items(self, submission: Submission) -> tuple[WaitItem, ...]:
        return ()

    def complete(self, draft: Draft, history: History, *, forced: bool) -> Completion:
        return Completion(draft)

    def resolved(self, draft: Draft, ids: Mapping[str, str], data: JsonObject) -> Outcome:
        return Outcome(Verdict.ACCEPTED, data=data)

    def debts(self, history: History) -> tuple[Debt, ...]:
        return ()

    def duties_every_s(self) -> float:
        return 0.0

    def duties(self, history: History, watched: Watched) -> tuple[Duty, ...]:
        return ()

    def restored(self, history: History) -> tuple[Forget, ...]:
        return ()

    def acknowledged(self, draft: Draft, data: JsonObject, history: History) -> Outcome:
        return Outcome(Verdict.ACCEPTED)

    def schedules(self) -> tuple[Schedule, ...]:
        return ()

    def scheduled(self, schedule: Schedule, given: JsonObject, now: datetime) -> Submission:
        raise SubmissionInvalid([_NO_DOWNLOADS])

    def again(
        self, transaction: str, *, wire_id: str, since: datetime | None, until: datetime | None
    ) -> Submission:
        raise SubmissionInvalid([_NO_DOWNLOADS])


_NO_DOWNLOADS = Fault("/transaction", "no_downloads", "本系统没有配置下载")
