"""The daemon: everything that runs, built here; start and stop read as one list each."""

from __future__ import annotations

import gc
import random
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from math import inf
from pathlib import Path
from types import FrameType
from typing import Final

from agent.checks.database import HIGH_WATER, begins_anew
from agent.clock import Clock, SystemClock
from agent.config.model import AgentConfig, FolderConfig
from agent.control import endpoint_at
from agent.control.resolving import acknowledged_by, resolved_by
from agent.control.server import ControlServer
from agent.desk import Desk
from agent.disk import PRIVATE, SHARED, make_folder
from agent.faults import crash_point
from agent.glances import Glance
from agent.hookspecs import ProtocolAdapter
from agent.housekeeping import Housekeeping
from agent.intake.control_files import ControlFiles
from agent.intake.folder import FolderIntake
from agent.intake.heavy import HeavyReader
from agent.intake.rules import plain_rules, reading_rules
from agent.intake.schedules import Scheduler
from agent.keys import KeyRing
from agent.lifetimes import Lifetimes
from agent.logs import get_logger, hide
from agent.numbers import Numbers
from agent.opening import Place, data_moved, open_outbox
from agent.outbox.base import Outbox
from agent.outbox.model import Accepted, LaneKey, NewSubmission, Receipt, Settled
from agent.registry import Registry
from agent.replies.downloads import DownloadWriter
from agent.replies.writer import ReplyWriter, ResultFolder
from agent.retention.plan import Retention
from agent.service.manager import ServiceManager, Unmanaged
from agent.sources.beside import Beside
from agent.sources.folder import FolderSource
from agent.sources.settings import FolderSettings
from agent.supervisor import Supervisor
from agent.system import Surroundings, System, build_listener, build_system
from agent.upkeep import Upkeep
from agent.waiting.building import build_waiting
from agent.waiting.room import Speaker

STOP_WITHIN_S: Final = 20.0
CUT_WITHIN_S: Final = 2.0
"""For those whose exchange was cut, to store that its outcome is unknown."""
ANSWERED_WITHIN_S: Final = 1.0
"""For requests of the control endpoint that are under way."""
DRAIN_WITHIN_S: Final = STOP_WITHIN_S - CUT_WITHIN_S - ANSWERED_WITHIN_S - 1.0
ASKED_S: Final = 0.5
"""How often the main thread looks for a signal: on Windows an endless wait lets none through."""
SWITCH_S: Final = 0.0005
"""How long a thread that computes (a batch to be sealed) may keep back one that the disk or the network has
just answered. A payment waits for a hundred such answers: Python's 5 ms each are too long."""
DATABASE: Final = "outbox.db"

log = get_logger("agent.daemon")


