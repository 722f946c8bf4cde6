"""How often the agent waits for the disk, counted by strace."""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from pathlib import Path

from bench.agent_run import running
from bench.install import Workstation
from bench.peers import Platform

_CALL = re.compile(r"^\d+\s+(?P<at>[\d.]+) (?:fsync|fdatasync)\(\d+<(?P<path>[^>]*)>")


def syncs_per_message(station: Workstation, platform: Platform, count: int) -> dict[str, float] | None:
    """Calls of fsync and fdatasync for each message by what is synced; None without strace."""
    if shutil.which("strace") is None:
        return None
    trace = station.root / "syncs.strace"
    platform.begin()
    prefix = ["strace", "-f", "-y", "-ttt", "-e", "trace=fsync,fdatasync", "-o", str(trace)]
    with running(station, prefix) as daemon:
        daemon.deliver(station.write_inputs(range(1)))
        inputs = station.write_inputs(range(1, count))
        began = time.time()
        daemon.deliver(inputs)
        ended = time.time()
    return count_syncs(trace, began, ended, station.root / "data", count - 1)


def count_syncs(trace: Path, began: float, ended: float, data: Path, messages: int) -> dict[str, float]:
    calls: Counter[str] = Counter()
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        call = _CALL.match(line)
        if call and began <= float(call["at"]) <= ended:
            calls[_kind(Path(call["path"]), data)] += 1
    return {kind: number / messages for kind, number in calls.most_common()}


def _kind(path: Path, data: Path) -> str:
    """``database`` with its log, a folder itself, or a file in a folder of the data root."""
    within = path.relative_to(data) if path.is_relative_to(data) else path
    if within.name.startswith("outbox.db"):
        return "database"
    folder = within.parts[0] if within.parts else "."
    return f"folder {folder}" if path.is_dir() else f"file in {folder}"
