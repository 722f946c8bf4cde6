"""Real processes on one folder each: rehearsed platforms, and stations of a hospital or a bureau.

Keys are given to an agent on its standard input and never written in the clear; everything that a
process says stands in a log beside its folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from secrets import token_bytes
from typing import Any

from agent.control import ControlClient, endpoint_at
from agent.errors import AgentError, ControlError
from agent.rehearsal.virtual_reader import VirtualReader
from agent.rehearsal.virtual_scanner import VirtualScanner
from agent.transport.base import TransportSettings
from agent.transport.session import WebSession

PATIENCE_S = 30.0
TILL = "till-1"
"""The station's name, as ``await`` gives it."""
MEMORY = "agent.keys_memory.MemoryKeyring"


class StageError(AgentError):
    """Something on the stage did not come up or did not happen in time."""

    code = "stage"


def eventually(
    holds: Callable[[], bool], what: str, patience_s: float = PATIENCE_S, every_s: float = 0.01
) -> None:
    """Wait until a condition of another process holds. Raises StageError when it does not in time."""
    deadline = time.monotonic() + patience_s
    pause = threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            raise StageError(f"等待超时：{what}", hint="查看 agent.log 与 platform.log")
        pause.wait(every_s)


def program() -> list[str]:
    return [sys.executable, "-m", "agent"]


