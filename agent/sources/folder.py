"""A watched folder as a source (his-contract, "When is a file complete, and in which order").

A file stays in the inbox until it is claimed: renamed to ``<taking>/<event id>-<name>``. From then on
the name in the taking folder is the record of the claim; nothing else has to survive a crash. A
rename that a power failure undoes brings the file back into the inbox, where it is claimed under a
new event id; the HIS's own id then shows that it is the same submission.
"""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from datetime import datetime

from agent.clock import Clock
from agent.errors import ConfigurationError
from agent.glances import Glance
from agent.logs import get_logger
from agent.sources.arrivals import Arrival, Arrivals
from agent.sources.base import Claimed, ClaimKind, Condition, SourceError, SourceState
from agent.sources.claims import Claims
from agent.sources.completeness import (
    Judgement,
    Verdict,
    first_look,
    judge,
    note_waiting,
    patience_s,
)
from agent.sources.content import read_claimed
from agent.sources.event_ids import Mark
from agent.sources.file_names import kind_of
from agent.sources.filing import Filing
from agent.sources.inbox import Inbox
from agent.sources.settings import FolderSettings

log = get_logger("agent.sources.folder")

_BLOCKED_S = 0.25
"""How soon to try again what somebody's hold on a file prevented."""


class FolderSource:
    """See :class:`agent.sources.base.Source`. Files of one folder; one process per folder."""

    def __init__(self, settings: FolderSettings, clock: Clock, before: Glance | None = None) -> None:
        """``before``: how the inbox looked while the agent started."""
        self._settings = settings
        self._clock = clock
        self._before = before or Glance()
        self._lock = threading.RLock()
        self._wakeup = threading.Event()
        self._arrivals = Arrivals()
        self._claims = Claims(settings)
        self._inbox = Inbox(settings, self._claims, self._arrivals, self._wakeup)
        self._filing = Filing(settings.name, settings.rescan_s)
        self._generation = 0
        self._held: dict[str, Arrival] = {}
        self._replays: dict[str, Claimed] = {}
        self._replay_at = 0.0
        self._again_at = math.inf
        self._stuck = 0
        self._broken = ""

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def wakeup(self) -> threading.Event:
        return self._wakeup

    def due_in(self) -> float:
        replay_at = self._replay_at if self._replays else math.inf
        due = min(self._inbox.due_at(), self._again_at, replay_at, self._filing.due_at)
        return max(0.0, due - self._clock.monotonic())

    def state(self) -> SourceState:
        if self._broken:
            return SourceState(Condition.FAILED, self._broken)
        if self._inbox.trouble:
            return SourceState(Condition.WAITING, self._inbox.trouble)
        if not self._inbox.writable:
            return SourceState(
                Condition.WAITING, "收件文件夹不可写，放入的文件取不走，请检查权限；恢复后自动继续"
            )
        if self._filing:
            count = len(self._filing)
            return SourceState(
                Condition.WAITING, f"{count} 个处理完的文件移不走，请检查归档文件夹的空间和权限"
            )
        remarks = {
            "收不到文件变动通知，改为定时扫描": not self._inbox.watching,
            f"{self._stuck} 个文件被别的程序占用或没有权限，无法取走": self._stuck,
            f"忽略了 {self._inbox.ignored} 个不是普通文件的项": self._inbox.ignored,
        }
        sentence = "；".join(remark for remark, applies in remarks.items() if applies)
        return SourceState(Condition.RUNNING, sentence or "正常")

    def taken_until(self) -> float:
        """The latest rescan, when nothing waits since: hints may be lost. A control file that nobody can
        take is waited for all the same: its name says that the HIS has decided something."""
        with self._lock:
            waiting = self._arrivals.unconfirmed or any(
                not arrival.stuck or kind_of(arrival.name) is ClaimKind.CONTROL for arrival in self._arrivals
            )
            if waiting or self._replays or self._inbox.trouble or self._broken:
                return -math.inf
            return self._inbox.scanned_at

    def start(self) -> None:
        with self._lock:
            self._held.clear()
            self._replays.clear()
            try:
                self._inbox.open(self._clock.monotonic())
                self._load_replays()
            except OSError as error:
                self._inbox.lose(error)

    def stop(self) -> None:
        with self._lock:
            self._inbox.close()

    def take(self, limit: int) -> list[Claimed]:
        self._wakeup.clear()
        with self._lock:
            now = self._clock.monotonic()
            self._filing.try_again(now)
            self._look(now)
            self._first_looks(now)
            self._again_at = math.inf
            batch = self._replayed(limit, now)
            if not (self._replays or self._inbox.trouble or self._broken):
                self._claim_complete(batch, limit, now)
            return batch

    def read(self, claimed: Claimed) -> bytes:
        try:
            return read_claimed(claimed, self._settings.max_bytes)
        except SourceError:
            self.unreadable(claimed)
            raise

    def unreadable(self, claimed: Claimed) -> None:
        with self._lock:
            arrival = self._held.get(claimed.event_id)
            if arrival is not None and arrival.unreadable_since is None:
                arrival.unreadable_since = self._clock.monotonic()

    def acknowledge(self, claimed: Claimed, accepted: bool, now: datetime) -> None:
        settings = self._settings
        folder = settings.archive / now.strftime("%Y/%m/%d") if accepted else settings.rejected
        with self._lock:
            self._held.pop(claimed.event_id, None)
            self._filing.file(claimed, folder, self._clock.monotonic())

    def give_back(self, claimed: Claimed) -> None:
        with self._lock:
            now = self._clock.monotonic()
            arrival = self._held.get(claimed.event_id)
            if arrival is None or claimed.event_id in self._replays:
                return
            if not self._claims.grown(claimed, arrival.looks):
                self._offer_again(claimed, now + _BLOCKED_S)
            elif self._put_back(arrival, claimed, now):
                self._arrivals.restore(arrival)
                self._again_at = min(self._again_at, now + _BLOCKED_S)

    def _first_looks(self, now: float) -> None:
        newcomers = self._arrivals.newcomers()
        for arrival in newcomers:
            first_look(arrival, self._settings, now, self._before)
        if newcomers:
            self._before = Glance()

    # -- seeing ---------------------------------------------------------------------------------
    def _look(self, now: float) -> None:
        try:
            self._inbox.look(now, self._clock.now())
            if self._inbox.generation != self._generation:
                self._load_replays()
        except ConfigurationError as error:
            self._broken = str(error)
        except OSError as error:
            self._inbox.lose(error)
        else:
            self._broken = ""

    def _load_replays(self) -> None:
        """Claims of a former run, or of this one before the folder went away, come first."""
        unknown = [
            claimed
            for claimed in self._claims.unfinished()
            if claimed.event_id not in self._held and claimed.event_id not in self._filing
        ]
        for place, claimed in enumerate(unknown, start=-len(unknown)):
            arrival = Arrival(claimed.file_name, place, claimed.seen_at, renamed=claimed.atomic)
            self._held[claimed.event_id] = arrival
            self._offer_again(claimed, self._clock.monotonic())
        self._generation = self._inbox.generation

    def _replayed(self, limit: int, now: float) -> list[Claimed]:
        if now < self._replay_at:
            return []
        return [self._replay(event_id, now) for event_id in sorted(self._replays)[:limit]]

    def _replay(self, event_id: str, now: float) -> Claimed:
        since = self._held[event_id].unreadable_since
        overdue = since is not None and now - since >= patience_s(self._settings)
        claimed = self._replays.pop(event_id)
        return replace(claimed, incomplete=True) if overdue else claimed

    def _offer_again(self, claimed: Claimed, at: float) -> None:
        self._replays[claimed.event_id] = claimed
        self._replay_at = at

    # -- claiming -------------------------------------------------------------------------------
    def _claim_complete(self, batch: list[Claimed], limit: int, now: float) -> None:
        """Add complete files to ``batch``, in order, up to the first incomplete one."""
        done: list[Arrival] = []
        self._stuck = 0
        for arrival in self._arrivals:
            if self._replays:
                break
            if len(batch) >= limit:
                self._again_at = now
                break
            outcome = self._claim(arrival, now)
            if isinstance(outcome, Claimed):
                batch.append(outcome)
                self._held[outcome.event_id] = arrival
            if not isinstance(outcome, float):
                done.append(arrival)
                continue
            self._again_at = min(self._again_at, outcome)
            if not arrival.stuck:
                break
            self._stuck += 1
        for arrival in done:
            self._arrivals.remove(arrival)

    def _claim(self, arrival: Arrival, now: float) -> Claimed | float | None:
        """The claim, None for a file that is gone, or when to look at it again."""
        try:
            judgement = judge(arrival, self._settings, now)
            if judgement.verdict is Verdict.GONE or judgement.info is None:
                return None
            if judgement.verdict is Verdict.INCOMPLETE:
                return judgement.again_at
            claimed = self._claims.claim(arrival, judgement.info, judgement.mark)
        except FileNotFoundError:
            return None if self._claims.there() else self._blocked(arrival, now)
        except OSError:
            return self._blocked(arrival, now)
        arrival.stuck = False
        self._remove_marker(arrival)
        return self._unless_growing(arrival, claimed, judgement, now)

    def _unless_growing(
        self, arrival: Arrival, claimed: Claimed, judgement: Judgement, now: float
    ) -> Claimed | float | None:
        """A settled file that changed between the last look and the claim goes back."""
        if judgement.mark is not Mark.SETTLED or not self._claims.grown(claimed, arrival.looks):
            return claimed
        self._held[claimed.event_id] = arrival
        if self._put_back(arrival, claimed, now):
            return now + self._settings.settle_ms / 1000
        return None

    def _put_back(self, arrival: Arrival, claimed: Claimed, now: float) -> bool:
        """Whether the file is in the inbox again. Else it is gone, or, where a new file has its name
        or the move fails, it stays claimed and will be offered again."""
        try:
            self._claims.put_back(claimed)
        except FileNotFoundError:
            del self._held[claimed.event_id]
            return False
        except OSError:
            self._offer_again(self._claims.looked_at_again(claimed), now + self._settings.rescan_s)
            return False
        del self._held[claimed.event_id]
        return True

    def _blocked(self, arrival: Arrival, now: float) -> float:
        """It cannot be claimed now: try again, and let others pass when it takes too long."""
        waiting_since = note_waiting(arrival, self._settings, now)
        if not arrival.stuck and now - waiting_since >= patience_s(self._settings):
            arrival.stuck = True
            log.warning("file_stuck", folder=self.name)
        return now + (self._settings.rescan_s if arrival.stuck else _BLOCKED_S)

    def _remove_marker(self, arrival: Arrival) -> None:
        if self._settings.marker:
            try:
                (self._settings.inbox / f"{arrival.name}{self._settings.marker}").unlink(missing_ok=True)
            except OSError as error:
                log.warning("marker_not_removed", folder=self.name, errno=error.errno)
