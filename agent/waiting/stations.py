"""The devices of all stations: built from configuration, opened while something waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from agent import jsontext
from agent.clock import Clock
from agent.config.device_model import DeviceConfig, ReaderConfig
from agent.devices.building import build_reader, build_scanner
from agent.devices.cards.model import Conclusion, Finding
from agent.devices.cards.model import Proofs as CardProofs
from agent.devices.cards.model import reading as card_reading
from agent.devices.cards.source import CardSource, Want
from agent.devices.discovery import ListPorts, system_ports
from agent.devices.model import Deliver, DeviceState
from agent.devices.scanner import ScannerSource
from agent.disk import SHARED, make_folder, replace_durably
from agent.errors import StoreError
from agent.events import Event, JsonObject, Proofs
from agent.outbox.model import WaitView
from agent.supervisor import Supervisor
from agent.waiting.feedback import Feedback

CARD = "card"
_SAID = {
    Finding.GENUINE: "社保卡认证通过，可以拔卡",
    Finding.FALSE: "社保卡认证没有通过：不是发卡地区的卡",
    Finding.REMOVED: "认证完成之前卡被拔出，请重新插卡",
    Finding.REFUSED: "社保卡没有接受平台的认证数据",
    Finding.LATE: "平台没有在规定时间内应答，请重新插卡",
    Finding.RELEASED: "平台没有给出认证数据",
}


@dataclass(slots=True)
class Stations:
    """Nothing is built before :meth:`join` says who takes the events."""

    config: DeviceConfig
    scans: Path
    feedback: Feedback
    clock: Clock
    stopping: threading.Event
    list_ports: ListPorts = system_ports
    scanners: list[ScannerSource] = field(default_factory=list, init=False)
    readers: list[CardSource] = field(default_factory=list, init=False)
    _held: dict[int, tuple[CardSource, str]] = field(default_factory=dict, init=False)
    _asked: dict[str, tuple[str, JsonObject]] = field(default_factory=dict, init=False)
    """By reader: the event of the card that it last held, and whose submission that was."""
    _authenticates: Callable[[WaitView], bool] = field(default=lambda _view: False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def join(self, deliver: Deliver, authenticates: Callable[[WaitView], bool]) -> None:
        """``deliver`` takes each event; ``authenticates`` says of a submission that waits whether its card
        has to make a challenge for the platform."""
        self._authenticates = authenticates
        for scanner in self.config.scanners:
            source = build_scanner(
                scanner, self.config, deliver, self.clock, self.stopping, list_ports=self.list_ports
            )
            self.scanners.append(source)
        for reader in self.config.readers:
            concluded = partial(self._concluded, reader)
            card_source = build_reader(reader, deliver, concluded, self.clock, self.stopping)
            self.readers.append(card_source)

    @property
    def names(self) -> frozenset[str]:
        scanning = {one.station for one in self.config.scanners}
        return frozenset(scanning | {one.station for one in self.config.readers})

    def run_under(self, supervisor: Supervisor) -> None:
        """Each device is a worker of its own: one that fails touches nothing else."""
        for scanner in self.scanners:
            supervisor.run(f"scanner {scanner.name}", scanner.run, scanner.wakeup)
        for reader in self.readers:
            supervisor.run(f"reader {reader.name}", reader.run, reader.wakeup)

    def want(self, waits: Sequence[WaitView]) -> None:
        """Open what something waits for, let go what nothing waits for any more."""
        scanned = {view.station for view in waits if view.kind != CARD}
        cards = {view.station: view for view in waits if view.kind == CARD}
        for config, scanner in zip(self.config.scanners, self.scanners, strict=True):
            scanner.want(config.station in scanned)
        for settings, reader in zip(self.config.readers, self.readers, strict=True):
            view = cards.get(settings.station)
            if view is None:
                reader.want(Want.NOTHING)
            else:
                reader.want(Want.AUTHENTICATE if self._authenticates(view) else Want.READ)

    # -- cards that are held for the platform's answer --------------------------------------------------
    def hold(self, view: WaitView, event: Event) -> None:
        """The card of this event stays powered until the submission has its answer."""
        source = next((reader for reader in self.readers if reader.name == event.source), None)
        if source is not None:
            told = {"system": view.system, "transaction": view.transaction, "id": view.his_id}
            with self._lock:
                self._held[view.submission] = (source, event.id)
                self._asked[source.name] = (event.id, told)

    def holds(self, submission: int) -> bool:
        with self._lock:
            return submission in self._held

    def answered(self, submission: int, proofs: Proofs | None) -> None:
        """The platform's answer, or None: it refused. Without effect for other submissions."""
        with self._lock:
            held = self._held.pop(submission, None)
        if held is None:
            return
        source, event_id = held
        if proofs is None or not proofs.internal:
            source.release(event_id)
        else:
            source.settle(event_id, CardProofs(proofs.internal, proofs.external))

    def _concluded(self, reader: ReaderConfig, conclusion: Conclusion) -> None:
        """How the card judged the platform's answer: a file for the HIS, and a word for the person."""
        with self._lock:
            event_id, asked = self._asked.get(reader.name, ("", {}))
        content: JsonObject = {
            "id": conclusion.event_id,
            "submission": asked if event_id == conclusion.event_id else None,
            "finding": conclusion.finding.value,
            "message": _SAID[conclusion.finding],
            "values": dict(card_reading(conclusion.card, None)) if conclusion.card else {},
        }
        path = self.scans / f"card-{conclusion.event_id}.authentication.json"
        try:
            if not self.scans.exists():
                make_folder(self.scans, SHARED)
            replace_durably(path, jsontext.write(content).encode("utf-8"), 0o660)
        except OSError as error:
            raise StoreError(
                "scans 文件夹无法写入",
                hint="请检查磁盘空间和文件夹权限",
                details={"errno": error.errno},
            ) from error
        self.feedback.tell(
            self.clock.now(),
            reader.station,
            reader.name,
            CARD,
            conclusion.finding.value,
            _SAID[conclusion.finding],
        )

    # -- status -----------------------------------------------------------------------------------------
    def states(self) -> list[JsonObject]:
        found: list[tuple[str, str, DeviceState]] = [
            *(
                (c.name, c.station, s.state())
                for c, s in zip(self.config.scanners, self.scanners, strict=True)
            ),
            *((c.name, c.station, s.state()) for c, s in zip(self.config.readers, self.readers, strict=True)),
        ]
        return [
            {
                "name": name,
                "station": station,
                "condition": state.condition.value,
                "reason": state.reason,
                "sentence": state.sentence,
                "label": state.label,
                "delivered": state.delivered,
                "discarded": state.discarded,
            }
            for name, station, state in found
        ]
