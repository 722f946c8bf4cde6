"""One commit of the SQLite outbox: the contract's methods, each handed to the module of its concern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from agent.audit.model import Head as AuditHead
from agent.audit.model import Sign
from agent.errors import Fault
from agent.events import Awaited, Draft, Forget, Identifier, JsonObject, Outcome, Scope
from agent.outbox import (
    auditing,
    claiming,
    deciding,
    facts,
    holding,
    intake,
    purging,
    receiving,
    restoring,
    settling,
    staging,
    submissions,
    waits,
)
from agent.outbox.base import Acknowledged, Resolved
from agent.outbox.drafts import Packed
from agent.outbox.facts import Facts
from agent.outbox.model import (
    Accepted,
    Attempt,
    Cancelled,
    Head,
    LaneKey,
    NewSubmission,
    Registered,
    ReplyAddress,
    SealedOutcome,
    Settled,
    State,
)
from agent.outbox.work import Details, Work


class SqliteTransaction:
    """See :class:`agent.outbox.base.Transaction`. Lives as long as its ``write()`` block."""

    __slots__ = ("_work",)

    def __init__(self, work: Work) -> None:
        self._work = work

    # -- intake ---------------------------------------------------------------------------------
    def accept(self, new: NewSubmission) -> Accepted:
        return intake.accept(self._work, new)

    def stage(self, new: NewSubmission) -> Accepted:
        return intake.stage(self._work, new)

    def extend(self, submission: int, drafts: Sequence[Draft | Packed]) -> None:
        staging.extend(self._work, submission, drafts)

    def publish(self, submission: int) -> Accepted:
        return staging.publish(self._work, submission)

    def keep_file(self, submission: int, digest: str, content: bytes) -> None:
        staging.keep_file(self._work, submission, digest, content)

    def await_files(self, submission: int) -> None:
        staging.await_files(self._work, submission)

    def fulfil(self, submission: int, new: NewSubmission) -> Accepted:
        return intake.fulfil(self._work, submission, new)

    def abandon(self, submission: int, faults: Sequence[Fault]) -> None:
        staging.abandon(self._work, submission, faults)

    # -- scans and cards ------------------------------------------------------------------------
    def scan_known(self, event_id: str) -> bool:
        return waits.is_known(self._work, event_id)

    def take_scan(self, submission: int, event_id: str, content: JsonObject) -> bool:
        return waits.take(self._work, submission, event_id, content)

    def undo_scan(self, submission: int, who: str) -> bool:
        return waits.undo(self._work, submission, who)

    def lapse(self, submission: int, now: datetime) -> bool:
        return waits.lapse(self._work, submission, now)

    # -- dispatch -------------------------------------------------------------------------------
    def head(
        self,
        lane: LaneKey,
        *,
        strict: bool = False,
        skip: frozenset[int] = frozenset(),
        beside: bool = False,
    ) -> Head | None:
        return claiming.head(self._work, lane, strict=strict, skip=skip, beside=beside)

    def history(self, system: str) -> Facts:
        return Facts(self._work, system)

    def give_facts(
        self,
        system: str,
        identifiers: Iterable[Identifier],
        forgotten: Iterable[Forget] = (),
        *,
        message: int = 0,
    ) -> None:
        facts.forget(self._work, system, forgotten)
        sealed = facts.seal(self._work.border, system, identifiers)
        holding.came(self._work, facts.give(self._work, message, sealed))

    def hold(self, message: int, awaits: Sequence[Awaited]) -> None:
        holding.hold(self._work, message, awaits)

    def refuse(self, message: int, faults: Sequence[Fault], now: datetime, *, alone: bool = False) -> Settled:
        return settling.refuse(self._work, message, faults, now, alone=alone)

    def give_slots(self, message: int, values: Mapping[str, str]) -> None:
        settling.give_slots(self._work, self._work.need("message", message)["submission"], values)

    def warn(self, message: int, warnings: Sequence[Fault]) -> None:
        submissions.warn(self._work, message, warnings)

    def begin(
        self, message: int, ids: Mapping[str, str], now: datetime, draft: Draft | None = None
    ) -> Attempt:
        return claiming.begin(self._work, message, ids, now, draft)

    def withdraw(self, message: int, attempt: int) -> None:
        claiming.withdraw(self._work, message, attempt)

    def retry(self, message: int, attempt: int, code: str, text: str) -> None:
        claiming.retry(self._work, message, attempt, code, text)

    def doubt(self, message: int, attempt: int, why: str, now: datetime) -> None:
        claiming.doubt(self._work, message, attempt, why, now)

    def in_doubt(self, system: str, scope: Scope) -> list[Head]:
        return claiming.in_doubt(self._work, system, scope)

    def is_inquiring(self, message: int) -> bool:
        return bool(self._work.need("message", message)["state"] == State.INQUIRING)

    def note_negative(self, message: int, now: datetime) -> int:
        return claiming.note_negative(self._work, message, now)

    def clear_doubt(self, message: int) -> None:
        claiming.clear_doubt(self._work, message)

    def settle(
        self,
        message: int,
        outcome: Outcome,
        now: datetime,
        *,
        attempt: int = 0,
        sealed: SealedOutcome | None = None,
    ) -> Settled:
        return settling.settle(self._work, message, outcome, now, attempt, sealed)

    def leave_unknown(self, message: int, why: str, now: datetime) -> Settled:
        return deciding.leave_unknown(self._work, message, why, now)

    def park(self, message: int, why: str, now: datetime) -> Settled:
        return deciding.park(self._work, message, why, now)

    def expire(self, message: int, now: datetime) -> Settled:
        return deciding.expire(self._work, message, now)

    def expire_lapsed(self, now: datetime, limit: int = 100) -> list[Settled]:
        return deciding.expire_lapsed(self._work, now, limit)

    # -- replies --------------------------------------------------------------------------------
    def mark_replied(self, replies: Iterable[tuple[int, int]]) -> None:
        submissions.mark_replied(self._work, replies)

    # -- downloads ------------------------------------------------------------------------------
    def mark_downloaded(self, downloads: Iterable[int]) -> None:
        receiving.mark_written(self._work, downloads)

    def mark_taken(self, downloads: Iterable[int]) -> None:
        receiving.mark_taken(self._work, downloads)

    def begin_run(self, schedule: str, new: NewSubmission) -> Accepted | None:
        if receiving.is_under_way(self._work, new.system, schedule):
            return None
        accepted = intake.accept(self._work, new)
        receiving.note_run(self._work, schedule, new, accepted)
        return accepted

    # -- people and control files -----------------------------------------------------------------
    def find(self, system: str, his_id: str, transaction: str = "") -> tuple[int, ...]:
        return deciding.find(self._work, system, his_id, transaction)

    def cancel(self, submission: int, who: str, why: str, now: datetime) -> Cancelled:
        return deciding.cancel(self._work, submission, who, why, now)

    def resolve(
        self,
        message: int,
        verdict: str,
        data: JsonObject,
        who: str,
        why: str,
        now: datetime,
        resolved: Resolved,
    ) -> Settled:
        return deciding.resolve(self._work, message, verdict, data, who, why, now, resolved)

    def skip(self, message: int, who: str, why: str, now: datetime) -> int:
        return deciding.skip(self._work, message, who, why, now)

    def acknowledge(
        self, submission: int, who: str, now: datetime, acknowledged: Acknowledged | None = None
    ) -> tuple[ReplyAddress, ...]:
        return deciding.acknowledge(self._work, submission, who, now, acknowledged)

    def note_control(self, event_id: str, done: bool) -> None:
        self._work.run("note_control", self._work.border.key("event", (event_id,)), done)

    def control_done(self, event_id: str) -> bool | None:
        row = self._work.one("control_event", self._work.border.key("event", (event_id,)))
        return None if row is None else bool(row["done"])

    def skip_submission(self, submission: int, who: str, why: str, now: datetime) -> int:
        return deciding.skip_submission(self._work, submission, who, why, now)

    def purge(self, before: datetime, limit: int = 200) -> int:
        return purging.purge(self._work, before, limit)

    # -- after a backup was restored --------------------------------------------------------------
    def hold_unfinished(self, now: datetime) -> tuple[int, int]:
        return restoring.hold_unfinished(self._work, now)

    def register_unknown(self, new: NewSubmission, now: datetime) -> Registered:
        return restoring.register(self._work, new, now)

    def conclude(self, submission: int, verdict: State, who: str, why: str, now: datetime) -> bool:
        return restoring.conclude(self._work, submission, verdict, who, why, now)

    # -- the audit trail ------------------------------------------------------------------------
    def record(self, kind: str, details: Details, *, who: str = "", why: str = "") -> None:
        self._work.note(kind, details=details, who=who, why=why)

    def sign_audit(self, sign: Sign, now: datetime) -> AuditHead:
        return auditing.checkpoint(self._work, sign, now)

    def purge_audit(self, before: datetime) -> int:
        return auditing.purge(self._work, before)

    # -- numbers --------------------------------------------------------------------------------
    def reserve(self, series: str, day: str, upto: int) -> int:
        row = self._work.one("series_bound", series, day)
        former = 0 if row is None else int(row["bound"])
        if upto > former:
            self._work.run("set_series", series, day, upto)
        return former

    def forget_series(self, before_day: str) -> None:
        self._work.run("forget_series", before_day)
