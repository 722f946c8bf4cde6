"""A whole daemon within the test's process, against an endpoint that swallows every request."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.config import AgentConfig, load
from agent.control.verbs import complete
from agent.crypto.keys import generate
from agent.daemon import Daemon
from agent.demo.processes import eventually
from agent.desk import Desk
from agent.keys import KeyRing
from agent.keys_memory import MemoryKeyring
from agent.registry import Registry
from tests.unit.intake.inbox_bench import admission_file

PATIENCE_S = 20.0
LANE = "510000001"


class BlackHole:
    """Takes connections and requests and never answers. ``requests`` are bytes, whole ones only."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.requests: list[bytes] = []
        self._changed = threading.Condition()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            thread = threading.Thread(target=self._swallow, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _swallow(self, connection: socket.socket) -> None:
        raw = b""
        try:
            while piece := connection.recv(65536):
                raw += piece
                head, found, body = raw.partition(b"\r\n\r\n")
                if found and len(body) >= _length(head):
                    with self._changed:
                        self.requests.append(raw)
                        self._changed.notify_all()
                    raw = b""
        except OSError:
            return

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= count, PATIENCE_S)

    def close(self) -> None:
        """From now on connections are refused."""
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for one in (self._listener, *self._open):
            one.close()


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return int(next(line.partition(b":")[2] for line in lines if line.startswith(b"content-length")))


class Watched(Registry):
    """A registry that remembers what observers would be told."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: list[tuple[str, int]] = []
        self.outcomes: list[tuple[str, str]] = []

    def request_stored(self, system: str, transaction: str, messages: int) -> None:
        self.stored.append((transaction, messages))

    def outcome_recorded(self, system: str, transaction: str, state: str, code: str) -> None:
        self.outcomes.append((transaction, str(state)))


def key_texts() -> dict[str, str]:
    """A pair of our own and a stranger's public key, as the ministry wants them."""
    return {"ministry/own-private": generate().to_pem(), "ministry/peer-public": generate().public.to_pem()}


class DaemonBench:
    """One installation; ``start`` and ``stop`` as often as a test likes."""

    def __init__(self, root: Path, url: str, *, keys: bool = True, settings: str = "") -> None:
        self.root = root
        path = root / "a.toml"
        path.write_text(
            f'[agent]\ndata = "data"\n[control]\npath = "c.sock"\n'
            f'[systems.ministry]\nurl = "{url}"\naccess_key = "{LANE}"\n{settings}\n'
            f'[folders.ministry]\nsystem = "ministry"\n'
        )
        self.config: AgentConfig = load(path)
        held = {
            "ministry/own-private": generate().to_pem(),
            "ministry/peer-public": generate().public.to_pem(),
        }
        self.backend = MemoryKeyring()
        self.ring = KeyRing(backend=self.backend, held=held if keys else {})
        self.daemon: Daemon
        self.running = False

    @property
    def inbox(self) -> Path:
        return self.config.folders[0].inbox

    @property
    def results(self) -> Path:
        return self.config.folders[0].results

    def start(self) -> Daemon:
        self.registry = Watched()
        self.daemon = Daemon(self.config, self.registry, self.ring)
        self.daemon.start()
        self.running = True
        return self.daemon

    def stop(self) -> None:
        if self.running:
            self.running = False
            self.daemon.stop()

    def drop(self, name: str, content: Mapping[str, Any] | bytes) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
        self.inbox.mkdir(parents=True, exist_ok=True)
        aside = self.inbox / f"{name}.tmp"
        aside.write_bytes(raw)
        aside.replace(self.inbox / name)

    def admit(self, his_id: str) -> None:
        self.drop(f"{his_id}.json", admission_file(his_id))

    def call(self, verb: str, **arguments: Any) -> Any:
        """A verb, as the control server hands it on."""
        return Desk(self.daemon).handlers()[verb](complete(verb, arguments))

    def lane(self) -> Any:
        """The serial lane as the status shows it; None before it has work."""
        lanes = self.call("status")["systems"][0]["lanes"]
        return next((lane for lane in lanes if not lane["queries"]), None)

    def wait_for(self, holds: Any, what: str) -> None:
        eventually(holds, what, PATIENCE_S)

    def archived(self, name: str) -> bool:
        return any(self.config.folders[0].archive.rglob(name))
