"""A workstation of the bench: data root, configuration, keys, and a stranger's plugin installed."""

from __future__ import annotations

import json
import os
import secrets
import sys
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import jsontext
from agent.keys import DATA_KEY
from agent.rehearsal.virtual_scanner import VirtualScanner
from bench import plain, till, workload
from bench.workload import REPOSITORY

MINISTRY = "ministry"
TRANSACTIONS = {plain.SYSTEM: "NOTE", MINISTRY: "GYU101"}


@dataclass(frozen=True)
class Workstation:
    """One agent for one system; ``root`` holds everything of it."""

    root: Path
    system: str
    keys: dict[str, str]

    @property
    def config(self) -> Path:
        return self.root / "his-agent.toml"

    @property
    def control(self) -> Path:
        return self.root / "control.sock"

    @property
    def inbox(self) -> Path:
        return self.root / "data" / "inbox" / self.system

    @property
    def results(self) -> Path:
        return self.root / "data" / "results" / self.system

    @property
    def database(self) -> Path:
        return self.root / "data" / "outbox.db"

    def command(self) -> list[str]:
        program = Path(sys.executable).with_name("his-agent")
        return [str(program), "run", "--config", str(self.config), "--keys-from-stdin"]

    def environment(self) -> dict[str, str]:
        """The bench's packages and the stranger's distribution; a keyring that forgets."""
        paths = [str(self.root / "site"), str(REPOSITORY)]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHON_KEYRING_BACKEND": "agent.keys_memory.MemoryKeyring",
        }

    def handed_keys(self) -> str:
        return json.dumps(self.keys) + "\n"

    def write_inputs(self, numbers: range) -> list[tuple[Path, Path]]:
        """Submissions written aside in the inbox: pairs of where they lie and what to rename them to."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        pairs = []
        for number in numbers:
            name = f"{TRANSACTIONS[self.system]}-{number:06d}.json"
            aside = self.inbox / f"{name}.part"
            aside.write_text(jsontext.write(self._submission(number)), encoding="utf-8")
            pairs.append((aside, self.inbox / name))
        return pairs

    def _submission(self, number: int) -> dict[str, Any]:
        data = workload.note(number) if self.system == plain.SYSTEM else workload.admission(number)
        return {"transaction": TRANSACTIONS[self.system], "id": f"BENCH-{number:06d}", "data": data}

    def states(self) -> list[str]:
        """The states of all results so far."""
        return [json.loads(path.read_bytes())["state"] for path in self.results.glob("*.result.json")]


@dataclass(frozen=True)
class Shop:
    """One agent for two systems: the ministry's bulk, and a till with its scanner."""

    bulk: Workstation
    till: Workstation
    gun: VirtualScanner


def install(
    root: Path, system: str, url: str, keys: workload.Keys, data_key: bytes | None = None
) -> Workstation:
    """``data_key``: of a database that is there already; by default a new one is made."""
    handed = {DATA_KEY: b64encode(data_key or secrets.token_bytes(32)).decode()}
    lines = [f"[systems.{system}]", f'url = "{url}"']
    if system == MINISTRY:
        lines += _MINISTRY_SETTINGS
        handed |= _ministry_keys(keys)
    _install_plugin(root / "site")
    station = Workstation(root, system, handed)
    # No interim results: the number of files in the results folder tells when a run has ended.
    _configure(station, ["answer_within_s = 3600"], lines)
    return station


def install_shop(
    root: Path,
    bulk_url: str,
    keys: workload.Keys,
    till_url: str,
    till_keys: dict[str, str],
    gun: VirtualScanner,
) -> Shop:
    """Settings that nobody changed but for what a site has to say."""
    handed = {
        DATA_KEY: b64encode(secrets.token_bytes(32)).decode(),
        **_ministry_keys(keys),
        **till_keys,
    }
    lines = [f"[systems.{MINISTRY}]", f'url = "{bulk_url}"', *_MINISTRY_SETTINGS, f"[systems.{till.SCANPAY}]"]
    lines += [
        f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in till.settings(till_url).items()
    ]
    lines += ["[scanners.gun]", f'station = "{till.STATION}"', f'port = "{gun.path}"']
    _install_plugin(root / "site")
    bulk = Workstation(root, MINISTRY, handed)
    _configure(bulk, [], lines)
    return Shop(bulk, Workstation(root, till.SCANPAY, handed), gun)


_MINISTRY_SETTINGS = [f'access_key = "{workload.ACCESS_KEY}"', f'province = "{workload.PROVINCE}"']


def _ministry_keys(keys: workload.Keys) -> dict[str, str]:
    return {"ministry/own-private": keys.own, "ministry/peer-public": keys.platform_public.to_pem()}


def _configure(station: Workstation, agent: list[str], sections: list[str]) -> None:
    control = f"path = {json.dumps(str(station.control))}"
    lines = [
        "[agent]",
        "data = 'data'",
        *agent,
        "[log]",
        'console = "never"',
        "[control]",
        control,
        *sections,
    ]
    station.config.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _install_plugin(site: Path) -> None:
    """What ``pip install`` leaves of a distribution: its metadata with an entry point."""
    metadata = site / "his_agent_bench_plain-1.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: his-agent-bench-plain\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[his_agent.plugins]\nplain = bench.plain\n")
