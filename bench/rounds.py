"""The measurements, each repeated in rounds so that every ratio compares neighbours in time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import agent_run, bulk_run, plain, scan_run, till, till_run
from bench.backlog import workstation_with_backlog
from bench.bare import CLIENTS
from bench.figures import percentile
from bench.install import MINISTRY, Workstation, install, install_shop
from bench.peers import Platform, ministry, platform
from bench.peers import till as till_platform
from bench.scan_run import virtual_scanner
from bench.syncs import syncs_per_message
from bench.workload import REPOSITORY, Keys

Series = dict[str, list[float]]


@dataclass(frozen=True)
class Size:
    """How much is measured. ``fast`` messages at 0 ms, ``slow`` ones at 20 ms, ``sealed`` ones."""

    rounds: int = 5
    fast: int = 1000
    slow: int = 200
    sealed: int = 400
    singles: int = 120
    idle_s: float = 10.0
    backlog: int = 1_000_000
    uploads: int = 8
    rows: int = 100_000
    scans: int = 500
    payments: int = 200
    tills: int = 3


QUICK = Size(
    rounds=1,
    fast=300,
    slow=60,
    sealed=100,
    singles=40,
    idle_s=3.0,
    backlog=20_000,
    uploads=1,
    rows=3_000,
    scans=200,
    payments=15,
    tills=1,
)


@dataclass(frozen=True)
class Bench:
    """``folder`` lies on a real file system; every run gets a fresh data root in it."""

    folder: Path
    size: Size
    keys: Keys = field(default_factory=Keys.make)
    say: Callable[[str], None] = print

    def clients(self) -> Series:
        """CPU milliseconds a post, posts a second and import milliseconds of each client."""
        series: Series = {}
        with platform(0) as peer:
            for _ in self._rounds("clients"):
                for client in CLIENTS:
                    result = self._bare(peer, self.size.fast, client)
                    for name, value in result.items():
                        series.setdefault(f"{client} {name}", []).append(value)
        return series

    def plain(self, seconds: float) -> Series:
        """(a), (a′), (b) and (c) with bodies of 1 KB."""
        count = self.size.slow if seconds else self.size.fast
        series: Series = {"a": [], "a'": [], "b": [], "c": []}
        with platform(seconds) as peer:
            for _ in self._rounds(f"plain, server {seconds * 1000:.0f} ms"):
                series["a"].append(self._bare(peer, count, "requests")["per_second"])
                series["a'"].append(self._bare(peer, count, "agent")["per_second"])
                series["b"].append(self._bare(peer, count, "requests", journal=True)["per_second"])
                with self._station(plain.SYSTEM, peer) as station:
                    series["c"].append(agent_run.throughput(station, peer, count))
        return series

    def sealed(self, seconds: float) -> Series:
        """(a), (a′) and (c) with sealed ministry messages: the loops seal and open as well."""
        count = self.size.slow if seconds else self.size.sealed
        series: Series = {"a": [], "a'": [], "c": []}
        with platform(seconds, self.keys, count) as peer:
            for _ in self._rounds(f"sealed, server {seconds * 1000:.0f} ms"):
                series["a"].append(self._bare(peer, count, "requests", sealed=True)["per_second"])
                series["a'"].append(self._bare(peer, count, "agent", sealed=True)["per_second"])
                with self._station(MINISTRY, peer) as station:
                    series["c"].append(agent_run.throughput(station, peer, count))
        return series

    def idle(self) -> Series:
        """Rename to first byte on an idle agent, and what the idle agent takes."""
        series: Series = {"p50": [], "p99": [], "daemon_mb": [], "helpers_mb": [], "cpu_percent": []}
        with platform(0) as peer:
            for _ in self._rounds("idle agent"):
                with self._station(plain.SYSTEM, peer) as station:
                    latencies, footprint = agent_run.latencies(
                        station, peer, self.size.singles, self.size.idle_s
                    )
                series["p50"].append(percentile(latencies, 0.50))
                series["p99"].append(percentile(latencies, 0.99))
                series["daemon_mb"].append(footprint.daemon_mb)
                series["helpers_mb"].append(footprint.helpers_mb)
                series["cpu_percent"].append(footprint.idle_cpu_percent)
        return series

    def scans(self) -> Series:
        """Last character of a scan to its committed event, milliseconds."""
        series: Series = {"p50": [], "p99": []}
        for _ in self._rounds("scans"):
            taken = scan_run.latencies(self.folder, self.size.scans)
            series["p50"].append(percentile(taken, 0.50))
            series["p99"].append(percentile(taken, 0.99))
        return series

    def till(self) -> Series:
        """From a scan to the first byte of its payment, milliseconds, by phase and way: of each round the
        payments' number, p50, p99 and most. Each round has hundreds of each kind, and takes minutes."""
        series: Series = {}
        for _ in self._rounds("till", self.size.tills):
            for (phase, way), millis in self._till().items():
                told = {
                    "payments": float(len(millis)),
                    "p50": percentile(millis, 0.50),
                    "p99": percentile(millis, 0.99),
                    "most": max(millis),
                }
                for name, value in told.items():
                    series.setdefault(f"{phase} {way} {name}", []).append(value)
        return series

    def _till(self) -> till_run.Taken:
        rows = self.size.rows
        with self._scratch() as scratch, ministry(self.keys, rows, 0) as bulk:
            till_keys = till.make_keys(scratch / "keys")
            with till_platform(scratch / "keys") as platform, virtual_scanner() as gun:
                shop = install_shop(scratch, bulk.url, self.keys, platform.url, till_keys, gun)
                peers = till_run.Peers(bulk, platform)
                return till_run.latencies(shop, peers, self.size.payments, rows)

    def starts(self) -> Series:
        """Start of the process to first byte: with one file in the inbox, and with a backlog."""
        series: Series = {"empty": [], "backlog": []}
        with platform(0) as peer:
            backlog = workstation_with_backlog(self.folder, peer.url, self.keys, self.size.backlog)
            for _ in self._rounds("start"):
                with self._station(plain.SYSTEM, peer) as station:
                    for aside, name in station.write_inputs(range(1)):
                        aside.rename(name)
                    series["empty"].append(agent_run.first_delivery(station, peer))
                series["backlog"].append(agent_run.first_delivery(backlog, peer))
        return series

    def attachments(self) -> Series:
        """Uploads of ten files of 500 KB while questions are asked."""
        series: Series = {}
        with ministry(self.keys, 0, self.size.uploads) as peer:
            for _ in self._rounds("attachments"):
                with self._station(MINISTRY, peer) as station:
                    told = bulk_run.attachments(station, peer, self.keys, self.size.uploads)
                for name, value in told.items():
                    series.setdefault(name, []).append(value)
        return series

    def rows(self) -> Series:
        """One CSV of fees."""
        series: Series = {}
        with ministry(self.keys, self.size.rows, 0) as peer:
            for _ in self._rounds("rows"):
                with self._station(MINISTRY, peer) as station:
                    told = bulk_run.rows(station, peer, self.size.rows)
                for name, value in told.items():
                    series.setdefault(name, []).append(value)
        return series

    def syncs(self) -> dict[str, float] | None:
        """Waits for the disk per message, by what is synced."""
        self.say("syncs")
        with platform(0) as peer, self._station(plain.SYSTEM, peer) as station:
            return syncs_per_message(station, peer, self.size.slow)

    def _rounds(self, name: str, times: int = 0) -> Iterator[int]:
        times = times or self.size.rounds
        for number in range(times):
            self.say(f"{name}: round {number + 1} of {times}")
            yield number

    def _bare(
        self, peer: Platform, count: int, client: str, *, sealed: bool = False, journal: bool = False
    ) -> dict[str, float]:
        peer.begin()
        with self._scratch() as scratch:
            command = [sys.executable, "-m", "bench.bare", peer.url, str(count), "--client", client]
            command += ["--sealed"] if sealed else []
            command += ["--journal", str(scratch / "journal.db")] if journal else []
            given = json.dumps(asdict(self.keys)) + "\n" if sealed else ""
            done = subprocess.run(
                command, input=given, stdout=subprocess.PIPE, text=True, check=True, cwd=REPOSITORY
            )
        peer.arrivals(count)
        result: dict[str, float] = json.loads(done.stdout)
        return result

    @contextmanager
    def _station(self, system: str, peer: Platform) -> Iterator[Workstation]:
        with self._scratch() as scratch:
            yield install(scratch, system, peer.url, self.keys)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A fresh folder; it stays for inspection when the run in it fails."""
        scratch = Path(tempfile.mkdtemp(prefix="run-", dir=self.folder))
        yield scratch
        shutil.rmtree(scratch)
