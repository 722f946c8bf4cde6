"""What the agent does by itself: submissions that no file asks for, made when they are due.

When a run of a schedule was is kept with its submission, so that a restart neither forgets nor repeats
one; while the latest is on its way no other is begun. Times count by the monotonic clock within a run.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from typing import Final

from agent import pulse
from agent.clock import Clock
from agent.errors import ControlError, StoreError, SubmissionInvalid
from agent.events import Duty, Event, EventKind, JsonObject, Schedule, Submission, Watched
from agent.faults import crash_point
from agent.hookspecs import ProtocolAdapter
from agent.intake.prepare import digest
from agent.logs import get_logger
from agent.outbox.base import Outbox, Transaction
from agent.outbox.model import NOBODY, Accepted, LaneKey, NewSubmission

log = get_logger("agent.intake")

RETRY_S: Final = 5.0
LONGEST_REST_S: Final = 60.0
CLOCK_SET_S: Final = 1.0
"""A jump, not the steering of a clock that goes wrong."""

Stored = Callable[[list[tuple[NewSubmission, Accepted]], set[LaneKey]], None]
Key = tuple[str, str]
"""A schedule: its system and name."""


@dataclass(slots=True)
class Scheduler:
    """The thread of all schedules. ``jitter`` gives a random part of so many seconds; ``stored`` is told
    what was committed. ``run_now`` and ``again`` may be called from any thread."""

    adapters: Mapping[str, ProtocolAdapter]
    outbox: Outbox
    clock: Clock
    stopping: threading.Event
    stored: Stored
    jitter: Callable[[float], float]
    heard_until: Callable[[str], float] = lambda _system: inf
    """The monotonic moment up to which all that came into a system's inboxes is committed; -inf: none yet."""
    wakeup: threading.Event = field(default_factory=threading.Event)
    _schedules: dict[Key, Schedule] = field(init=False)
    _due_at: dict[Key, float] = field(default_factory=dict, init=False)
    _look_at: dict[str, float] = field(default_factory=dict, init=False)
    _looked: set[str] = field(default_factory=set, init=False)
    _unplanned: set[tuple[str, str]] = field(default_factory=set, init=False)
    _started: float = field(init=False)
    _gap: float = field(init=False)
    """How far the wall clock was from the monotonic one at the latest look, in seconds."""
    _clock_set: datetime | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._started = self.clock.monotonic()
        self._gap = self.clock.now().timestamp() - self._started
        self._schedules = {
            (system, schedule.name): schedule
            for system, adapter in self.adapters.items()
            for schedule in adapter.schedules()
        }

    def run(self) -> None:
        self.plan()
        while not self.stopping.is_set():
            pulse.promise(pulse.STEP_S)
            self.wakeup.clear()
            rest_s = self.tick()
            pulse.idle(rest_s)
            self.clock.wait(self.wakeup, rest_s)

    # -- by itself ------------------------------------------------------------------------------
    def plan(self) -> None:
        """When each is due first: those of each start now, the others by their last run."""
        now = self.clock.monotonic()
        ago = self._ran_s_ago()
        for key, schedule in self._schedules.items():
            if schedule.at_start:
                self._due_at[key] = now
            elif schedule.every_s:
                self._due_at[key] = now + self._first_wait_s(schedule, ago.get(key))

    def _first_wait_s(self, schedule: Schedule, ran_s_ago: float | None) -> float:
        """A run in the future (a clock set back) is no reason to wait longer than a period."""
        passed = schedule.every_s if ran_s_ago is None else max(0.0, ran_s_ago)
        return max(0.0, schedule.every_s - passed) + self.jitter(schedule.jitter_s)

    def _ran_s_ago(self) -> dict[Key, float]:
        now = self.clock.now()
        return {key: (now - began).total_seconds() for key, began in self.outbox.runs().items()}

    def tick(self) -> float:
        """Begin what is due; returns the seconds until the next may be. A plugin that fails costs its
        own schedule a run."""
        now = self.clock.monotonic()
        for key in [key for key, due_at in self._due_at.items() if due_at <= now]:
            schedule = self._schedules[key]
            try:
                self._begin(key[0], schedule)
            except StoreError as error:
                log.error("schedule waits for the outbox", schedule=schedule.name, code=error.code)
                self._due_at[key] = now + RETRY_S
            except Exception:
                log.exception("schedule cannot be run", schedule=schedule.name)
                self._put_off(key, schedule, now)
            else:
                self._put_off(key, schedule, now)
        self._see_to_duties(now)
        next_at = min((*self._due_at.values(), *self._look_at.values()), default=now + LONGEST_REST_S)
        return min(LONGEST_REST_S, max(0.0, next_at - now))

    def _put_off(self, key: Key, schedule: Schedule, now: float) -> None:
        del self._due_at[key]
        if schedule.every_s:
            self._due_at[key] = now + schedule.every_s + self.jitter(schedule.jitter_s)

    def _begin(self, system: str, schedule: Schedule, who: str = "", why: str = "") -> Accepted | None:
        """One run with the schedule's own data; None while the latest is on its way."""
        submission = self.adapters[system].scheduled(schedule, {}, self.clock.now())
        new = self._new(system, submission)
        crash_point("schedules.before_commit")
        with self.outbox.write() as tx:
            accepted = tx.begin_run(schedule.name, new)
            if accepted is not None and who:
                _record(tx, schedule, accepted, who, why)
        crash_point("schedules.after_commit")
        if accepted is None:
            log.info("schedule is still under way", schedule=schedule.name)
            return None
        self._tell(new, accepted)
        return accepted

    # -- because of what is known ----------------------------------------------------------------
    def _see_to_duties(self, now: float) -> None:
        """What the facts demand of each system that wants to be asked, as often as it wants to."""
        for system, adapter in self.adapters.items():
            every_s = adapter.duties_every_s()
            if not every_s or self._look_at.get(system, now) > now:
                continue
            try:
                self._do_duties(system, adapter)
            except StoreError as error:
                log.error("duties wait for the outbox", system=system, code=error.code)
            except Exception:
                log.exception("duties cannot be done", system=system)
            self._look_at[system] = now + every_s

    def _do_duties(self, system: str, adapter: ProtocolAdapter) -> None:
        """One commit: what is known now is what they are done for."""
        watched = self._watched(system)
        begun: list[tuple[NewSubmission, Accepted]] = []
        with self.outbox.write() as tx:
            for duty in adapter.duties(tx.history(system), watched):
                if duty.submission is not None:
                    new = self._planned(system, duty)
                    if new is None:
                        continue
                    accepted = tx.begin_run(duty.name, new)
                    if accepted is None:
                        continue
                    begun.append((new, accepted))
                if duty.given or duty.forgotten:
                    tx.give_facts(system, duty.given, duty.forgotten)
            crash_point("schedules.before_commit")
        crash_point("schedules.after_commit")
        self._looked.add(system)
        for new, accepted in begun:
            log.info("duty begun", system=system, transaction=new.transaction)
            self._tell(new, accepted)

    def _watched(self, system: str) -> Watched:
        """Wall times are made of monotonic ones, so that they are right whatever became of the clock."""
        now, monotonic = self.clock.now(), self.clock.monotonic()
        gap = now.timestamp() - monotonic
        if abs(gap - self._gap) > CLOCK_SET_S:
            log.warning("the wall clock was set", by_s=round(gap - self._gap))
            self._clock_set = now
        self._gap = gap
        until = self.heard_until(system)
        heard = None if until == -inf else now - timedelta(seconds=max(0.0, monotonic - until))
        started = now - timedelta(seconds=monotonic - self._started)
        return Watched(now, system not in self._looked, heard, started, self._clock_set)

    def _planned(self, system: str, duty: Duty) -> NewSubmission | None:
        """What one duty is to send; None for one that cannot be planned, which holds up no other. The log is
        told once."""
        try:
            new = self._new(system, duty.submission) if duty.submission is not None else None
        except SubmissionInvalid as error:
            if (system, duty.name) not in self._unplanned:
                fields = [fault.field or fault.pointer for fault in error.faults]
                log.error("duty cannot be planned", system=system, duty=duty.name, fields=fields)
            self._unplanned.add((system, duty.name))
            return None
        self._unplanned.discard((system, duty.name))
        return new

    # -- by a person ----------------------------------------------------------------------------
    def run_now(
        self, system: str, name: str, given: JsonObject, *, who: str, why: str = ""
    ) -> list[Accepted]:
        """Run what has this name, or all schedules of this transaction; with ``given`` fields however
        many are under way. Raises ControlError, StoreError."""
        found = list(self._named(system, name))
        if not found:
            known = "、".join(dict.fromkeys(schedule.name for schedule in self._schedules.values()))
            hint = f"可用：{known}" if known else "请先在该系统的配置里填 download_roles"
            raise _refused(f"没有名为 {name} 的下载", hint, "not_found")
        begun = [self._run_one(key[0], schedule, given, who, why) for key, schedule in found]
        accepted = [one for one in begun if one is not None]
        if not accepted:
            raise _refused(f"{name} 正在进行中", "请等它结束后再执行", "under_way")
        return accepted

    def _run_one(
        self, system: str, schedule: Schedule, given: JsonObject, who: str, why: str
    ) -> Accepted | None:
        try:
            if not given:
                return self._begin(system, schedule, who, why)
            submission = self.adapters[system].scheduled(schedule, given, self.clock.now())
            return self._accept(system, schedule, submission, who, why)
        except SubmissionInvalid as error:
            raise _invalid(error) from None

    def again(
        self,
        system: str,
        transaction: str,
        *,
        wire_id: str,
        since: datetime | None,
        until: datetime | None,
        who: str,
        why: str = "",
    ) -> Accepted:
        """Ask a system to hand out again what it handed out (see :meth:`ProtocolAdapter.again`).
        Raises ControlError, StoreError."""
        found = next(self._named(system, transaction), None)
        if found is None:
            raise _refused(f"没有名为 {transaction} 的下载", "请核对交易编号和 download_roles", "not_found")
        (owner, _), schedule = found
        try:
            submission = self.adapters[owner].again(
                schedule.transaction, wire_id=wire_id, since=since, until=until
            )
            return self._accept(owner, schedule, submission, who, why)
        except SubmissionInvalid as error:
            raise _invalid(error) from None

    def submit(self, submission: Submission, who: str, why: str) -> int:
        """Store a submission of the agent's own that a person asked for; its number.
        Raises SubmissionInvalid, StoreError."""
        new = self._new(submission.system, submission)
        with self.outbox.write() as tx:
            accepted = tx.accept(new)
            details: dict[str, str | int] = {
                "transaction": new.transaction,
                "submission": accepted.submission,
            }
            tx.record("submission.asked", details, who=who, why=why)
        self._tell(new, accepted)
        return accepted.submission

    def _named(self, system: str, name: str) -> Iterator[tuple[Key, Schedule]]:
        for key, schedule in self._schedules.items():
            if system in ("", key[0]) and name in (schedule.name, schedule.transaction):
                yield key, schedule

    # -- storing --------------------------------------------------------------------------------
    def _new(self, system: str, submission: Submission) -> NewSubmission:
        """Raises SubmissionInvalid."""
        now = self.clock.now()
        event = Event(_event_id(now), "schedules", EventKind.TICK, submission.transaction, now, b"")
        plan = self.adapters[system].plan(submission, now)
        return NewSubmission(
            event_id=event.id,
            system=system,
            transaction=submission.transaction,
            id="",
            digest=digest(submission, plan),
            reply=NOBODY,
            received_at=now,
            occurred_at=submission.occurred_at or now,
            drafts=plan.drafts,
            warnings=plan.warnings,
        )

    def _accept(
        self, system: str, schedule: Schedule, submission: Submission, who: str, why: str
    ) -> Accepted:
        new = self._new(system, submission)
        with self.outbox.write() as tx:
            accepted = tx.accept(new)
            _record(tx, schedule, accepted, who, why)
        self._tell(new, accepted)
        return accepted

    def _tell(self, new: NewSubmission, accepted: Accepted) -> None:
        self.stored([(new, accepted)], {LaneKey(new.system, d.lane, d.parallel) for d in new.drafts})

    # -- to be seen -----------------------------------------------------------------------------
    def state(self) -> list[JsonObject]:
        """Every schedule that runs by itself, with the seconds since its last run and until its next."""
        now, ago = self.clock.monotonic(), self._ran_s_ago()
        due = dict(self._due_at)
        return [
            {
                "system": key[0],
                "name": schedule.name,
                "about": schedule.about,
                "every_s": schedule.every_s,
                "ran_s_ago": round(ago[key]) if key in ago else None,
                "due_in_s": round(max(0.0, due[key] - now)) if key in due else None,
            }
            for key, schedule in self._schedules.items()
            if schedule.every_s
        ]


def _record(tx: Transaction, schedule: Schedule, accepted: Accepted, who: str, why: str) -> None:
    """A person's wish, in the audit trail."""
    details: dict[str, str | int] = {"schedule": schedule.name, "submission": accepted.submission}
    tx.record("download.asked", details, who=who, why=why)


def _event_id(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%S%f}{secrets.token_hex(6)}t"


def _invalid(error: SubmissionInvalid) -> ControlError:
    listed = "；".join(f"{fault.pointer or '/'} {fault.message}" for fault in error.faults)
    return _refused(f"不能执行：{listed}", "请补充或更正字段，格式 字段=值", "invalid")


def _refused(message: str, hint: str, code: str) -> ControlError:
    return ControlError(message, hint=hint, details={"code": code})
