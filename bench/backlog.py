"""A database with a million messages waiting, made once and kept beside the runs.

Each start that is measured delivers some of them; before the next bench the missing ones are added.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from agent.clock import SystemClock
from agent.events import Draft, Scope
from agent.keys import DATA_KEY, KeyRing
from agent.opening import open_outbox
from agent.outbox.base import Outbox
from agent.outbox.model import NewSubmission, ReplyAddress, State
from bench import plain, workload
from bench.install import Workstation, install
from bench.workload import REPOSITORY

PIECE = 2000
SPARE = 20_000
"""More than are delivered while five starts are measured."""


def workstation_with_backlog(folder: Path, url: str, keys: workload.Keys, pending: int) -> Workstation:
    """A workstation whose outbox has at least ``pending`` messages that wait for their turn."""
    root = folder / f"backlog-{pending}-{_schema()}"
    root.mkdir(parents=True, exist_ok=True)
    station = install(root, plain.SYSTEM, url, keys, _data_key(root / "data-key"))
    ring = KeyRing(held={DATA_KEY: station.keys[DATA_KEY]})
    station.database.parent.mkdir(exist_ok=True)
    outbox = open_outbox(station.database, keys=ring, clock=SystemClock(), answer_within_s=1e9)
    try:
        _fill(outbox, pending)
    finally:
        outbox.close()
    return station


def _data_key(file: Path) -> bytes:
    if not file.exists():
        file.write_bytes(secrets.token_bytes(32))
    return file.read_bytes()


def _schema() -> str:
    """Changes when the database does, so that an old backlog is not taken for a new one."""
    digest = hashlib.sha256()
    for path in sorted((REPOSITORY / "agent" / "outbox").rglob("*.sql")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def _fill(outbox: Outbox, pending: int) -> None:
    waiting = sum(count for (_, state), count in outbox.counts().items() if state == State.READY)
    if waiting >= pending:
        return
    first = int.from_bytes(secrets.token_bytes(5), "big") * 10_000_000
    for begin in range(first, first + pending + SPARE - waiting, PIECE):
        with outbox.write() as transaction:
            for number in range(begin, begin + PIECE):
                transaction.accept(_submission(number))
        print(f"\rmaking the backlog: {waiting + begin - first + PIECE:,}", end="", flush=True)
    print()


def _submission(number: int) -> NewSubmission:
    now = SystemClock().now()
    name = f"BACKLOG-{number}"
    body = {"number": f"{number % 1_000_000:06d}", "note": name}
    draft = Draft("NOTE", plain.LANE, body, (Scope("note", (name,)),))
    return NewSubmission(
        event_id=name,
        system=plain.SYSTEM,
        transaction="NOTE",
        id=name,
        digest=hashlib.sha256(name.encode()).digest(),
        body=body,
        reply=ReplyAddress(plain.SYSTEM, f"{name}.json"),
        received_at=now,
        occurred_at=now,
        drafts=(draft,),
        rows_total=1,
    )
