"""A small hospital around an outbox: what its HIS drops, what the platform answers, what gets written.

People and visits are invented.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agent.clock import ManualClock
from agent.errors import Fault
from agent.events import Draft, Hold, JsonObject, Outcome, RowOutcome, Scope, Verdict
from agent.outbox.base import Outbox, Resolved
from agent.outbox.model import (
    Accepted,
    Attempt,
    Cancelled,
    Head,
    LaneKey,
    MessageView,
    NewSubmission,
    ReplyAddress,
    Settled,
    State,
)

SYSTEM = "ministry"
LANE = LaneKey(SYSTEM, "AK-1")
QUERIES = LaneKey(SYSTEM, "AK-1", parallel=True)
FAULT = Fault("/data/akb020", "required", "医疗机构编号必填", field="akb020", name="医疗机构编号")


def visit(number: str, hold: Hold = Hold.EXCLUSIVE) -> Scope:
    return Scope("visit", ("H-0001", number), hold)


def institution(hold: Hold = Hold.SHARED) -> Scope:
    return Scope("institution", ("H-0001",), hold, broad=True)


def draft(*scopes: Scope, transaction: str = "GYU101", lane: str = LANE.lane, **more: Any) -> Draft:
    body = more.pop("body", {"akc190": "invented"})
    return Draft(transaction=transaction, lane=lane, body=body, scopes=scopes, **more)


def query(*scopes: Scope, **more: Any) -> Draft:
    settings = {"transaction": "GYD053", "parallel": True, "harmless": True, "blocks": False}
    return draft(*scopes, **{**settings, "blockable": False, **more})


def accepted(**more: Any) -> Outcome:
    return Outcome(Verdict.ACCEPTED, code="RE0000", **more)


def rejected(**more: Any) -> Outcome:
    return Outcome(Verdict.REJECTED, code="RE1001", **{"message": "该人员未参保", **more})


def partial(*refused: Scope, **more: Any) -> Outcome:
    return Outcome(Verdict.PARTIAL, code="RE0001", refused=refused, **more)


def row(index: int, /, *, accepted: bool = True, **data: str) -> RowOutcome:
    return RowOutcome(
        index, "RE0000" if accepted else "RE1077", "" if accepted else "重复", accepted, dict(data)
    )


@dataclass
class World:
    """Drives one outbox; ``reopen`` gives it back after a restart."""

    outbox: Outbox
    clock: ManualClock
    reopen: Callable[[], Outbox]
    resolved: Resolved = lambda _system, _draft, _ids, data: Outcome(Verdict.ACCEPTED, data=data)
    _events: itertools.count[int] = field(default_factory=itertools.count)
    _wire: itertools.count[int] = field(default_factory=itertools.count)

    # -- what a HIS does ------------------------------------------------------------------------
    def new(self, his_id: str, *drafts: Draft, **more: Any) -> NewSubmission:
        transaction = drafts[0].transaction if drafts else "GYU101"
        settings: dict[str, Any] = {
            "event_id": f"event-{next(self._events)}",
            "system": SYSTEM,
            "transaction": transaction,
            "id": his_id,
            "digest": his_id.encode(),
            "body": {"id": his_id},
            "reply": ReplyAddress("inbox", f"{his_id}.json"),
            "received_at": self.clock.now(),
            "occurred_at": self.clock.now(),
            "drafts": drafts,
        }
        return NewSubmission(**{**settings, **more})

    def accept(self, his_id: str, *drafts: Draft, **more: Any) -> Accepted:
        return self.take(self.new(his_id, *drafts, **more))

    def take(self, new: NewSubmission) -> Accepted:
        with self.outbox.write() as tx:
            return tx.accept(new)

    def message(self, his_id: str, *drafts: Draft, **more: Any) -> int:
        """Store a submission; the number of its first message."""
        return self.numbers(self.accept(his_id, *(drafts or (draft(),)), **more))[0]

    def numbers(self, stored: Accepted) -> list[int]:
        found = [m.message for m in self.outbox.messages(limit=10_000) if m.submission == stored.submission]
        return sorted(found)

    # -- what a lane does -------------------------------------------------------------------------
    def head(self, lane: LaneKey = LANE, **how: Any) -> Head | None:
        with self.outbox.write(urgent=True) as tx:
            return tx.head(lane, **how)

    def turn(self, lane: LaneKey = LANE) -> int:
        """The message whose turn it is; 0 when it is nobody's."""
        head = self.head(lane)
        return head.message if head else 0

    def begin(self, message: int) -> Attempt:
        with self.outbox.write(urgent=True) as tx:
            return tx.begin(message, {"wire_id": f"W{next(self._wire):06}"}, self.clock.now())

    def send(self, lane: LaneKey = LANE) -> int:
        """Claim the next message of a lane and record its attempt."""
        message = self.turn(lane)
        assert message, "nobody's turn"
        self.begin(message)
        return message

    def settle(self, message: int, outcome: Outcome) -> Settled:
        with self.outbox.write(urgent=True) as tx:
            return tx.settle(message, outcome, self.clock.now())

    def deliver(self, outcome: Outcome, lane: LaneKey = LANE) -> int:
        """One whole exchange of a lane, its outcome sealed before its commit as dispatch does it."""
        message = self.send(lane)
        sealed = self.outbox.seal(lane.system, message, outcome)
        with self.outbox.write(urgent=True) as tx:
            tx.settle(message, outcome, self.clock.now(), sealed=sealed)
        return message

    def deliver_all(self, lane: LaneKey = LANE) -> list[int]:
        sent = []
        while self.turn(lane):
            sent.append(self.deliver(accepted(), lane))
        return sent

    def doubt(self, message: int) -> None:
        with self.outbox.write(urgent=True) as tx:
            tx.doubt(message, self.tries(message), "read timed out", self.clock.now())

    def lose(self, lane: LaneKey = LANE) -> int:
        """An exchange whose answer never came and that no inquiry settles."""
        message = self.send(lane)
        self.doubt(message)
        with self.outbox.write(urgent=True) as tx:
            tx.leave_unknown(message, "inquiries found nothing", self.clock.now())
        return message

    def park(self, lane: LaneKey = LANE) -> int:
        message = self.turn(lane)
        with self.outbox.write(urgent=True) as tx:
            tx.park(message, "not_sent", self.clock.now())
        return message

    def act(self, name: str, *values: Any) -> Any:
        """One method of a transaction, with the time where it takes one at the end."""
        with self.outbox.write() as tx:
            return getattr(tx, name)(*values, self.clock.now())

    def resolve(self, message: int, verdict: str, **data: str) -> Settled:
        with self.outbox.write() as tx:
            now = self.clock.now()
            return tx.resolve(message, verdict, data, "收费员甲", "已电话核实", now, self.resolved)

    def cancel(self, submission: int) -> Cancelled:
        done: Cancelled = self.act("cancel", submission, "收费员甲", "重复录入")
        return done

    def skip(self, message: int) -> int:
        return int(self.act("skip", message, "管理员乙", "平台已确认"))

    # -- what is to be seen ------------------------------------------------------------------------
    def view(self, message: int) -> MessageView:
        found = self.outbox.message(message)
        assert found is not None
        return found

    def state(self, message: int) -> State:
        return self.view(message).state

    def tries(self, message: int) -> int:
        return self.view(message).tries

    def result(self, submission: int) -> JsonObject:
        found = self.outbox.result(submission)
        assert found is not None
        return found

    def write_results(self) -> list[JsonObject]:
        """What the reply thread does: write what is due, mark it."""
        due = self.outbox.due_replies(self.clock.now(), 1000)
        with self.outbox.write() as tx:
            tx.mark_replied([(reply.reply, reply.revision) for reply in due])
        return [reply.result for reply in due]

    def restart(self) -> None:
        self.outbox.close()
        self.outbox = self.reopen()
