"""Submissions that wait for a scan or a card: one per station and kind, durable, outside the lanes.

One that waits is a stage whose stand-in drafts keep its place. What is scanned for it is stored with the
event that brought it, so that the same event never counts twice; the scan that completes it is stored in
the commit that lets the real drafts take the place of the stand-ins.
"""

from __future__ import annotations

from datetime import datetime

from agent.errors import Fault
from agent.events import JsonObject
from agent.outbox import deciding, staging
from agent.outbox.model import FINAL, Awaiting, State
from agent.outbox.moments import to_micros
from agent.outbox.submissions import finish_step
from agent.outbox.work import Work

OCCUPIED = Fault(
    "/await",
    "station_occupied",
    "这个窗口已有另一次提交在等待同一种扫码或读卡；请先扫码、取消它，或等它超时",
    field="await",
    name="等待扫码或读卡",
)


def occupied(work: Work, wait: Awaiting) -> bool:
    return work.one("wait_at", wait.station, wait.kind) is not None


def begin(work: Work, submission: int, wait: Awaiting) -> None:
    work.run("add_wait", submission, wait.station, wait.kind, to_micros(wait.until))
    work.note("wait.begun", submission, details={"station": wait.station, "kind": wait.kind})


def is_known(work: Work, event_id: str) -> bool:
    """Whether a scan of this event is stored already, for a wait or as a submission of its own."""
    key = work.border.key("event", (event_id,))
    return work.one("scan_by_event", key) is not None or work.one("event", key) is not None


def take(work: Work, submission: int, event_id: str, content: JsonObject) -> bool:
    """Store a scan; false when its event is known, or nothing waits any more."""
    if is_known(work, event_id) or work.need("submission", submission)["staged"] != staging.SCANNING:
        return False
    number = work.next_number("scan")
    sealed = work.border.seal("scan|content", number, content)
    work.run("add_scan", number, submission, work.border.key("event", (event_id,)), sealed)
    work.note("wait.scanned", submission)
    return True


def undo(work: Work, submission: int, who: str) -> bool:
    """Forget the last scan that counts; false when there is none. Its event stays known."""
    row = work.one("last_scan", submission)
    if row is None:
        return False
    work.run("clear_scan", row["number"])
    work.note("wait.undone", submission, who=who)
    return True


def lapse(work: Work, submission: int, now: datetime) -> bool:
    """Nobody scanned in time: it ends expired, and what stood behind it goes on. False when it waits no
    more."""
    if work.need("submission", submission)["staged"] != staging.SCANNING:
        return False
    staging.end_wait(work, submission)
    work.run("set_staged", 0, submission)
    for message in work.all("messages_of", submission):
        if work.need("message", message["number"])["state"] not in FINAL:
            deciding.expire(work, message["number"], now)
    work.touched.add(submission)
    finish_step(work)
    work.note("wait.lapsed", submission, details={"state": State.EXPIRED.value})
    return True
