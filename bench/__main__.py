"""``python -m bench [--quick] [--only PART …] [--folder DIR] [--strict]``; see also its ``result.json``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import report
from bench.rounds import QUICK, Bench, Size
from bench.workload import REPOSITORY

PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "clients": lambda bench: {"clients": bench.clients()},
    "plain": lambda bench: {"plain 0 ms": bench.plain(0), "plain 20 ms": bench.plain(0.02)},
    "sealed": lambda bench: {"sealed 0 ms": bench.sealed(0), "sealed 20 ms": bench.sealed(0.02)},
    "idle": lambda bench: {"idle": bench.idle()},
    "syncs": lambda bench: {"syncs": bench.syncs()},
    "attachments": lambda bench: {"attachments": bench.attachments()},
    "rows": lambda bench: {"rows": bench.rows()},
    "scan": lambda bench: {"scan": bench.scans()},
    "till": lambda bench: {"till": bench.till()},
    "starts": lambda bench: {"starts": bench.starts()},
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--quick", action="store_true", help="one small round: shows that it works")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument(
        "--folder", type=Path, default=REPOSITORY / "bench-data", help="on the disk to measure"
    )
    parser.add_argument("--strict", action="store_true", help="fail when a target is missed")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # no agent is left behind
    options.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(options.folder.resolve(), QUICK if options.quick else Size(), say=_progress)
    findings: dict[str, Any] = {"machine": report.machine(bench.folder), "rounds": bench.size.rounds}
    for part in options.only:
        findings.update(PARTS[part](bench))
    report.save(findings, bench.folder / "result.json")
    print(report.text(findings))
    missed = any(not target.reached for target in report.targets(findings))
    return 1 if missed and options.strict else 0


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
