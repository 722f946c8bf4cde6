"""From a scan to the first byte of its payment, through the real daemon, while it takes in and uploads bulk.

One till pays, one payment after the other: every other one waits for the station's scanner (a pty), every
other one was scanned by the HIS and is dropped whole. Afterwards each is told by what the agent was doing
when it was scanned: ``quiet``; ``intake``, a file of fees was renamed and nothing of it was sent yet;
``upload``, from its first batch to its result.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent import jsontext
from agent.control import ControlClient, endpoint_at
from agent.events import JsonObject
from agent.rehearsal.virtual_scanner import VirtualScanner
from bench import bulk, till
from bench.agent_run import Daemon, running
from bench.bulk_run import Inbox
from bench.install import Shop, Workstation
from bench.peers import Platform

PHASES = ("quiet", "intake", "upload")
WAYS = ("scanner", "his")
WARM_UP = 6
PATIENCE_S = 60.0
POLL_S = 0.005
THINKING_S = (0.02, 0.08)
"""Between seeing that a payment waits and scanning: scans fall everywhere between the agent's polls."""
MOST_FILES = 12

Taken = dict[tuple[str, str], list[float]]
"""Milliseconds of each payment by phase and way."""


@dataclass(frozen=True)
class Peers:
    """Who takes the fees and who takes the payments."""

    bulk: Platform
    till: Platform


@dataclass(frozen=True)
class Scan:
    """Order ``number`` was scanned at ``at`` (ns)."""

    number: int
    way: str
    at: int


@dataclass(frozen=True)
class Upload:
    """A file of fees: when it was renamed, when its first batch arrived, when its result was there (ns)."""

    renamed: int
    first: int
    ended: int

    def phase(self, at: int) -> str | None:
        if not self.renamed <= at < self.ended:
            return None
        return "intake" if at < self.first else "upload"


@dataclass
class Cashier:
    """Pays one order after the other, and waits for each result."""

    station: Workstation
    daemon: Daemon
    gun: VirtualScanner
    scans: list[Scan] = field(default_factory=list)
    _chance: random.Random = field(default_factory=lambda: random.Random(7))

    def pay(self) -> None:
        number = len(self.scans) + 1
        way = WAYS[number % len(WAYS)]
        at = self._by_scanner(number) if way == "scanner" else self._by_his(number)
        self.scans.append(Scan(number, way, at))
        self._until(lambda: self._accepted(number), f"the result of order {number}")

    def _by_scanner(self, number: int) -> int:
        aside, name = self._written(number, till.waiting(number))
        aside.rename(name)
        self._until(self._waits, "the payment waits for its scan")
        time.sleep(self._chance.uniform(*THINKING_S))
        self.gun.send(till.code(number).encode("ascii"))
        at = time.monotonic_ns()
        self.gun.send(b"\r")
        return at

    def _by_his(self, number: int) -> int:
        aside, name = self._written(number, till.scanned(number))
        at = time.monotonic_ns()
        aside.rename(name)
        return at

    def _written(self, number: int, submission: JsonObject) -> tuple[Path, Path]:
        name = self.station.inbox / f"{till.order_id(number)}.json"
        name.parent.mkdir(parents=True, exist_ok=True)
        aside = name.with_suffix(".part")
        aside.write_text(jsontext.write(submission), encoding="utf-8")
        return aside, name

    def _waits(self) -> bool:
        told = ControlClient(endpoint_at(self.station.control)).call("station.list")
        return bool(told["waits"]) and told["devices"][0]["reason"] == "ready"

    def _accepted(self, number: int) -> bool:
        order = till.order_id(number)
        path = self.station.results / f"{order}.json.{order}.result.json"
        if not path.exists():
            return False
        told = json.loads(path.read_bytes())
        if told["final"] and told["state"] != "accepted":
            raise AssertionError(f"{told['state']} {told['code']} {told['message']}: {self.station.root}")
        return bool(told["final"])

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            if self.daemon.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"not in time, {what}: {self.station.root}")
            time.sleep(POLL_S)


def latencies(shop: Shop, peers: Peers, scans: int, rows: int) -> Taken:
    """At least ``scans`` payments of each phase and way, while files of ``rows`` fees are sent."""
    peers.bulk.begin()
    peers.till.begin()
    with running(shop.till) as daemon:
        cashier = Cashier(shop.till, daemon, shop.gun)
        for _ in range(WARM_UP + scans * len(WAYS)):
            cashier.pay()
        uploads: list[Upload] = []
        while len(uploads) < MOST_FILES and _fewest(cashier.scans, uploads) < scans:
            inbox = Inbox(shop.bulk, daemon)
            uploads.append(_upload(inbox, cashier, peers.bulk, len(uploads) + 1, rows))
    return _taken(cashier.scans[WARM_UP:], uploads, _arrived(peers, cashier.scans, uploads, rows))


def _upload(inbox: Inbox, cashier: Cashier, platform: Platform, stay: int, rows: int) -> Upload:
    """Pay until the result of a file of fees is there."""
    name, his_id = f"fees-{stay}.csv", bulk.fees_id(stay)
    content = "\r\n".join([*bulk.fees_csv(rows, stay), ""]).encode()
    before = platform.count()
    renamed = time.monotonic_ns()
    inbox.put(name, content)
    result = inbox.result(name, his_id)
    while not inbox.told(result):
        cashier.pay()
    ended = time.monotonic_ns()
    return Upload(renamed, platform.arrival(before), ended)


def _fewest(scans: Sequence[Scan], uploads: Sequence[Upload]) -> int:
    """Of the phases and ways under load, how many payments the rarest has."""
    counts = dict.fromkeys([(phase, way) for phase in PHASES[1:] for way in WAYS], 0)
    for scan in scans:
        phase = _phase(scan, uploads)
        if phase != PHASES[0]:
            counts[phase, scan.way] += 1
    return min(counts.values())


def _phase(scan: Scan, uploads: Sequence[Upload]) -> str:
    return next((phase for one in uploads if (phase := one.phase(scan.at))), PHASES[0])


def _arrived(peers: Peers, scans: Sequence[Scan], uploads: Sequence[Upload], rows: int) -> dict[str, int]:
    """When each payment arrived; fails unless every order was paid once and every fee came once, in order."""
    told = peers.till.report()
    if sorted(told["paid"]) != sorted(till.order_id(scan.number) for scan in scans):
        raise AssertionError("the orders were not paid once each")
    sent = [bulk.fee_number(number) for _ in uploads for number in range(rows)]
    if peers.bulk.report()["fees"] != sent:
        raise AssertionError("the fees did not arrive completely and in order")
    arrived: dict[str, int] = told["arrived"]
    return arrived


def _taken(scans: Sequence[Scan], uploads: Sequence[Upload], arrived: dict[str, int]) -> Taken:
    taken: Taken = {(phase, way): [] for phase in PHASES for way in WAYS}
    for scan in scans:
        millis = (arrived[till.order_id(scan.number)] - scan.at) / 1e6
        taken[_phase(scan, uploads), scan.way].append(millis)
    return taken
