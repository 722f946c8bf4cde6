"""The download verbs: run one now, ask a system to hand out again, see what is unread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from agent.clock import BEIJING
from agent.errors import ControlError

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.events import JsonObject
    from agent.outbox.base import Outbox
    from agent.outbox.model import Accepted, DownloadTally


class Runner(Protocol):
    """What these verbs ask of :class:`agent.intake.schedules.Scheduler`."""

    def run_now(
        self, system: str, name: str, given: JsonObject, *, who: str, why: str = ""
    ) -> list[Accepted]: ...

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
    ) -> Accepted: ...

    def state(self) -> list[JsonObject]: ...


class DownloadHandlers:
    """Answers hold no payloads."""

    def __init__(
        self,
        outbox: Outbox,
        runner: Runner,
        trouble: Callable[[], int],
        clock: Clock,
        unread_after_h: float,
    ) -> None:
        self._outbox = outbox
        self._runner = runner
        self._trouble = trouble
        self._clock = clock
        self._unread_after = timedelta(hours=unread_after_h)

    def handlers(self) -> Mapping[str, Callable[[JsonObject], JsonObject]]:
        return {"download.list": self.list, "download.run": self.run, "download.again": self.again}

    def list(self, _args: JsonObject) -> JsonObject:
        """``late``: the HIS has left a file of it for longer than is normal."""
        before = self._clock.now() - self._unread_after
        return {
            "schedules": self._runner.state(),
            "files": [_tally(tally, before) for tally in self._outbox.download_tallies()],
            "trouble": self._trouble(),
        }

    def run(self, args: JsonObject) -> JsonObject:
        by = {"who": args["who"], "why": args["why"]}
        begun = self._runner.run_now(args["system"], args["name"], args["fields"], **by)
        return {"submissions": [accepted.submission for accepted in begun]}

    def again(self, args: JsonObject) -> JsonObject:
        accepted = self._runner.again(
            args["system"],
            args["name"],
            wire_id=args["wire_id"],
            since=_moment(args["since"]),
            until=_moment(args["until"]),
            who=args["who"],
            why=args["why"],
        )
        return {"submissions": [accepted.submission]}


def _tally(tally: DownloadTally, before: datetime) -> JsonObject:
    return {
        "system": tally.system,
        "transaction": tally.transaction,
        "waiting": tally.waiting,
        "unread": tally.unread,
        "oldest_at": tally.oldest_at.isoformat() if tally.oldest_at else None,
        "late": tally.oldest_at is not None and tally.oldest_at <= before,
    }


def _moment(text: str) -> datetime | None:
    """An ISO time, Beijing time where it names no zone. Raises ControlError."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ControlError(
            "时间的格式不对", hint="格式如 2026-01-31T08:00:00", details={"code": "bad_arguments"}
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=BEIJING)
