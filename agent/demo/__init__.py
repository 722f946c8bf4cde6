"""``his-agent demo``: every system's story on this machine, with sample files and invented people.

One agent serves the hospital's station for all systems; a story may have further stations of its own,
such as the province that insures the patients. All of them, and the rehearsed platforms, are processes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agent.clock import BEIJING, SystemClock
from agent.demo.folders import fresh
from agent.demo.playing import Player
from agent.demo.processes import Platform, StageError, Station
from agent.demo.showing import show
from agent.demo.story import Story, load_story
from agent.hookspecs import Rehearsal
from agent.registry import Registry
from agent.rehearsal.card_service import CardService, CardsUnavailable
from agent.rehearsal.virtual_reader import VirtualReader
from agent.rehearsal.virtual_scanner import VirtualScanner

WHERE = Path("demo-data")


def main(only: tuple[str, ...] = ()) -> int:
    """Play the stories and show what became of each file; 0 when all became what they should. ``only``:
    these systems."""
    root = fresh(WHERE.absolute())
    rehearsals = prepare(root, only)
    platforms = {
        name: Platform(root / "platforms" / name, name, rehearsal.options, "platform.log")
        for name, rehearsal in rehearsals.items()
    }
    stories = {name: load_story(name, rehearsal.story) for name, rehearsal in rehearsals.items()}
    stations: dict[str, Station] = {}
    players: list[Player] = []
    cards = CardService(root / "platforms")
    try:
        for platform in platforms.values():
            platform.start()
        stations = cast(root, rehearsals, platforms)
        lacking = equip(stations, stories.values(), cards)
        for station in stations.values():
            station.start()
        players = [
            Player(
                story,
                platforms[name],
                stations,
                lambda: SystemClock().now().astimezone(BEIJING),
                lacking,
            )
            for name, story in stories.items()
        ]
        code = play(players) or max([station.stop() for station in stations.values()], default=0)
    finally:
        for station in stations.values():
            station.close()
        cards.stop()
        for platform in platforms.values():
            platform.close()
    show(players, stations)
    return code or int(any(player.broken for player in players))


def prepare(root: Path, only: tuple[str, ...] = ()) -> dict[str, Rehearsal]:
    """What each installed protocol plays with; its platform's files are in ``platforms/<name>``."""
    found: dict[str, Rehearsal] = {}
    for name, protocol in sorted(Registry().protocols().items(), key=lambda item: _order(item[0])):
        if protocol.rehearse is not None and (not only or name in only):
            folder = root / "platforms" / name
            folder.mkdir(parents=True)
            found[name] = protocol.rehearse(folder)
    return found


def cast(
    root: Path, rehearsals: Mapping[str, Rehearsal], platforms: Mapping[str, Platform]
) -> dict[str, Station]:
    """The stations of all stories: those of one name are one workstation."""
    systems: dict[str, dict[str, Mapping[str, Any]]] = {}
    keys: dict[str, dict[str, str]] = {}
    for name, rehearsal in rehearsals.items():
        for station, part in rehearsal.stations.items():
            settings = _at(part.settings, platforms[name].url)
            systems.setdefault(station, {})[name] = settings
            keys.setdefault(station, {}).update(part.keys)
    return {name: Station(root / "stations" / name, systems[name], keys[name]) for name in systems}


def equip(stations: Mapping[str, Station], stories: Iterable[Story], cards: CardService) -> dict[str, str]:
    """Scanners for all, a card reader where a story needs one; what this machine cannot rehearse, and why."""
    lacking: dict[str, str] = {}
    if sys.platform == "win32":
        lacking["scanner"] = "Windows 没有可以演练的虚拟串口"
    else:
        for station in stations.values():
            station.scanner = VirtualScanner()
    readers = frozenset[str]().union(*(story.with_cards() for story in stories))
    try:
        if readers:
            cards.start()
            for name in readers:
                stations[name].reader = VirtualReader()
    except CardsUnavailable as error:
        lacking["reader"] = error.message
    return lacking


def play(players: list[Player]) -> int:
    """Each story in turn; 1 when one could not be played to its end."""
    code = 0
    for player in players:
        try:
            player.play()
        except StageError as error:
            player.broken.append(str(error))
            code = 1
    return code


def _at(settings: Mapping[str, Any], url: str) -> dict[str, Any]:
    return {
        key: value.replace("{url}", url) if isinstance(value, str) else value
        for key, value in settings.items()
    }


def _order(name: str) -> tuple[int, str]:
    """Ours in the order of the README, then a stranger's."""
    known = ("ministry", "jiangxi", "scanpay")
    return (known.index(name), name) if name in known else (len(known), name)