class Daemon:
    """One running agent. ``start`` and ``stop`` are called once each, from one thread."""

    def __init__(
        self,
        config: AgentConfig,
        registry: Registry,
        keys: KeyRing,
        clock: Clock | None = None,
        manager: ServiceManager | None = None,
        glances: Mapping[Path, Glance] | None = None,
    ) -> None:
        self.config = config
        self.glances = glances or {}
        self.registry = registry
        self.keys = keys
        self.clock = clock or SystemClock()
        self.manager = manager or Unmanaged()
        self.stopping = threading.Event()
        self.asked_to_stop = threading.Event()
        self.supervisor = Supervisor(self.clock, self.stopping)
        self.systems: dict[str, System] = {}
        self.resolved = resolved_by(self._adapter)
        self.intakes: list[FolderIntake] = []
        self._lifeless: tuple[str, ...] = ()
        self.moved = False

    def start(self) -> None:
        """Raises ConfigurationError, StoreError or ControlError; nothing runs then."""
        for name in self.config.systems:
            hide(self.registry.sensitive_codes(name))
        self.outbox = self._open_outbox()
        try:
            self.place = Place(self.config.data / DATABASE)
            self._make_folders()
            self._build_systems()
            self._build_replies()
            self._build_intakes()
            self._build_waiting()
            self._build_control()
            self.control.start()
            self.upkeep.started()
        except BaseException:
            self.outbox.close()
            raise
        for system in self.systems.values():
            system.dispatcher.wake_all()
        self.supervisor.run("replies", self.replies.run, self.replies.wakeup)
        self.supervisor.run("downloads", self.downloads.run, self.downloads.wakeup)
        self.supervisor.run("schedules", self.scheduler.run, self.scheduler.wakeup)
        self.supervisor.run("housekeeping", self.housekeeping.run, self.housekeeping.wakeup)
        self.supervisor.run("upkeep", self.upkeep.run, self.upkeep.wakeup)
        self.supervisor.run("waiting", self.room.run, self.room.wakeup)
        self.stations.run_under(self.supervisor)
        for intake in self.intakes:
            self.supervisor.run(f"inbox {intake.folder}", intake.run, intake.source.wakeup)
        for name, listener in self.listeners.items():
            self.supervisor.run(f"listener {name}", listener.run)
        log.info("agent started", systems=sorted(self.systems), folders=len(self.intakes))

    def stop(self) -> None:
        """Take nothing new, let what is in flight end, leave the rest on disk."""
        self.stopping.set()
        self.manager.stopping()
        crash_point("daemon.stopping")
        for intake in self.intakes:
            intake.source.wakeup.set()
        for system in self.systems.values():
            system.dispatcher.interrupt()
        late = self.supervisor.join(DRAIN_WITHIN_S, self.manager.stopping)
        for system in self.systems.values():
            system.transport.abort() if late else system.transport.close()
            if system.preparation is not None:
                system.preparation.close()
        if late:
            log.warning("workers cut off", workers=list(late))
            late = self.supervisor.join(CUT_WITHIN_S, self.manager.stopping)
        if late:
            log.error("workers still at work", workers=list(late))
        elif not self.place.left():
            self.replies.write_due()
            self.replies.mark()
        self.control.stop(ANSWERED_WITHIN_S)
        crash_point("daemon.before_close")
        self.upkeep.stopped()
        self.outbox.close()
        log.info("agent stopped")

    def left_its_place(self) -> bool:
        """Whether the data folder was moved away; nothing more is taken then, and the agent ends."""
        if not self.place.left():
            return False
        if not self.moved:
            log.error("the database is not at its place any more")
        self.moved = True
        self.stopping.set()
        self.asked_to_stop.set()
        return True

    def report_life(self) -> None:
        """Tell the service manager that every worker is alive; be silent, and log why, when one is not."""
        lifeless = self.supervisor.lifeless() + (() if self.control.serving else ("control",))
        if lifeless and lifeless != self._lifeless:
            log.error("workers give no sign of life", workers=list(lifeless))
        self._lifeless = lifeless
        if not lifeless:
            self.manager.alive()

    # -- building ---------------------------------------------------------------------------------
    def _adapter(self, system: str) -> ProtocolAdapter | None:
        found = self.systems.get(system)
        return None if found is None else found.adapter

    def _open_outbox(self) -> Outbox:
        make_folder(self.config.data, PRIVATE)
        if begins_anew(self.config.data / DATABASE, self.keys):
            log.warning("empty database beside an old data key: numbers begin again but at a first start")
        return open_outbox(
            self.config.data / DATABASE,
            keys=self.keys,
            clock=self.clock,
            answer_within_s=self.config.answer_within_s,
        )

    def _make_folders(self) -> None:
        """What the inboxes need beside them; where a share is away, made with the first file for it."""
        for folder in self.config.folders:
            for path, mode in (
                (folder.results, SHARED),
                (folder.archive, PRIVATE),
                (folder.rejected, PRIVATE),
            ):
                try:
                    make_folder(path, mode)
                except OSError as error:
                    log.warning("folder not made", folder=folder.name, errno=error.errno)

    def _build_systems(self) -> None:
        numbers = Numbers(
            self.outbox, self.config.data / HIGH_WATER, node=self.config.node, nodes=self.config.nodes
        )
        self.lifetimes = Lifetimes(self.clock)
        shared = Surroundings(
            outbox=self.outbox,
            numbers=numbers,
            lifetimes=self.lifetimes,
            keys=self.keys,
            clock=self.clock,
            stopping=self.stopping,
            supervisor=self.supervisor,
        )
        for name, config in self.config.systems.items():
            self.systems[name] = build_system(config, self.registry.protocol(name), shared, self._settled)

        self.listeners = {
            system.config.name: listener
            for system in self.systems.values()
            if (listener := build_listener(system, shared, self._settled)) is not None
        }

    def _build_replies(self) -> None:
        folders = {
            folder.name: ResultFolder(folder.results, folder.result_format, folder.result_encoding)
            for folder in self.config.folders
        }
        self.replies = ReplyWriter(self.outbox, folders, self.clock, self.stopping, self._halted)
        self.downloads = DownloadWriter(
            self.outbox,
            self.config.downloads,
            self.clock,
            self.stopping,
            self._changed,
            timedelta(hours=self.config.unread_after_h),
        )
        self.housekeeping = Housekeeping(
            self.outbox, self.clock, self.stopping, self._settled, self.left_its_place
        )
        retention = Retention(self.config, self.outbox, self.clock, self.stopping)
        self.upkeep = Upkeep(self.outbox, self.keys, self.clock, retention, self.stopping)

    def _build_intakes(self) -> None:
        self.intakes = [self._intake(folder) for folder in self.config.folders]
        self.scheduler = Scheduler(
            {name: system.adapter for name, system in self.systems.items()},
            self.outbox,
            self.clock,
            self.stopping,
            self._stored,
            lambda seconds: random.SystemRandom().uniform(0.0, seconds),
            self._heard_until,
        )

    def _heard_until(self, system: str) -> float:
        heard = zip(self.config.folders, self.intakes, strict=True)
        return min((intake.heard_until for folder, intake in heard if folder.system == system), default=inf)

    def _intake(self, folder: FolderConfig) -> FolderIntake:
        system = self.systems[folder.system]
        plain = plain_rules(folder, self.config.devices)
        return FolderIntake(
            folder=folder.name,
            source=FolderSource(folder_settings(folder), self.clock, self.glances.get(folder.inbox)),
            rules=reading_rules(folder.system, system.adapter.catalog, plain),
            adapter=system.adapter,
            outbox=self.outbox,
            heavy=HeavyReader(folder.system, system.config.options, plain),
            control=ControlFiles(
                folder.system,
                folder.name,
                self.outbox,
                self.replies.folders,
                self.clock,
                self._changed,
                self.resolved,
                acknowledged_by(self._adapter),
            ),
            lifetimes=self.lifetimes,
            clock=self.clock,
            stopping=self.stopping,
            stored=self._stored,
            preparation=system.preparation,
            beside=Beside(folder_settings(folder), self.clock),
            ended=self.left_its_place,
        )

    def _build_waiting(self) -> None:
        folders = {folder.system: folder.name for folder in reversed(self.config.folders)}
        speakers = {
            name: Speaker(system.adapter, system.preparation, folders.get(name, ""))
            for name, system in self.systems.items()
        }
        self.room, self.stations = build_waiting(
            self.config,
            speakers,
            self.outbox,
            self.lifetimes,
            self.clock,
            self.stopping,
            self._stored,
            self._changed,
        )

    def _build_control(self) -> None:
        desk = Desk(self)
        control = self.config.control
        endpoint = endpoint_at(control.path, control.operators)
        self.control = ControlServer(endpoint, desk.handlers(), clock=self.clock)

    def _halted(self, lane: LaneKey) -> str:
        system = self.systems.get(lane.system)  # none: its section was taken out of the configuration
        halt = system.dispatcher.halt(lane) if system is not None else None
        return halt.message if halt is not None else ""

    # -- what one room tells the next ---------------------------------------------------------------
    def _stored(self, receipts: list[tuple[NewSubmission, Accepted]], lanes: set[LaneKey]) -> None:
        for key in lanes:
            self.systems[key.system].dispatcher.wake(key)
        if any(not accepted.messages for _, accepted in receipts):
            self.replies.wakeup.set()
        if any(new.wait for new, _ in receipts):
            self.room.wakeup.set()
        for new, accepted in receipts:
            if accepted.receipt is Receipt.STORED and accepted.messages:
                self.registry.request_stored(new.system, new.transaction, accepted.messages)

    def _settled(self, settled: Settled) -> None:
        self.replies.wakeup.set()
        self.downloads.wakeup.set()
        self.room.settled(settled)
        system = self.systems.get(settled.system)  # none: its section was taken out of the configuration
        if system is not None:
            system.dispatcher.wake_all()
        self.registry.outcome_recorded(settled.system, settled.transaction, settled.state, settled.code)

    def _changed(self) -> None:
        """A control file decided something: a result may be due, any lane may have work."""
        self.replies.wakeup.set()
        self.room.wakeup.set()
        for system in self.systems.values():
            system.dispatcher.wake_all()

    def decided(self) -> None:
        """A person mended or decided something: stopped lanes, too, may go on."""
        self.replies.wakeup.set()
        for system in self.systems.values():
            system.dispatcher.resume()


