"""One inbox as the daemon has it: real folders, a real outbox, the ministry's adapter, a wound clock; no
thread but that of the operating system's hints and, for large files, the real helper process."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agent.clock import BEIJING, ManualClock
from agent.control.resolving import resolved_by
from agent.crypto.at_rest import generate
from agent.hookspecs import ProtocolAdapter
from agent.intake.control_files import ControlFiles
from agent.intake.folder import FolderIntake
from agent.intake.heavy import HeavyReader
from agent.intake.rules import reading_rules
from agent.lifetimes import Lifetimes
from agent.outbox.model import Accepted, LaneKey, NewSubmission
from agent.outbox.store import SqliteOutbox
from agent.replies.writer import ResultFolder
from agent.sources import FolderSettings, FolderSource
from agent.sources.beside import Beside
from tests.unit.ministry.ministry_desk import adapter, admission, fees, options

MEGABYTE = 1024 * 1024
START = datetime(2026, 1, 6, 9, 0, tzinfo=BEIJING)
LANE = LaneKey("ministry", "519900001")
HELPER_S = 60.0
MOST_LOOKS = 40
_KEY = generate(1)


class InboxBench:
    """``root`` holds in, archive, rejected and results; the ministry's messages are stored, not sent."""

    def __init__(self, root: Path, plugin: ProtocolAdapter | None = None, **settings: Any) -> None:
        self.root = root
        self.clock = ManualClock(START)
        self.stopping = threading.Event()
        self.plugin = plugin or adapter()
        self.settings = FolderSettings(
            "till",
            "ministry",
            root / "in",
            root / "archive",
            root / "rejected",
            **{"renames": True, **settings},
        )
        self.inbox = self.settings.inbox
        self.results = root / "results"
        self.told: list[tuple[NewSubmission, Accepted]] = []
        self.woken: set[LaneKey] = set()
        self.changes = 0
        self._dropped = 0
        self.outbox = self._open()
        self.build()

    def _open(self) -> SqliteOutbox:
        return SqliteOutbox(self.root / "outbox.db", _KEY, clock=self.clock, answer_within_s=20)

    def build(self) -> None:
        """Everything that a process makes anew when it starts."""
        plain = {"encoding": "auto", "max_bytes": self.settings.max_bytes}
        self.source = FolderSource(self.settings, self.clock)
        control = ControlFiles(
            "ministry",
            "till",
            self.outbox,
            {"till": ResultFolder(self.results)},
            self.clock,
            self._changed,
            resolved_by(lambda _system: self.plugin),
        )
        self.intake = FolderIntake(
            folder="till",
            source=self.source,
            rules=reading_rules("ministry", self.plugin.catalog, plain),
            adapter=self.plugin,
            outbox=self.outbox,
            heavy=HeavyReader("ministry", options(), plain),
            control=control,
            lifetimes=Lifetimes(self.clock),
            clock=self.clock,
            stopping=self.stopping,
            stored=self._stored,
            beside=Beside(self.settings, self.clock),
        )
        self.source.start()

    def _stored(self, receipts: list[tuple[NewSubmission, Accepted]], lanes: set[LaneKey]) -> None:
        self.told += receipts
        self.woken |= lanes

    def _changed(self) -> None:
        self.changes += 1

    def restart(self) -> None:
        """The process ends without a farewell, and another one starts."""
        self.intake._close_jobs()
        self.source.stop()
        self.outbox.close()
        self.outbox = self._open()
        self.build()

    def close(self) -> None:
        self.intake._close_jobs()
        self.source.stop()
        self.outbox.close()

    # -- the HIS --------------------------------------------------------------------------------
    def drop(self, name: str, content: bytes | str | Mapping[str, Any]) -> Path:
        """Rename a file into place; files are seen in the order in which they are dropped."""
        raw = json.dumps(content, ensure_ascii=False) if isinstance(content, Mapping) else content
        aside = self.inbox / f"{name}.tmp"
        aside.write_bytes(raw.encode() if isinstance(raw, str) else raw)
        self._dropped += 1
        moment = (START + timedelta(milliseconds=self._dropped)).timestamp()
        os.utime(aside, (moment, moment))
        return aside.replace(self.inbox / name)

    def admit(self, his_id: str, **more: Any) -> Path:
        """An admission whose stay is named as its id; ``data`` members and submission options in ``more``."""
        return self.drop(f"{his_id}.json", admission_file(his_id, **more))

    # -- the agent ------------------------------------------------------------------------------
    def look(self) -> None:
        """Let rescans find what was dropped, and step until nothing is left to take or to file away."""
        for _ in range(MOST_LOOKS):
            self.step_for(2.1)
            if not (self.waiting_names() or self.claimed() or self.source._arrivals.unconfirmed):
                return
        raise AssertionError(f"still waiting: {self.waiting_names()} {self.claimed()}")

    def step_for(self, seconds: float) -> None:
        """Let time pass, and step until there is nothing to do but wait."""
        self.clock.advance(seconds)
        while self.intake.step():
            pass

    def look_until_helped(self, done: Callable[[], object]) -> None:
        """Step until a helper process has brought something about."""
        deadline = time.monotonic() + HELPER_S
        while not done():
            assert time.monotonic() < deadline, "the helper never brought it about"
            self.clock.advance(0.5)
            if not self.intake.step():
                self.source.wakeup.wait(0.05)

    def waiting_names(self) -> list[str]:
        """What lies in the inbox, unclaimed."""
        return sorted(path.name for path in self.inbox.iterdir() if not path.name.startswith("."))

    def write_results(self) -> None:
        """What the reply thread does."""
        due = self.outbox.due_replies(self.clock.now(), 1000)
        with self.outbox.write() as tx:
            tx.mark_replied([(reply.reply, reply.revision) for reply in due])

    # -- what is to be seen -----------------------------------------------------------------------
    def transactions(self) -> list[str]:
        return [view.transaction for view in self.messages()]

    def messages(self) -> list[Any]:
        return sorted(self.outbox.messages(limit=10_000), key=lambda view: (view.position, view.message))

    def ids(self) -> list[str]:
        """The HIS's ids of the stored messages, in their order."""
        return [view.his_id for view in self.messages()]

    def result(self, submission: int = 1) -> Any:
        return self.outbox.result(submission)

    def archived(self) -> list[str]:
        return sorted(path.name for path in self.settings.archive.rglob("*") if path.is_file())

    def rejected(self) -> list[str]:
        folder = self.settings.rejected
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def claimed(self) -> list[str]:
        """Names of files in the taking folder, without their event ids."""
        return sorted(path.name.partition("-")[2] for path in self.settings.claims.iterdir())


def admission_file(his_id: str, **more: Any) -> dict[str, Any]:
    row = {name: more.pop(name) for name in list(more) if name.startswith("a") and name != "after"}
    data = admission(akc190=his_id, **row)
    return {"transaction": "GYU101", "id": his_id, "data": data, **more}


def fee_file(his_id: str, rows: int, **more: Any) -> dict[str, Any]:
    return {"transaction": "GYU102", "id": his_id, "data": fees(rows), **more}


def large_csv(his_id: str, rows: int, *, transaction: str = "GYU102") -> bytes:
    """Fees of one stay, beyond what is read within the agent's own process when ``rows`` are many."""
    data = fees(1)
    (row,) = data.pop("datalist")
    del row["aaz213_s"]
    head = [f"#transaction={transaction}", f"#id={his_id}", f"#rows={rows}"]
    head += [f"#{key}={value}" for key, value in data.items()]
    columns = ["aaz213_s", *row]
    lines = [f"MX{number:06d}," + ",".join(row.values()) for number in range(rows)]
    return "\r\n".join([*head, ",".join(columns), *lines, ""]).encode()
