"""The verbs of the audit trail and of retention, for the daemon and for a command without one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent.audit.heads import read_heads
from agent.audit.verifying import Problem, Report, verify
from agent.backup.making import make_backup
from agent.crypto.keys import load_private
from agent.errors import ConfigurationError, ControlError
from agent.outbox.connection import connect_reader, translated
from agent.retention.plan import WHO, Retention

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.config.model import AgentConfig
    from agent.events import JsonObject
    from agent.keys import KeyRing
    from agent.outbox.base import Outbox

DATABASE: Final = "outbox.db"
_MOST_RECORDS: Final = 5000


class RecordHandlers:
    """``stopping`` ends a purge early."""

    def __init__(
        self, config: AgentConfig, outbox: Outbox, keys: KeyRing, clock: Clock, stopping: threading.Event
    ) -> None:
        self._database = config.data / DATABASE
        self._outbox = outbox
        self._keys = keys
        self._clock = clock
        self._retention = Retention(config, outbox, clock, stopping)

    def handlers(self) -> Mapping[str, Callable[[JsonObject], JsonObject]]:
        return {
            "audit.verify": self.verify,
            "audit.export": self.export,
            "retention": self.retention,
            "backup": self.backup,
        }

    def verify(self, args: JsonObject) -> JsonObject:
        heads = read_heads(str(args["heads"]).splitlines())
        report = verify_file(self._database, self._trusted(), heads)
        notes = [
            Problem("note", number, f"记录 {number} 的处置人和原因被改动过")
            for number in self._outbox.damaged_notes()
        ]
        values = self._outbox.damaged_values() if args["contents"] else []
        damage = [
            Problem("damaged", 0, f"数据库里的一处加密内容（{place}，{row}）被改动或损坏")
            for place, row in values
        ]
        return report_json(replace(report, problems=(*report.problems, *notes, *damage)))

    def export(self, args: JsonObject) -> JsonObject:
        if not 1 <= args["limit"] <= _MOST_RECORDS or args["after"] < 0:
            raise ControlError(f"一次最多导出 {_MOST_RECORDS} 条", details={"code": "bad_arguments"})
        return {"records": self._outbox.audit_records(args["after"], args["limit"])}

    def retention(self, args: JsonObject) -> JsonObject:
        if args["dry_run"]:
            found = self._retention.due()
        else:
            found = self._retention.carry_out(args["who"] or WHO, args["why"])
        return {"dry_run": args["dry_run"], "rules": {name: asdict(tally) for name, tally in found.items()}}

    def backup(self, args: JsonObject) -> JsonObject:
        made = make_backup(
            self._database.parent, self._outbox, self._clock, Path(args["target"]), args["who"], args["why"]
        )
        return {"target": args["target"], "bytes": made.size, "made_at": made.made_at.isoformat()}

    def record_key_act(self, what: str, name: str, who: str, why: str) -> None:
        """Record what somebody did to a key."""
        self.record_act(what, {"key": name}, who, why)

    def record_act(self, what: str, details: Mapping[str, str | int], who: str, why: str) -> None:
        """Record what somebody did. ``details``: codes, names of the configuration. Raises StoreError."""
        with self._outbox.write() as tx:
            tx.record(what, details, who=who or "?", why=why)

    def _trusted(self) -> tuple[bytes, ...]:
        """The audit key of this keyring; () when there is none: then any signature that fits passes."""
        try:
            return (load_private(self._keys.audit_key()).public.point,)
        except ConfigurationError:
            return ()


def verify_file(database: Path, trusted: tuple[bytes, ...], heads: Any) -> Report:
    """Verify the trail in any copy of a database. Raises StoreError."""
    if not database.exists():
        raise ControlError(f"没有数据库 {database}", details={"code": "not_found"})
    with translated(), closing(connect_reader(database)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        return verify(connection, trusted=trusted, heads=heads)


def report_json(report: Report) -> JsonObject:
    return {
        "ok": not report.problems,
        "records": report.records,
        "first": report.first,
        "last": report.last,
        "head": report.head.line(),
        "checkpoints": report.checkpoints,
        "problems": [asdict(problem) for problem in report.problems],
    }
