"""A stage for rehearsals: a platform and an agent as real processes, with keys of their own.

The demo plays on it, and so do the acceptance tests. Keys are made for the stage, given to the agent
on its standard input and never written in the clear; the platform keeps the rehearsal's own key pair
in a folder, as a HIS vendor's would.
"""

from __future__ import annotations

import json
import os
import shutil
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
from agent.crypto import keys
from agent.errors import AgentError, ControlError
from agent.transport.base import TransportSettings
from agent.transport.session import WebSession

PATIENCE_S = 30.0


class StageError(AgentError):
    """Something on the stage did not come up or did not happen in time."""

    code = "stage"


def eventually(holds: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until a condition of another process holds. Raises StageError when it does not in time."""
    deadline = time.monotonic() + patience_s
    pause = threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            raise StageError(f"等待超时：{what}", hint="查看 agent.log 与 platform.log")
        pause.wait(0.01)


@dataclass(slots=True)
class Stage:
    """One folder with everything: configuration, data root, logs. ``settings`` are TOML lines added
    to the system's section. ``data_root`` puts the agent's data elsewhere."""

    root: Path
    access_key: str = "510000001"
    settings: Mapping[str, Any] = field(default_factory=dict)
    agent_settings: Mapping[str, Any] = field(default_factory=dict)
    folder_settings: Mapping[str, Any] = field(default_factory=dict)
    data_root: Path | None = None
    platform: subprocess.Popen[bytes] | None = field(default=None, init=False)
    agent: subprocess.Popen[bytes] | None = field(default=None, init=False)
    url: str = field(default="", init=False)
    _own: keys.PrivateKey = field(default_factory=keys.generate, init=False)
    _platform_key: keys.PrivateKey = field(default_factory=keys.generate, init=False)
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

    @property
    def inbox(self) -> Path:
        return self.data / "inbox" / "ministry"

    @property
    def results(self) -> Path:
        return self.data / "results" / "ministry"

    # -- the platform -----------------------------------------------------------------------------
    def start_platform(self, *options: str) -> None:
        """Start the rehearsal server; after a restart it listens at the same address."""
        self.root.mkdir(parents=True, exist_ok=True)
        ready = self.root / "platform.ready"
        ready.unlink(missing_ok=True)
        self._write_platform_keys()
        port = self.url.rpartition(":")[2] if self.url else "0"
        command = [
            *program(),
            "simulate",
            "ministry",
            f"port={port}",
            f"ready_file={ready}",
            f"ledger={self.root / 'ledger.jsonl'}",
            f"own_private={self.root / 'platform-private.pem'}",
            f"peer_public={self.root / 'province-public.pem'}",
            *options,
        ]
        self.platform = self._start(command, "platform.log", stdin=subprocess.DEVNULL)
        eventually(lambda: ready.exists() or self._ended(self.platform), "演练服务器启动")
        if self._ended(self.platform):
            raise StageError("演练服务器没有启动", hint=f"查看 {self.root / 'platform.log'}")
        self.url = str(json.loads(ready.read_text("utf-8"))["url"])

    def admin(self, what: str, method: str = "GET", body: Any = None) -> Any:
        """The platform's admin surface, for ledgers and faults."""
        with WebSession(TransportSettings()) as web:
            answer = web.request(method, f"{self.url}/_rehearsal/{what}", body)
        if answer.status != HTTPStatus.OK:
            raise StageError(
                f"演练服务器答复 HTTP {answer.status}", hint=f"查看 {self.root / 'platform.log'}"
            )
        return json.loads(answer.body)

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
            "[systems.ministry]",
            f'url = "{self.url}/engine/transport/server/001"',
            f'access_key = "{self.access_key}"',
            *_toml(self.settings),
            "[folders.ministry]",
            'system = "ministry"',
            *_toml(self.folder_settings),
        ]
        self.config.write_text("\n".join(lines) + "\n", "utf-8")

    def start_agent(self, *, environment: Mapping[str, str] | None = None, wait: bool = True) -> None:
        """Start ``his-agent run`` and hand it its keys; with ``wait`` until it answers."""
        self.write_config()
        command = [*program(), "run", "--config", str(self.config), "--keys-from-stdin"]
        self.agent = self._start(command, "agent.log", environment)
        if self.agent.stdin is not None:
            self.agent.stdin.write(json.dumps(self.key_texts()).encode("utf-8"))
            self.agent.stdin.close()
        if wait:
            eventually(lambda: self.answers() or self._ended(self.agent), "代理程序启动")
            if self._ended(self.agent):
                raise StageError("代理程序没有启动", hint=f"查看 {self.root / 'agent.log'}")

    def key_texts(self) -> dict[str, str]:
        return {
            "ministry/own-private": self._own.to_pem(),
            "ministry/peer-public": self._platform_key.public.to_pem(),
            "agent/data-key": self._data_key,
        }

    def call(self, verb: str, **arguments: Any) -> Any:
        return ControlClient(endpoint_at(self.root / "control.sock")).call(verb, arguments)

    def answers(self) -> bool:
        try:
            self.call("status")
        except ControlError:
            return False
        return True

    # -- the HIS ----------------------------------------------------------------------------------
    def drop(self, name: str, content: bytes) -> None:
        """Write aside and rename into place, as the contract asks of a HIS."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        aside = self.inbox / f"{name}.tmp"
        aside.write_bytes(content)
        aside.replace(self.inbox / name)

    def read_results(self) -> dict[str, dict[str, Any]]:
        """Every result on disk, by file name."""
        if not self.results.is_dir():
            return {}
        found = sorted(path for path in self.results.iterdir() if not path.name.startswith("."))
        return {path.name: json.loads(path.read_text("utf-8")) for path in found}

    def final_results(self) -> dict[str, dict[str, Any]]:
        return {name: result for name, result in self.read_results().items() if result["final"]}

    def wait_for_results(self, count: int, patience_s: float = PATIENCE_S) -> dict[str, dict[str, Any]]:
        eventually(lambda: len(self.final_results()) >= count, f"{count} 个最终结果", patience_s)
        return self.final_results()

    # -- the end ----------------------------------------------------------------------------------
    def stop_agent(self, patience_s: float = 25.0) -> int:
        """Ask it to stop; its exit code."""
        if self.agent is None:
            return 0
        if not self._ended(self.agent):
            self.agent.send_signal(signal.SIGTERM)
        return self.agent.wait(patience_s)

    def kill_agent(self) -> None:
        if self.agent is not None:
            self.agent.kill()
            self.agent.wait()

    def close(self) -> None:
        for process in (self.agent, self.platform):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    def _start(
        self,
        command: list[str],
        log: str,
        environment: Mapping[str, str] | None = None,
        stdin: int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        with (self.root / log).open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own program, no shell
                command,
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHON_KEYRING_BACKEND": MEMORY, **(environment or {})},
            )

    def _write_platform_keys(self) -> None:
        """The rehearsed platform's own key pair, invented for this stage; the agent's stays unwritten."""
        (self.root / "platform-private.pem").write_text(self._platform_key.to_pem(), "ascii")
        (self.root / "province-public.pem").write_text(self._own.public.to_pem(), "ascii")

    @staticmethod
    def _ended(process: subprocess.Popen[bytes] | None) -> bool:
        return process is not None and process.poll() is not None


MEMORY = "agent.keys_memory.MemoryKeyring"


def program() -> list[str]:
    return [sys.executable, "-m", "agent"]


def fresh(root: Path) -> Path:
    """An empty folder at ``root``; only what an earlier stage left there is removed."""
    if (root / "his-agent.toml").exists() or (root / "platform.log").exists():
        shutil.rmtree(root)
    root.mkdir(parents=True, exist_ok=True)
    return root


def _toml(settings: Mapping[str, Any]) -> Iterable[str]:
    """Settings as TOML lines; nested mappings as dotted keys."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from (f"{key}.{line}" for line in _toml(value))
        else:
            yield f"{key} = {json.dumps(value, ensure_ascii=False)}"
