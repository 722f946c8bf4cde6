"""Plays stories on real processes: drops each act's files, waits for its results, checks its proofs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

from agent.demo import desk
from agent.demo.processes import Platform, Station, eventually
from agent.demo.story import Act, Ask, Proof, Step, Story, filled
from agent.errors import ControlError

PATIENCE_S = 120.0
_LOOK_EVERY_S = 0.1
"""A file of a thousand visits has as many results: looking at them all the time would be the main work."""


@dataclass(frozen=True, slots=True)
class Played:
    """What became of one step."""

    act: Act
    step: Step
    results: tuple[dict[str, Any], ...]
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class Player:
    """``stations`` by name. ``now`` gives the moment that fills the marks in the files. ``lacking`` says
    which devices (``scanner``, ``reader``) cannot be rehearsed here, and why: acts that need them are
    skipped."""

    story: Story
    platform: Platform
    stations: Mapping[str, Station]
    now: Callable[[], datetime]
    lacking: Mapping[str, str] = field(default_factory=dict)
    played: list[Played] = field(default_factory=list, init=False)
    proven: list[tuple[Act, Proof]] = field(default_factory=list, init=False)
    broken: list[str] = field(default_factory=list, init=False)
    skipped: list[str] = field(default_factory=list, init=False)

    def play(self) -> None:
        """All acts in order. What is not as told goes to ``broken`` and the story goes on; an answer that
        never comes ends it. Raises StageError."""
        for act in self.story.acts:
            self._play(act)
            for ask in act.asks:
                self._ask(act, ask)
            for proof in act.proofs:
                unproven = list(self._unproven(act, proof))
                self.broken.extend(f"{act.title}：{what}" for what in unproven)
                if not unproven:
                    self.proven.append((act, proof))

    def _play(self, act: Act) -> None:
        station, system = self.stations[act.station], self.story.system
        for device in sorted(desk.needs(act.steps) & self.lacking.keys()):
            self.skipped.append(f"{act.title}：{self.lacking[device]}，跳过这一幕")
            return
        for step in act.steps:
            if step.fault:
                self.platform.admin("faults", "POST", [step.fault])
            for name in step.beside:
                station.drop(system, name, self.story.content(name, self.now()))
            station.drop(system, step.file, self.story.content(step.file, self.now()))
            before = desk.verdicts(station)
            faults = desk.serve(station, self.story, step, self.now())
            if step.card:  # it is out before the next one comes
                self.played.append(self._await(act, step, station))
                faults += desk.leave(station, step, before)
            self.broken.extend(f"{act.title}：{step.file} {fault}" for fault in faults)
        for step in act.steps:
            if not step.card:
                self.played.append(self._await(act, step, station))

    def _ask(self, act: Act, ask: Ask) -> None:
        """As ``his-agent SYSTEM …`` would; what the agent refuses is not as told."""
        name, *words = (filled(word.encode("utf-8"), self.now()).decode("utf-8") for word in ask.words)
        try:
            self.stations[act.station].call(
                "protocol.act", system=self.story.system, name=name, words=words, who="demo", why=ask.why
            )
        except ControlError as error:
            self.broken.append(f"{act.title}：{name} {error}")

    def _await(self, act: Act, step: Step, station: Station) -> Played:
        final: dict[Path, dict[str, Any]] = {}

        def there() -> bool:
            for path in station.results_of(self.story.system, step.file):
                if path not in final and (result := json.loads(path.read_text("utf-8")))["final"]:
                    final[path] = result
            return len(final) >= step.results

        eventually(there, f"{step.file} 的结果", PATIENCE_S, _LOOK_EVERY_S)
        told = tuple(final.values())
        faults = tuple(dict.fromkeys(differences(step, told)))
        self.broken.extend(f"{act.title}：{step.file} {fault}" for fault in faults)
        return Played(act, step, told, faults)

    def _unproven(self, act: Act, proof: Proof) -> Iterator[str]:
        if proof.ledger:
            calls = rows_per_call(self.platform, proof.ledger, proof.keys)
            if calls[-len(proof.calls) :] != list(proof.calls):
                yield f"{proof.ledger} 在平台上的批次是 {calls}，应为 {list(proof.calls)}"
        if proof.downloads:
            folder = self.stations[act.station].downloads(proof.downloads)
            eventually(
                lambda: folder.is_dir() and len(_visible(folder)) >= proof.files, f"下载 {folder.name}"
            )
            count = len(_visible(folder))
            if count != proof.files:
                yield f"{proof.downloads} 的下载文件有 {count} 个，应为 {proof.files} 个"


def rows_per_call(platform: Platform, transaction: str, keys: str = "") -> list[int]:
    """How many rows each call of a transaction brought, in the order in which the platform did them;
    ``keys``: only effects whose keys begin so."""
    entries = platform.admin(f"ledger?transaction={transaction}&limit=100000")["entries"]
    calls: list[int] = []
    last = None
    for entry in entries:
        if not entry["key"].startswith(keys):
            continue
        if entry["wire_id"] == last:
            calls[-1] += 1
        else:
            calls.append(1)
        last = entry["wire_id"]
    return calls


def differences(step: Step, results: tuple[dict[str, Any], ...]) -> Iterator[str]:
    if len(results) != step.results:
        yield f"有 {len(results)} 个结果，应为 {step.results} 个"
    for result in results:
        if result["state"] != step.state:
            said = "；".join(fault["message"] for fault in result.get("errors", ())) or result.get(
                "message", ""
            )
            yield f"是 {result['state']}（{result.get('code', '')} {said}），应为 {step.state}"
        elif step.rows is not None and len(result.get("rows", ())) != step.rows:
            yield f"结果说明了 {len(result.get('rows', ()))} 行，应为 {step.rows} 行"
        elif result["state"] == "accepted" and result.get("settled_by", step.settled_by) != step.settled_by:
            yield f"由 {result['settled_by']} 得知，应为 {step.settled_by}"
        else:
            given = result.get("data", {})
            yield from (f"{name} 不是 {told}" for name, told in step.data.items() if given.get(name) != told)


def _visible(folder: Path) -> list[PurePath]:
    found = folder.iterdir() if folder.is_dir() else iter(())
    return [path for path in found if not path.name.startswith(".")]
