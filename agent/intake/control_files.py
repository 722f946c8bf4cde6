"""Control files: a HIS decides about its own submissions (his-contract, "Control files").

``<id>.cancel``, ``<id>.ack`` and ``<id>.resolve.json`` lie in the inbox like submissions and keep their
place among them. The submission's next result is the answer; an act that cannot be done gets a
result of its own that says why.
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
from agent.logs import get_logger
from agent.outbox.base import Outbox, Transaction
from agent.outbox.model import NewSubmission, ReplyAddress, State
from agent.replies.writer import ResultFolder, result_name
from agent.sources.base import Claimed

log = get_logger("agent.intake")

WHO: Final = "HIS"
SUFFIXES: Final = {".cancel": "cancel", ".ack": "ack", ".resolve.json": "resolve"}
OPEN: Final = frozenset({State.UNKNOWN, State.PARKED})
VERDICTS: Final = ("accepted", "rejected", "resend")


@dataclass(frozen=True, slots=True)
class ControlFiles:
    """Carries out the control files of one folder. ``changed``: lanes and replies may have work now."""

    system: str
    folder: str
    outbox: Outbox
    results: Mapping[str, ResultFolder]
    clock: Clock
    changed: Callable[[], None]

    def carry_out(self, claimed: Claimed, raw: bytes) -> bool:
        """Do what the file says; false when it could not be done, which is answered."""
        his_id, act = split(claimed.name)
        read: list[ReplyAddress] = []
        with self.outbox.write() as tx:
            try:
                fault = self._act(tx, his_id, act, raw, read)
            except ControlError as error:
                fault = Fault("", error.code, str(error))
            if fault is not None:
                tx.accept(self._refused(claimed, [fault], raw))
        for address in read:
            self._remove_result(address, his_id)
        self.changed()
        return fault is None

    def refuse(self, claimed: Claimed, faults: Iterable[Fault]) -> bool:
        """Answer a control file that cannot be read; false, as :meth:`carry_out` says it."""
        with self.outbox.write() as tx:
            tx.accept(self._refused(claimed, faults, b""))
        self.changed()
        return False

    def _act(
        self, tx: Transaction, his_id: str, act: str, raw: bytes, read: list[ReplyAddress]
    ) -> Fault | None:
        found = tx.find(self.system, his_id)
        if not found:
            return Fault("", "control_unknown_id", f"没有 id 为 {his_id} 的提交")
        submission, now = found[0], self.clock.now()
        if act == "ack":
            read.extend(tx.acknowledge(submission, WHO, now))
            return None
        if act == "cancel":
            if tx.cancel(submission, WHO, "control file", now):
                return None
            return Fault("", "control_too_late", "该提交已经发送、结果未定或已有最终结果，不能取消")
        return self._resolve(tx, submission, raw)

    def _resolve(self, tx: Transaction, submission: int, raw: bytes) -> Fault | None:
        try:
            verdict, data = read_verdict(raw)
        except jsontext.JsonTextError as error:
            return Fault("", "control_not_readable", str(error))
        waiting = [m.message for m in self.outbox.messages_of(submission) if m.state in OPEN]
        if not waiting:
            return Fault("", "control_nothing_open", "该提交没有等待人工决定的消息（unknown 或 parked）")
        for message in waiting:
            tx.resolve(message, verdict, data, WHO, "control file", self.clock.now())
        return None

    def _remove_result(self, address: ReplyAddress, his_id: str) -> None:
        """One that the HIS still has open stays: it was read, and does no harm."""
        folder = self.results.get(address.folder)
        if folder is None:
            return
        try:
            (folder.path / result_name(address.file_name, his_id, folder.form)).unlink(missing_ok=True)
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
    """``(id, act)`` of a control file's name."""
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