def start(
    command: list[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    stdin: int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start a program of ours; both its outputs are added to ``log``."""
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own program, no shell
            command,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHON_KEYRING_BACKEND": MEMORY, **(environment or {})},
        )


def ended(process: subprocess.Popen[bytes] | None) -> bool:
    return process is not None and process.poll() is not None


def end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None and process.poll() is None:
        process.kill()
        process.wait()


@dataclass(slots=True)
class Platform:
    """The rehearsal server of one system. ``options`` are those of ``his-agent simulate``."""

    root: Path
    system: str
    options: tuple[str, ...] = ()
    log: str = "platform.log"
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    url: str = field(default="", init=False)

    def start(self, *options: str) -> None:
        """Start it and wait until it answers; after a restart it listens at the same address."""
        self.root.mkdir(parents=True, exist_ok=True)
        ready = self.root / f"{self.system}.ready"
        ready.unlink(missing_ok=True)
        port = self.url.rpartition(":")[2] if self.url else "0"
        command = [
            *program(),
            "simulate",
            self.system,
            f"port={port}",
            f"ready_file={ready}",
            *self.options,
            *options,
        ]
        self.process = start(command, self.root / self.log, stdin=subprocess.DEVNULL)
        eventually(lambda: ready.exists() or ended(self.process), "演练服务器启动")
        if ended(self.process):
            raise StageError("演练服务器没有启动", hint=f"查看 {self.root / self.log}")
        self.url = str(json.loads(ready.read_text("utf-8"))["url"])

    def admin(self, what: str, method: str = "GET", body: Any = None) -> Any:
        """The platform's admin surface, for ledgers and faults."""
        with WebSession(TransportSettings()) as web:
            answer = web.request(method, f"{self.url}/_rehearsal/{what}", body)
        if answer.status != HTTPStatus.OK:
            raise StageError(f"演练服务器答复 HTTP {answer.status}", hint=f"查看 {self.root / self.log}")
        return json.loads(answer.body)

    def close(self) -> None:
        end(self.process)


@dataclass(slots=True)
class Station:
    """A workstation: one configuration, one data root, one agent.

    ``systems`` are the TOML settings of each system, ``keys`` what its keyring would hold;
    ``data_root`` puts the agent's data elsewhere than under ``root``, ``devices`` are further sections of
    its configuration."""

    root: Path
    systems: Mapping[str, Mapping[str, Any]]
    keys: Mapping[str, str] = field(repr=False)
    agent_settings: Mapping[str, Any] = field(default_factory=dict)
    folder_settings: Mapping[str, Any] = field(default_factory=dict)
    data_root: Path | None = None
    scanner: VirtualScanner | None = None
    reader: VirtualReader | None = None
    devices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _data_key: str = field(
        default_factory=lambda: b64encode(token_bytes(32)).decode("ascii"), init=False, repr=False
    )

    # -- places -----------------------------------------------------------------------------------
    @property
    def config(self) -> Path:
        return self.root / "his-agent.toml"

    @property
    def data(self) -> Path:
        return self.data_root or self.root / "data"

    def inbox(self, system: str) -> Path:
        return self.data / "inbox" / system

    def results(self, system: str) -> Path:
        return self.data / "results" / system

    def downloads(self, transaction: str) -> Path:
        return self.data / "downloads" / transaction

    @property
    def scans(self) -> Path:
        return self.data / "scans"

    # -- the agent --------------------------------------------------------------------------------
    def write_config(self) -> None:
        """The agent's configuration; its folders are made by ``his-agent init`` when missing."""
        lines = [
            "[agent]",
            f"data = {json.dumps(str(self.data))}",
            *_toml(self.agent_settings),
            "[log]",
            f"file = {json.dumps(str(self.root / 'agent.jsonl'))}",
            'console = "always"',
            "[control]",
            f"path = {json.dumps(str(self.root / 'control.sock'))}",
        ]
        for system, settings in self.systems.items():
            lines += [f"[systems.{system}]", *_toml(settings)]
            lines += [f"[folders.{system}]", f'system = "{system}"', *_toml(self.folder_settings)]
        if self.scanner is not None:
            lines += ["[scanners.gun]", f'station = "{TILL}"', f"port = {json.dumps(self.scanner.path)}"]
        if self.reader is not None:
            lines += ["[readers.desk]", f'station = "{TILL}"', f"reader = {json.dumps(self.reader.name)}"]
        for section, settings in self.devices.items():
            lines += [f"[{section}]", *_toml(settings)]
        self.root.mkdir(parents=True, exist_ok=True)
        self.config.write_text("\n".join(lines) + "\n", "utf-8")

    def start(self, *, environment: Mapping[str, str] | None = None, wait: bool = True) -> None:
        """Start ``his-agent run`` and hand it its keys; with ``wait`` until it answers."""
        self.write_config()
        command = [*program(), "run", "--config", str(self.config), "--keys-from-stdin"]
        self.process = start(command, self.root / "agent.log", environment)
        if self.process.stdin is not None:
            self.process.stdin.write(json.dumps(self.key_texts()).encode("utf-8"))
            self.process.stdin.close()
        if wait:
            eventually(lambda: self.answers() or ended(self.process), "代理程序启动")
            if ended(self.process):
                raise StageError("代理程序没有启动", hint=f"查看 {self.root / 'agent.log'}")

    def key_texts(self) -> dict[str, str]:
        return {**self.keys, "agent/data-key": self._data_key}

    def call(self, verb: str, **arguments: Any) -> Any:
        return ControlClient(endpoint_at(self.root / "control.sock")).call(verb, arguments)

    def answers(self) -> bool:
        try:
            self.call("status")
        except ControlError:
            return False
        return True

    # -- the HIS ----------------------------------------------------------------------------------
    def drop(self, system: str, name: str, content: bytes) -> None:
        """Write aside and rename into place, as the contract asks of a HIS."""
        inbox = self.inbox(system)
        inbox.mkdir(parents=True, exist_ok=True)
        aside = inbox / f"{name}.tmp"
        aside.write_bytes(content)
        aside.replace(inbox / name)

    def read_results(self, system: str) -> dict[str, dict[str, Any]]:
        """Every result on disk, by file name."""
        folder = self.results(system)
        if not folder.is_dir():
            return {}
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        return {path.name: json.loads(path.read_text("utf-8")) for path in found}

    def final_results(self, system: str) -> dict[str, dict[str, Any]]:
        return {name: result for name, result in self.read_results(system).items() if result["final"]}

    def results_of(self, system: str, file: str) -> list[Path]:
        """Where the results of a dropped file are, interim ones too."""
        folder = self.results(system)
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [path for path in found if path.name.startswith(f"{file}.")]

    # -- the end ----------------------------------------------------------------------------------
    def stop(self, patience_s: float = 25.0) -> int:
        """Ask it to stop; its exit code."""
        if self.process is None:
            return 0
        if not ended(self.process):
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience_s)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        end(self.process)
        if self.scanner is not None:
            self.scanner.unplug()
        if self.reader is not None:
            self.reader.slot.pull()


def _toml(settings: Mapping[str, Any]) -> Iterable[str]:
    """Settings as TOML lines; nested mappings as dotted keys."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from (f"{key}.{line}" for line in _toml(value))
        else:
            yield f"{key} = {json.dumps(value, ensure_ascii=False)}"
