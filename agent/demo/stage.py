"""One rehearsed ministry and one station before it, as real processes: what acceptance tests play on.

Keys are made for the stage; the platform keeps the rehearsal's own key pair in a folder, as a HIS
vendor's would.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.crypto import keys
from agent.demo.processes import PATIENCE_S, Platform, StageError, Station, eventually, program

__all__ = ["Stage", "StageError", "eventually", "program"]

SYSTEM = "ministry"


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
    station: Station = field(init=False)
    server: Platform = field(init=False)
    _own: keys.PrivateKey = field(default_factory=keys.generate, init=False)
    _platform_key: keys.PrivateKey = field(default_factory=keys.generate, init=False)

    def __post_init__(self) -> None:
        self.server = Platform(
            self.root,
            SYSTEM,
            (
                f"ledger={self.root / 'ledger.jsonl'}",
                f"own_private={self.root / 'platform-private.pem'}",
                f"peer_public={self.root / 'province-public.pem'}",
            ),
        )
        self.station = Station(
            self.root,
            {},
            {
                "ministry/own-private": self._own.to_pem(),
                "ministry/peer-public": self._platform_key.public.to_pem(),
            },
            self.agent_settings,
            self.folder_settings,
            self.data_root,
        )

    # -- places -----------------------------------------------------------------------------------
    @property
    def config(self) -> Path:
        return self.station.config

    @property
    def data(self) -> Path:
        return self.station.data

    @property
    def inbox(self) -> Path:
        return self.station.inbox(SYSTEM)

    @property
    def results(self) -> Path:
        return self.station.results(SYSTEM)

    # -- the platform -----------------------------------------------------------------------------
    @property
    def url(self) -> str:
        return self.server.url

    @property
    def platform(self) -> subprocess.Popen[bytes] | None:
        return self.server.process

    def start_platform(self, *options: str) -> None:
        """Start the rehearsal server; after a restart it listens at the same address."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "platform-private.pem").write_text(self._platform_key.to_pem(), "ascii")
        (self.root / "province-public.pem").write_text(self._own.public.to_pem(), "ascii")
        self.server.start(*options)

    def admin(self, what: str, method: str = "GET", body: Any = None) -> Any:
        """The platform's admin surface, for ledgers and faults."""
        return self.server.admin(what, method, body)

    # -- the agent --------------------------------------------------------------------------------
    @property
    def agent(self) -> subprocess.Popen[bytes] | None:
        return self.station.process

    def start_agent(self, *, environment: Mapping[str, str] | None = None, wait: bool = True) -> None:
        """Start ``his-agent run`` and hand it its keys; with ``wait`` until it answers."""
        self.station.systems = {
            SYSTEM: {
                "url": f"{self.url}/engine/transport/server/001",
                "access_key": self.access_key,
                **self.settings,
            }
        }
        self.station.start(environment=environment, wait=wait)

    def key_texts(self) -> dict[str, str]:
        return self.station.key_texts()

    def call(self, verb: str, **arguments: Any) -> Any:
        return self.station.call(verb, **arguments)

    def answers(self) -> bool:
        return self.station.answers()

    # -- the HIS ----------------------------------------------------------------------------------
    def drop(self, name: str, content: bytes) -> None:
        """Write aside and rename into place, as the contract asks of a HIS."""
        self.station.drop(SYSTEM, name, content)

    def read_results(self) -> dict[str, dict[str, Any]]:
        """Every result on disk, by file name."""
        return self.station.read_results(SYSTEM)

    def final_results(self) -> dict[str, dict[str, Any]]:
        return self.station.final_results(SYSTEM)

    def wait_for_results(self, count: int, patience_s: float = PATIENCE_S) -> dict[str, dict[str, Any]]:
        eventually(lambda: len(self.final_results()) >= count, f"{count} 个最终结果", patience_s)
        return self.final_results()

    # -- the end ----------------------------------------------------------------------------------
    def stop_agent(self, patience_s: float = 25.0) -> int:
        """Ask it to stop; its exit code."""
        return self.station.stop(patience_s)

    def kill_agent(self) -> None:
        self.station.kill()

    def close(self) -> None:
        self.station.close()
        self.server.close()
