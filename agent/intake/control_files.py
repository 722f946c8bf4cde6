"""Control files: a HIS decides about its own submissions (his-contract, "Control files").

``<id>.cancel``, ``<id>.ack`` and ``<id>.resolve.json`` lie in the inbox like submissions and keep their
place among them. The submission's next result is the answer; an act that cannot be done gets a
result of its own that says why. That a file was carried out is committed with what it did: one that a
crash left claimed is filed away, and not carried out again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from agent import jsontext
from agent.clock import Clock
from agent.errors import ControlError, Fault
from agent.events import JsonObject
from agent.faults import crash_point
from agent.intake.control_targets import NOTHING_OPEN, NOTHING_TO_SEND, OPEN, TOO_LATE, choose
from agent.logs import get_logger
from agent.outbox.base import Acknowledged, Outbox, Resolved, Transaction
from agent.outbox.model import Cancelled, NewSubmission, ReplyAddress, State
from agent.replies.naming import placed
from agent.replies.writer import ResultFolder
from agent.sources.base import Claimed

log = get_logger("agent.intake")

WHO: Final = "HIS"
SUFFIXES: Final = {".cancel": "cancel", ".ack": "ack", ".resolve.json": "resolve"}
VERDICTS: Final = ("accepted", "rejected", "resend")

_Read = tuple[ReplyAddress, JsonObject]
"""Where a result was written that was read, and what it says."""


@dataclass(frozen=True, slots=True)
class ControlFiles:
    """Carries out the control files of one folder. ``changed``: lanes and replies may have work now.
    ``resolved`` reads what the HIS says of an accepted message, ``acknowledged`` what its receipt means."""

    system: str
    folder: str
    outbox: Outbox
    results: Mapping[str, ResultFolder]
    clock: Clock
    changed: Callable[[], None]
    resolved: Resolved
    acknowledged: Acknowledged | None = None

    def carry_out(self, claimed: Claimed, raw: bytes) -> bool:
        """Do what the file says, once; false when it could not be done, which is answered."""
        name, act = split(claimed.name)
        read: list[_Read] = []
        with self.outbox.write() as tx:
            known = tx.control_done(claimed.event_id)
            if known is not None:
                return known
            try:
                fault = self._act(tx, name, act, raw, read)
            except ControlError as error:
                fault = Fault("", error.code, str(error))
            if fault is not None:
                tx.accept(self._refused(claimed, [fault], raw))
            tx.note_control(claimed.event_id, fault is None)
            crash_point("control.before_commit")
        crash_point("control.after_commit")
        for address, result in read:
            self._remove_result(address, result)
        self.changed()
        return fault is None

    def refuse(self, claimed: Claimed, faults: Iterable[Fault]) -> bool:
        """Answer a control file that cannot be read; false, as :meth:`carry_out` says it."""
        with self.outbox.write() as tx:
            tx.accept(self._refused(claimed, faults, b""))
        self.changed()
        return False

    def _act(self, tx: Transaction, name: str, act: str, raw: bytes, read: list[_Read]) -> Fault | None:
        target = choose(tx, self.outbox, self.system, name, act)
        if isinstance(target, Fault):
            return target
        if act == "ack":
            now = self.clock.now()
            addresses = tx.acknowledge(target.submission, WHO, now, self.acknowledged)
            result = self.outbox.result(target.submission)
            read.extend((address, result) for address in addresses if result is not None)
            return None
        if act == "cancel":
            done = tx.cancel(target.submission, WHO, "control file", self.clock.now())
            return TOO_LATE if done is Cancelled.NOTHING else None
        return self._resolve(tx, target.submission, raw)

    def _resolve(self, tx: Transaction, submission: int, raw: bytes) -> Fault | None:
        try:
            verdict, data = read_verdict(raw)
        except jsontext.JsonTextError as error:
            return Fault("", "control_not_readable", str(error))
        waiting = [m for m in self.outbox.messages_of(submission) if m.state in OPEN]
        if not waiting:
            return self._conclude(tx, submission, verdict, data)
        for place, message in enumerate(waiting):
            if place and verdict == "rejected" and message.state is State.PARKED:
                continue  # cancelled with the rejection before it
            now = self.clock.now()
            tx.resolve(message.message, verdict, data, WHO, "control file", now, self.resolved)
        return None

    def _conclude(self, tx: Transaction, submission: int, verdict: str, data: JsonObject) -> Fault | None:
        """Decide a submission without messages: of one that a backup brought back only the id is known."""
        if (self.outbox.result(submission) or {}).get("state") != State.UNKNOWN:
            return NOTHING_OPEN
        if verdict == "resend" or data:
            return NOTHING_TO_SEND
        done = tx.conclude(submission, State(verdict), WHO, "control file", self.clock.now())
        return None if done else NOTHING_OPEN

    def _remove_result(self, address: ReplyAddress, result: JsonObject) -> None:
        """One that the HIS still has open stays: it was read, and does no harm."""
        folder = self.results.get(address.folder)
        if folder is None:
            return
        try:
            path = placed(folder.path, address.file_name, folder.form, result)
            if path is not None:
                path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("acknowledged result not removed", folder=address.folder, errno=error.errno)

    def _refused(self, claimed: Claimed, faults: Iterable[Fault], raw: bytes) -> NewSubmission:
        return NewSubmission(
            event_id=claimed.event_id,
            system=self.system,
            transaction="",
            id="",
            digest=hashlib.sha256(raw).digest(),
            reply=ReplyAddress(self.folder, claimed.name),
            received_at=claimed.seen_at,
            occurred_at=claimed.modified_at,
            faults=tuple(faults),
        )


def split(file_name: str) -> tuple[str, str]:
    """``(name, act)`` of a control file: the name is ``<id>`` or ``<transaction>__<id>``."""
    for suffix, act in SUFFIXES.items():
        if file_name.casefold().endswith(suffix):
            return file_name[: -len(suffix)], act
    raise ValueError("not a control file")


def read_verdict(raw: bytes) -> tuple[str, JsonObject]:
    """``{"as": "accepted", "data": {…}}``. Raises JsonTextError for anything else."""
    try:
        order = jsontext.read_object(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise jsontext.JsonTextError("resolve 文件应为 UTF-8 编码的 JSON") from None
    verdict, data = order.get("as"), order.get("data", {})
    if not isinstance(verdict, str) or verdict not in VERDICTS or not isinstance(data, dict):
        raise jsontext.JsonTextError(
            'resolve 文件应为 {"as": "accepted" | "rejected" | "resend", "data": {…}}'
        )
    return verdict, data
