"""What a person does at a station while a file waits: scans codes, puts a card into the reader."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from agent.demo.processes import TILL, Station, eventually
from agent.demo.story import Step, Story, filled
from agent.rehearsal.virtual_card import Applet

PATIENCE_S = 120.0
_GUN = "gun"
_DESK = "desk"


def needs(act_steps: tuple[Step, ...]) -> frozenset[str]:
    """Which devices these steps need: ``scanner``, ``reader``."""
    scanner = {"scanner" for step in act_steps if step.scans}
    return frozenset(scanner | {"reader" for step in act_steps if step.card})


def serve(station: Station, story: Story, step: Step, now: datetime) -> list[str]:
    """Whatever the step asks for; what was not as told. Raises StageError."""
    said = _scan(station, step, now) if step.scans else []
    if step.card:
        _read(station, story, step)
    wanted = list(step.verdicts or ["taken"] * len(step.scans))
    return [] if said == wanted else [f"扫码的结果是 {said}，应为 {wanted}"]


def leave(station: Station, step: Step, before: Collection[Path]) -> list[str]:
    """The card is taken out again when the file has its result; how it judged the platform where that is
    not as told. ``before``: the ``verdicts`` that were there. Raises StageError."""
    if not step.card or station.reader is None:
        return []
    if step.finding:
        eventually(lambda: len(verdicts(station)) > len(before), f"{step.file} 的卡认证结果", PATIENCE_S)
    station.reader.pull()
    told = [json.loads(path.read_text("utf-8")) for path in verdicts(station) if path not in before]
    findings = [str(one["finding"]) for one in told]
    wanted = [step.finding] if step.finding else []
    return [] if findings == wanted else [f"卡认证的结果是 {findings}，应为 {wanted}"]


def verdicts(station: Station) -> list[Path]:
    """Where the agent told how cards judged the platform."""
    return sorted(station.scans.glob("card-*.authentication.json")) if station.scans.is_dir() else []


def _scan(station: Station, step: Step, now: datetime) -> list[str]:
    """One code after the other, each when the last one was judged; the verdicts."""
    gun = station.scanner
    if gun is None:
        return []
    said: list[str] = []
    last: int = station.call("station.events", station=TILL)["last"]

    def judged() -> bool:
        return bool(station.call("station.events", station=TILL, after=last)["events"])

    eventually(_waiting(station, _GUN), f"{step.file} 等待扫码", PATIENCE_S)
    for text in step.scans:
        gun.send(filled(text.encode("utf-8"), now) + b"\r")
        eventually(judged, f"{step.file} 的一次扫码", PATIENCE_S)
        told = station.call("station.events", station=TILL, after=last)
        said += [str(event["verdict"]) for event in told["events"]]
        last = told["last"]
    return said


def _read(station: Station, story: Story, step: Step) -> None:
    """The card stays in: it may be asked to judge the platform."""
    if station.reader is not None:
        eventually(_waiting(station, _DESK), f"{step.file} 等待读卡", PATIENCE_S)
        station.reader.insert(Applet(story.cards[step.card]))


def _waiting(station: Station, device: str) -> Callable[[], bool]:
    """Whether something waits, and the device is open for it."""

    def holds() -> bool:
        told = station.call("station.list")
        opened = any(one["name"] == device and one["reason"] == "ready" for one in told["devices"])
        return opened and any(wait["station"] == TILL for wait in told["waits"])

    return holds
