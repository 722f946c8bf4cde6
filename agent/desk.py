"""The operator's desk: the verbs that look at the whole daemon. Answers hold no payloads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from agent.checks import run_checks
from agent.checks.folders import unread_scans
from agent.checks.keys import WARN_DAYS, certificates
from agent.control.act_handlers import ActHandlers, Acting
from agent.control.download_handlers import DownloadHandlers
from agent.control.key_handlers import KeyHandlers
from agent.control.outbox_handlers import OutboxHandlers, message_json
from agent.control.trace_handlers import TraceHandlers
from agent.crypto.backends import describe
from agent.dispatch.exchange import answered
from agent.errors import AgentError, ControlError, StoreError
from agent.events import JsonObject
from agent.key_material import key_uses
from agent.logs import get_logger
from agent.records import RecordHandlers
from agent.sources.base import Condition, SourceState
from agent.waiting.handlers import StationHandlers

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.config.model import AgentConfig
    from agent.intake.folder import FolderIntake
    from agent.intake.schedules import Scheduler
    from agent.keys import KeyRing
    from agent.outbox.base import Outbox, Resolved
    from agent.registry import Registry
    from agent.replies.downloads import DownloadWriter
    from agent.replies.writer import ReplyWriter
    from agent.supervisor import Supervisor
    from agent.system import System
    from agent.waiting.room import WaitingRoom
    from agent.waiting.stations import Stations

log = get_logger("agent.desk")

Handler = Callable[[JsonObject], JsonObject]


class Running(Protocol):
    """What the desk needs of a running daemon."""

    config: AgentConfig
    registry: Registry
    keys: KeyRing
    clock: Clock
    outbox: Outbox
    supervisor: Supervisor
    systems: dict[str, System]
    intakes: list[FolderIntake]
    replies: ReplyWriter
    scheduler: Scheduler
    downloads: DownloadWriter
    room: WaitingRoom
    stations: Stations
    stopping: threading.Event
    asked_to_stop: threading.Event

    resolved: Resolved
    """What a message yields that a person knows to be accepted."""

    def decided(self) -> None:
        """A person decided something: lanes and replies may have work."""
        ...


class Desk:
    """Handlers for :class:`agent.control.server.ControlServer`."""

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        uses = [
            use
            for system in daemon.systems.values()
            for use in key_uses(system.protocol, system.config.options)
        ]
        self._uses = uses
        self._records = RecordHandlers(
            daemon.config, daemon.outbox, daemon.keys, daemon.clock, daemon.stopping
        )
        self._keys = KeyHandlers(
            daemon.keys, uses, lambda _name: daemon.decided(), self._records.record_key_act
        )
        self._outbox = OutboxHandlers(daemon.outbox, daemon.clock, daemon.decided, daemon.resolved)
        self._traces = TraceHandlers(
            daemon.outbox,
            {name: system.adapter for name, system in daemon.systems.items()}.get,
            tuple(daemon.systems),
            daemon.clock,
        )
        self._acts = ActHandlers(
            daemon.outbox,
            {name: Acting(one.adapter, one.protocol.acts) for name, one in daemon.systems.items()},
            daemon.scheduler.submit,
            daemon.decided,
            daemon.clock,
        )
        self._stations = StationHandlers(daemon.room, daemon.stations, daemon.outbox, daemon.decided)
        self._downloads = DownloadHandlers(
            daemon.outbox,
            daemon.scheduler,
            lambda: daemon.downloads.trouble,
            daemon.clock,
            daemon.config.unread_after_h,
        )

    def handlers(self) -> Mapping[str, Handler]:
        return {
            **self._keys.handlers(),
            **self._outbox.handlers(),
            **self._downloads.handlers(),
            **self._traces.handlers(),
            **self._acts.handlers(),
            **self._records.handlers(),
            **self._stations.handlers(),
            "status": self.status,
            "submit": self.submit,
            "check": self.check,
            "stop": self.stop,
        }

    def status(self, _args: JsonObject) -> JsonObject:
        daemon = self._daemon
        now = daemon.clock.now()
        return {
            "now": now.isoformat(),
            "systems": [self._system(name) for name in sorted(daemon.systems)],
            "folders": [self._folder(intake) for intake in daemon.intakes],
            "messages": [
                {"lane": lane, "state": state, "count": count}
                for (lane, state), count in sorted(daemon.outbox.counts().items())
            ],
            "downloads": self._downloads.list({}),
            "stations": self._stations.list({}),
            "scans_unread": unread_scans(
                daemon.config.scans, now - timedelta(hours=daemon.config.unread_after_h)
            ),
            "deadlines": [message_json(view) for view in daemon.outbox.near_deadline(now)],
            "workers": [
                {"name": w.name, "state": w.state, "failures": w.failures, "last_failure": w.last_failure}
                for w in daemon.supervisor.workers()
            ],
            "certificates": [
                {"name": name, "valid_until": valid.until.isoformat(), "days_left": valid.days_left(now)}
                for name, valid in certificates(daemon.keys, self._uses)
                if valid.days_left(now) < WARN_DAYS
            ],
            "sm2": describe(),
        }

    def submit(self, args: JsonObject) -> JsonObject:
        """A file has been placed in an inbox: look now instead of at the next rescan."""
        for intake in self._daemon.intakes:
            if intake.folder == args["folder"]:
                if args["who"]:
                    self._records.record_act("file.dropped", {"folder": intake.folder}, args["who"], "")
                intake.source.wakeup.set()
                return {"folder": intake.folder}
        raise ControlError(
            f"没有名为 {args['folder']} 的收件文件夹",
            hint="用 his-agent status 查看文件夹",
            details={"code": "not_found"},
        )

    def check(self, _args: JsonObject) -> JsonObject:
        daemon = self._daemon
        findings = [
            asdict(finding)
            for finding in run_checks(daemon.config, daemon.registry, daemon.keys, daemon.clock)
        ]
        probes = [self._probe(name) for name in sorted(daemon.systems)]
        return {"findings": findings + probes}

    def stop(self, args: JsonObject) -> JsonObject:
        """A database that cannot be written keeps nobody from stopping."""
        try:
            self._records.record_act("agent.asked_to_stop", {}, args["who"], args["why"])
        except StoreError as error:
            log.error("stop asked for and not recorded", code=error.code)
        self._daemon.asked_to_stop.set()
        return {"stopping": True}

    def _probe(self, name: str) -> JsonObject:
        """Whether a system answers, by a harmless transaction of its own."""
        system = self._daemon.systems[name]
        finding = {
            "check": "connection",
            "level": "ok",
            "subject": name,
            "message": "平台应答正常",
            "hint": "",
        }
        lanes = system.adapter.lanes()
        draft = system.adapter.probe(lanes[0]) if lanes else None
        if draft is None:
            return {**finding, "level": "warning", "message": "该系统没有可用于测试连通性的交易"}
        result = system.dispatcher.ask(draft)
        if isinstance(result, AgentError):
            return {**finding, "level": "error", "message": result.message, "hint": result.hint}
        if not answered(result):
            text = f"平台应答 {result.code} {result.message}".rstrip()
            return {**finding, "level": "error", "message": text, "hint": "请核对密钥、接入标识符与平台状态"}
        return finding

    def _folder(self, intake: FolderIntake) -> JsonObject:
        state = intake.source.state()
        unwritten = self._daemon.replies.unwritten(intake.folder)
        if intake.trouble:
            state = SourceState(Condition.WAITING, intake.trouble)
        elif unwritten:
            says = f"{unwritten} 个结果写不进结果文件夹，请检查它的权限和空间，恢复后自动写出"
            state = SourceState(Condition.WAITING, says)
        return {"name": intake.folder, "condition": state.condition.value, "sentence": state.sentence}

    def _system(self, name: str) -> JsonObject:
        return {
            "name": name,
            "clock_ahead_s": round(self._daemon.systems[name].dispatcher.exchange.skew.off.total_seconds()),
            "lanes": [
                {
                    "lane": lane.key.lane,
                    "queries": lane.key.parallel,
                    "halt": _plain(asdict(lane.halt)) if lane.halt else None,
                    "trouble": lane.trouble,
                    "rest_s": round(lane.rest_s, 1),
                }
                for lane in self._daemon.systems[name].dispatcher.status()
            ],
        }


def _plain(values: Mapping[str, Any]) -> JsonObject:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}