def folder_settings(folder: FolderConfig) -> FolderSettings:
    return FolderSettings(
        name=folder.name,
        system=folder.system,
        inbox=folder.inbox,
        taking=folder.taking,
        archive=folder.archive,
        rejected=folder.rejected,
        settle_ms=folder.settle_ms,
        marker=folder.marker,
        incomplete_after_s=folder.incomplete_after_s,
        max_bytes=folder.max_file_mb * 1024 * 1024,
    )


def run(
    config: AgentConfig,
    registry: Registry,
    keys: KeyRing,
    manager: ServiceManager | None = None,
    glances: Mapping[Path, Glance] | None = None,
) -> None:
    """Run until SIGINT, SIGTERM (Ctrl-C, Ctrl-Break) or the ``stop`` verb. ``glances``: at the inboxes,
    before. Raises what ``start`` does."""
    daemon = Daemon(config, registry, keys, manager=manager, glances=glances)
    _stop_on_signals(daemon)
    serve(daemon)


def serve(daemon: Daemon) -> None:
    """Run until ``asked_to_stop`` is set. Raises what ``start`` does, and ConfigurationError when the data
    folder was moved away meanwhile."""
    sys.setswitchinterval(SWITCH_S)
    daemon.start()
    # what is there now stays for ever: looking through it for garbage again and again would stop everybody
    gc.collect()
    gc.freeze()
    try:
        daemon.manager.ready()
        while not daemon.asked_to_stop.wait(ASKED_S):
            daemon.report_life()
    finally:
        daemon.stop()
    if daemon.moved:
        raise data_moved(daemon.config.data / DATABASE)


def _stop_on_signals(daemon: Daemon) -> None:
    def ask(_number: int, _frame: FrameType | None) -> None:
        daemon.asked_to_stop.set()

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, ask)
