"""The server's process and the questions asked of it before and after a run."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.workload import REPOSITORY, Keys


@dataclass(frozen=True)
class Platform:
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def begin(self) -> None:
        self._ask("begin")

    def count(self) -> int:
        return int(self._ask("count"))

    def arrival(self, place: int) -> int:
        """When the first byte of a message arrived (ns), by its place among all."""
        return int(self._ask(f"arrival/{place}"))

    def arrivals(self, expected: int) -> list[int]:
        """When each message's first byte arrived (ns); fails unless each came once, in order."""
        report = self._ask("report")
        numbers = report["numbers"]
        if numbers != list(range(expected)):
            raise AssertionError(f"{expected} messages, each once and in order, expected: got {numbers}")
        return list(report["arrived"])

    def report(self) -> dict[str, Any]:
        """What it was sent, as its process tells it."""
        told: dict[str, Any] = self._ask("report")
        return told

    def _ask(self, command: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        with contextlib.closing(connection):
            connection.request("GET", f"/bench/{command}")
            return json.loads(connection.getresponse().read())


@contextlib.contextmanager
def platform(seconds: float, keys: Keys | None = None, count: int = 0) -> Iterator[Platform]:
    """A server that takes ``seconds`` to answer; sealed answers for ``count`` messages with ``keys``."""
    command = ["bench.server", "--seconds", str(seconds), *(["--sealed", str(count)] if keys else [])]
    with _serving(command, keys) as there:
        yield there


@contextlib.contextmanager
def ministry(keys: Keys, rows: int, uploads: int) -> Iterator[Platform]:
    """A platform that takes so many fees, so many uploads of files, and any question."""
    with _serving(["bench.bulk", str(rows), str(uploads)], keys) as there:
        yield there


@contextlib.contextmanager
def till(keys: Path) -> Iterator[Platform]:
    """Scan-to-pay's platform with the rehearsal keys of a folder."""
    with _serving(["bench.till", str(keys)], None) as there:
        yield there


@contextlib.contextmanager
def _serving(module: list[str], keys: Keys | None) -> Iterator[Platform]:
    process = subprocess.Popen(
        [sys.executable, "-m", *module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            if keys:
                process.stdin.write(json.dumps(asdict(keys)) + "\n")
                process.stdin.flush()
            yield Platform(int(process.stdout.readline()))
        finally:
            process.terminate()
