"""(c) The real daemon, from a dropped file to the answered result, and what it costs to have around."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.install import Workstation
from bench.peers import Platform

PATIENCE_S = 120.0
POLL_S = 0.002


@dataclass(frozen=True)
class Footprint:
    """Resident memory in MB of the daemon's process and of its helpers, and CPU in % of a core."""

    daemon_mb: float
    helpers_mb: float
    idle_cpu_percent: float


@dataclass(frozen=True)
class Daemon:
    station: Workstation
    process: subprocess.Popen[str]
    spawned_ns: int

    def deliver(self, inputs: Sequence[tuple[Path, Path]]) -> tuple[list[int], float]:
        """Rename all inputs and wait for all results: when each was renamed (ns), seconds in all."""
        expected = self._results() + len(inputs)
        renamed = []
        began = time.perf_counter()
        for aside, name in inputs:
            renamed.append(time.monotonic_ns())
            aside.rename(name)
        self._until(expected)
        return renamed, time.perf_counter() - began

    def _until(self, expected: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (there := self._results()) < expected:
            if self.process.poll() is not None:
                raise AssertionError(f"the agent ended: {self.station.root}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{expected - there} results are missing: {self.station.root}")
            time.sleep(POLL_S if expected - there < 20 else POLL_S * 10)

    def _results(self) -> int:
        with contextlib.suppress(FileNotFoundError), os.scandir(self.station.results) as entries:
            return sum(entry.name.endswith(".result.json") for entry in entries)
        return 0

    def footprint(self, seconds: float) -> Footprint:
        """Memory now, and CPU over ``seconds`` of doing nothing."""
        process = psutil.Process(self.process.pid)
        family = [process, *process.children(recursive=True)]
        before = _cpu_seconds(family)
        time.sleep(seconds)
        idle = (_cpu_seconds(family) - before) / seconds * 100
        memory = [member.memory_info().rss / 1e6 for member in family]
        return Footprint(memory[0], sum(memory[1:]), idle)


def _cpu_seconds(family: Sequence[psutil.Process]) -> float:
    return sum(sum(member.cpu_times()[:2]) for member in family)


@contextlib.contextmanager
def running(station: Workstation, prefix: Sequence[str] = ()) -> Iterator[Daemon]:
    """The daemon, started as a service manager does it and stopped by a signal at the end."""
    with (station.root / "agent.err").open("ab") as errors:
        spawned = time.monotonic_ns()
        process = subprocess.Popen(
            [*prefix, *station.command()],
            env=station.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            text=True,
        )
    assert process.stdin is not None
    process.stdin.write(station.handed_keys())
    process.stdin.close()
    try:
        yield Daemon(station, process, spawned)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    """By a signal, and with it whatever it started: under strace the agent is a child."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        _, late = psutil.wait_procs(family, timeout=30)
        for member in late:
            member.kill()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def throughput(station: Workstation, platform: Platform, count: int) -> float:
    """Messages a second from the first rename to the last result, of an agent that was idle before."""
    platform.begin()
    with running(station) as daemon:
        daemon.deliver(station.write_inputs(range(1)))
        _, seconds = daemon.deliver(station.write_inputs(range(1, count)))
    _check(station, platform, count)
    return (count - 1) / seconds


def latencies(
    station: Workstation, platform: Platform, count: int, idle_s: float
) -> tuple[list[float], Footprint]:
    """Milliseconds from rename to first byte, one file at a time, and the idle agent's footprint."""
    platform.begin()
    renamed: list[int] = []
    with running(station) as daemon:
        daemon.deliver(station.write_inputs(range(1)))
        inputs = station.write_inputs(range(1, count))
        for pair in inputs:
            time.sleep(0.03)
            renamed += daemon.deliver([pair])[0]
        footprint = daemon.footprint(idle_s)
    arrived = _check(station, platform, count)[1:]
    return [(there - here) / 1e6 for here, there in zip(renamed, arrived, strict=True)], footprint


def first_delivery(station: Workstation, platform: Platform) -> float:
    """Seconds from the start of the process to the first byte of the first message."""
    platform.begin()
    with running(station) as daemon:
        deadline = time.monotonic() + PATIENCE_S
        while platform.count() == 0:
            if time.monotonic() > deadline or daemon.process.poll() is not None:
                raise AssertionError(f"nothing was delivered: {station.root}")
            time.sleep(0.05)
        first = platform.arrival(0)
    return (first - daemon.spawned_ns) / 1e9


def _check(station: Workstation, platform: Platform, count: int) -> list[int]:
    """Fails unless each message arrived once and in order, and each was accepted."""
    states = Counter(station.states())
    if states != {"accepted": count}:
        raise AssertionError(f"{count} accepted results expected, got {dict(states)}: {station.root}")
    return platform.arrivals(count)
