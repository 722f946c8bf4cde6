"""The figures as tables for people and as JSON for comparison."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from bench.bare import CLIENTS
from bench.figures import Target, middle, ratio
from bench.rounds import Series

Findings = dict[str, Any]


def machine(folder: Path) -> str:
    """Processor, memory, system, and the file system under the data roots."""
    mounts = sorted(psutil.disk_partitions(all=True), key=lambda mount: len(mount.mountpoint))
    mount = [each for each in mounts if folder.is_relative_to(each.mountpoint)][-1]
    memory = psutil.virtual_memory().total / 1e9
    return (
        f"{psutil.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, data on {mount.fstype} ({mount.device})"
    )


def targets(findings: Findings) -> list[Target]:
    """What the measurements that were made say about what is to be reached."""
    found: list[Target] = []
    for name, bound in (("plain 0 ms", 0.80), ("plain 20 ms", 0.97), ("sealed 0 ms", 0.85)):
        if series := findings.get(name):
            found.append(Target(f"{name}: c / a", ratio(series["c"], series["a"]), bound, at_least=True))
    if idle := findings.get("idle"):
        memory = [sum(pair) for pair in zip(idle["daemon_mb"], idle["helpers_mb"], strict=True)]
        found += [
            Target("rename to first byte, p50", middle(idle["p50"]), 8, "ms"),
            Target("rename to first byte, p99", middle(idle["p99"]), 30, "ms"),
            Target("resident memory, helpers included", middle(memory), 60, "MB"),
            Target("CPU when idle", middle(idle["cpu_percent"]), 0.2, "% of a core"),
        ]
    if files := findings.get("attachments"):
        found += [
            Target("CPU to seal ten files of 500 KB", middle(files["seal_cpu_s"]), 0.6, "s"),
            Target("memory above idle while files are sent", middle(files["above_idle_mb"]), 120, "MB"),
            Target("question meanwhile, p99", middle(files["question_p99_ms"]), 150, "ms"),
        ]
    if fees := findings.get("rows"):
        name = f"memory above idle, {middle(fees['rows']):,.0f} fees in a CSV"
        found.append(Target(name, middle(fees["above_idle_mb"]), 200, "MB"))
    if scans := findings.get("scan"):
        found += [
            Target("last character of a scan to its commit, p50", middle(scans["p50"]), 10, "ms"),
            Target("the same, p99", middle(scans["p99"]), 20, "ms"),
        ]
    for name, rounds in findings.get("till", {}).items():
        if name.endswith("p99"):
            found.append(Target(f"scan to first byte of ST007, {name}", middle(rounds), 60, "ms"))
    if starts := findings.get("starts"):
        found += [
            Target("first delivery after start", middle(starts["empty"]), 0.8, "s"),
            Target("first delivery with the backlog", middle(starts["backlog"]), 1.2, "s"),
        ]
    return found


def text(findings: Findings) -> str:
    parts = [f"his-agent bench: {findings['machine']}; medians of {findings['rounds']}"]
    if clients := findings.get("clients"):
        parts.append(_clients(clients))
    for name in ("plain 0 ms", "plain 20 ms", "sealed 0 ms", "sealed 20 ms"):
        if series := findings.get(name):
            parts.append(_throughput(name, series))
    if syncs := findings.get("syncs"):
        rows = [[kind, f"{number:.2f}"] for kind, number in syncs.items()]
        parts.append(_table("waits for the disk", ["synced", "per message"], rows))
    if series := findings.get("till"):
        parts.append(_till(series))
    reached = targets(findings)
    if reached:
        parts.append(
            _table("to reach", ["what", "measured", "bound", ""], [_judged(each) for each in reached])
        )
    return "\n\n".join(parts) + "\n"


def save(findings: Findings, path: Path) -> None:
    judged = {each.name: {"measured": each.measured, "bound": each.bound} for each in targets(findings)}
    path.write_text(json.dumps({**findings, "targets": judged}, indent=1, ensure_ascii=False), "utf-8")


_LOOPS = {
    "a": "(a)  requests, nothing kept",
    "a'": "(a') the agent's client, nothing kept",
    "b": "(b)  requests, a durable commit each",
    "c": "(c)  the agent, file to result",
}


def _throughput(name: str, series: Series) -> str:
    rows = [
        [_LOOPS[loop], f"{middle(values):.0f}", f"{ratio(series['c'], values):.2f}"]
        for loop, values in series.items()
    ]
    return _table(name, ["", "messages/s", "c / it"], rows)


def _clients(series: Series) -> str:
    def of(client: str, what: str) -> str:
        return f"{middle(series[f'{client} {what}']):.2f}"

    rows = [[each, of(each, "cpu_ms"), of(each, "per_second"), of(each, "import_ms")] for each in CLIENTS]
    return _table("HTTP clients, 1 KB at 0 ms", ["", "CPU ms/post", "posts/s", "import ms"], rows)


def _till(series: Series) -> str:
    kinds = [name.removesuffix(" p99") for name in series if name.endswith(" p99")]
    rows = [
        [
            kind,
            f"{sum(series[f'{kind} payments']):.0f}",
            f"{middle(series[f'{kind} p50']):.1f}",
            f"{middle(series[f'{kind} p99']):.1f}",
            " ".join(f"{p99:.0f}" for p99 in series[f"{kind} p99"]),
            f"{max(series[f'{kind} most']):.1f}",
        ]
        for kind in kinds
    ]
    head = ["", "payments", "p50", "p99", "p99 of each round", "most"]
    return _table("scan to first byte of ST007, ms", head, rows)


def _judged(target: Target) -> list[str]:
    sign = "≥" if target.at_least else "≤"
    return [
        target.name,
        f"{target.measured:.2f} {target.unit}".strip(),
        f"{sign} {target.bound:g}",
        "reached" if target.reached else "MISSED",
    ]


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    drawn = [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([f"== {title}", *drawn])
