"""A story: what a HIS drops, act by act, and what must become of each file.

A protocol ships its story as a package of data: ``story.toml`` and the files that it names. ::

    title = "…"
    [card.name]                       # a social-security card of an invented person
    version = "3.0"                   # and card_id, card_number, reset, social_number, name
    [[act]]
    title = "…"
    station = "hospital"              # the station whose HIS drops the files; "hospital" unless given
    [[act.step]]
    file = "01-….json"                # dropped as it is, the marks below filled in
    with = ["….pdf"]                  # files that it names, put beside it first
    scan = ["…", "…"]                 # what the station's scanner then scans for it, while it waits
    verdicts = ["taken", "duplicate"] # what the person hears of each; "taken" of all unless given
    card = "name"                     # what is put into the station's reader while it waits
    finding = "genuine"               # how the card then judged the platform, where it is asked to
    fault = "lose-answer/ST007=1"     # a switch of the rehearsed platform, set before the file is dropped
    state = "accepted"                # what its final result must say; "accepted" unless given
    results = 1                       # how many results it has: a CSV may hold many submissions
    rows = 500                        # how many rows its result must tell of
    settled_by = "inquiry"            # "answer" unless given
    data = { result = "1" }           # what the system's answer must say, as far as told
    [[act.proof]]                     # checked when the act is over
    ledger = "GYU102"                 # what the platform did, in order
    calls = [500, 500, 200]           # rows of each of the latest calls
    keys = "detail:"                  # only effects whose keys begin so; all unless given
    [[act.proof]]
    downloads = "GYD101"              # files that the agent left for the HIS
    files = 1
    [[act.ask]]                       # what a person asks of the running agent after the steps
    words = ["accept", "…", "all"]    # his-agent SYSTEM accept … all
    why = "…"

In texts ``{{today}}``, ``{{yesterday}}``, ``{{month}}`` (of last month) stand for days as YYYYMMDD and
YYYYMM, ``{{year}}`` for this year, ``{{now}}`` for the moment of dropping as YYYYMMDDHHMMSS.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import PurePath
from typing import Any, Final

from agent.rehearsal.virtual_card import Holder, Profile, profile

HOSPITAL: Final = "hospital"
_TEXTS: Final = frozenset({".json", ".csv", ".xml"})


@dataclass(frozen=True, slots=True)
class Step:
    """A file to drop, and what must become of it."""

    file: str
    beside: tuple[str, ...] = ()
    fault: str = ""
    state: str = "accepted"
    results: int = 1
    rows: int | None = None
    settled_by: str = "answer"
    scans: tuple[str, ...] = field(default=(), repr=False)
    verdicts: tuple[str, ...] = ()
    card: str = ""
    finding: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proof:
    """What the platform's ledger, or the download folder, must show when an act is over."""

    ledger: str = ""
    calls: tuple[int, ...] = ()
    keys: str = ""
    downloads: str = ""
    files: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """What a person asks of the running agent (``ProtocolSpec.acts``): the act's name, then its words."""

    words: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    title: str
    station: str
    steps: tuple[Step, ...]
    proofs: tuple[Proof, ...] = ()
    asks: tuple[Ask, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """``package`` holds the files."""

    system: str
    title: str
    package: str
    acts: tuple[Act, ...] = field(repr=False)
    cards: Mapping[str, Profile] = field(default_factory=dict, repr=False)

    def with_cards(self) -> frozenset[str]:
        """The stations that need a card reader."""
        return frozenset(act.station for act in self.acts if any(step.card for step in act.steps))

    def content(self, name: str, now: datetime) -> bytes:
        """A file as it is dropped at a moment."""
        raw = (files(self.package) / name).read_bytes()
        if PurePath(name).suffix.lower() not in _TEXTS:
            return raw
        return filled(raw, now)


def filled(raw: bytes, now: datetime) -> bytes:
    """A text with its marks filled in."""
    for mark, day in _marks(now):
        raw = raw.replace(b"{{%s}}" % mark, day.encode("ascii"))
    return raw


def load_story(system: str, package: str) -> Story:
    """Read ``story.toml``. Raises TypeError for a key that is none, KeyError for a card that is none."""
    table = tomllib.loads((files(package) / "story.toml").read_text(encoding="utf-8"))
    cards = {name: _card(dict(item)) for name, item in table.get("card", {}).items()}
    story = Story(system, table["title"], package, tuple(_act(item) for item in table["act"]), cards)
    for step in (step for act in story.acts for step in act.steps if step.card):
        cards[step.card]
    return story


def _card(table: dict[str, Any]) -> Profile:
    return profile(table.pop("version"), Holder(**table))


def _act(table: Mapping[str, Any]) -> Act:
    if unknown := set(table) - {"title", "station", "step", "proof", "ask"}:
        raise TypeError(f"an act of a story has no {sorted(unknown)}")
    return Act(
        title=table["title"],
        station=table.get("station", HOSPITAL),
        steps=tuple(_step(dict(item)) for item in table.get("step", [])),
        proofs=tuple(_proof(dict(item)) for item in table.get("proof", [])),
        asks=tuple(_ask(dict(item)) for item in table.get("ask", [])),
    )


def _step(table: dict[str, Any]) -> Step:
    beside, scans = tuple(table.pop("with", ())), tuple(table.pop("scan", ()))
    return Step(beside=beside, scans=scans, verdicts=tuple(table.pop("verdicts", ())), **table)


def _ask(table: dict[str, Any]) -> Ask:
    return Ask(words=tuple(table.pop("words")), **table)


def _proof(table: dict[str, Any]) -> Proof:
    return Proof(calls=tuple(table.pop("calls", ())), **table)


def _marks(now: datetime) -> Iterator[tuple[bytes, str]]:
    first = now.replace(day=1)
    yield b"today", f"{now:%Y%m%d}"
    yield b"yesterday", f"{now - timedelta(days=1):%Y%m%d}"
    yield b"month", f"{first - timedelta(days=1):%Y%m}"
    yield b"year", f"{now:%Y}"
    yield b"now", f"{now:%Y%m%d%H%M%S}"
