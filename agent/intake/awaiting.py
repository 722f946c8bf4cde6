"""Submissions that wait for a scan or a card: what stands in for them, and what completes them. Pure.

A stand-in is planned with a sample of the kind: every fault that has nothing to do with the scan is told at
once, and its scopes keep its place. What it was dropped as is kept in its ``body``; with that and what was
scanned it is planned anew.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from agent.errors import Fault, SubmissionInvalid
from agent.events import JsonObject, Reading, Submission, Wait, WaitItem
from agent.hookspecs import Preparation, ProtocolAdapter
from agent.intake.dropping import Dropped, invalid, judged
from agent.outbox.model import Awaiting, NewSubmission, WaitView

LARGEST: Final = 256 * 1024
"""Bytes of a file whose submissions may wait: it is planned again while a person holds the scanner."""
CARD: Final = "card"
KINDS: Final = {
    "ecredential": "扫医保电子凭证",
    "esscard": "扫电子社会保障卡",
    "tracecode": "扫药品追溯码",
    CARD: "读社会保障卡",
}
_MOMENTS: Final = ("occurred_at", "valid_until", "scanned_at")
_PLAIN: Final = ("system", "transaction", "id", "data", "seq", "after", "replaces", "now", "force")


def standing_in(
    dropped: Dropped,
    submission: Submission,
    wait: Wait,
    number: int,
    adapter: ProtocolAdapter,
    stations: frozenset[str] | None = None,
) -> NewSubmission:
    """What keeps its place, or what is wrong with it. ``stations`` have a device for it, None: not known."""
    try:
        if stations is not None and wait.station not in stations:
            raise SubmissionInvalid([_NO_READER if wait.kind == CARD else _NO_SCANNER])
        if len(dropped.raw) > LARGEST:
            raise SubmissionInvalid([_TOO_LARGE])
        adapter.items(submission)
        sample = adapter.awaited(submission, None)
    except SubmissionInvalid as error:
        return invalid(dropped, submission, number, adapter, error)
    new = judged(dropped, sample, number, adapter)
    if new.faults:
        return new
    if new.wants or new.files:
        return invalid(dropped, submission, number, adapter, SubmissionInvalid([_WITH_FILES]))
    given_up = dropped.received_at + timedelta(seconds=wait.timeout_s)
    until = min(given_up, submission.valid_until or given_up)
    says = f"等待{KINDS[wait.kind]}（{wait.station}），至 {until:%H:%M:%S}"
    late = f"{wait.timeout_s} 秒内没有{KINDS[wait.kind]}，没有发送；请重新提交"
    return replace(
        new,
        wait=Awaiting(wait.station, wait.kind, until, says),
        body=_body(dropped, submission, new.digest),
        valid_until=submission.valid_until,
        expired_says=late,
    )


def completed(
    view: WaitView,
    reading: Reading,
    scanned_at: datetime,
    adapter: ProtocolAdapter,
    preparation: Preparation | None,
) -> NewSubmission:
    """What takes the stand-in's place: planned with what was scanned, or with every fault."""
    dropped, submission = _dropped(view), replace(submission_of(view), scanned_at=scanned_at)
    try:
        whole = replace(adapter.awaited(submission, reading), wait=None)
    except SubmissionInvalid as error:
        new = invalid(dropped, submission, 0, adapter, error)
    else:
        if preparation is not None:
            whole = preparation.prepare(whole, scanned_at)
        new = judged(dropped, whole, 0, adapter)
    return replace(new, digest=bytes.fromhex(view.body["digest"]))


def submission_of(view: WaitView) -> Submission:
    """What was dropped."""
    told = view.body["submission"]
    plain: dict[str, Any] = {name: told[name] for name in _PLAIN}
    for name in _MOMENTS:
        plain[name] = datetime.fromisoformat(told[name]) if told[name] else None
    wait = told["wait"]
    items = tuple(WaitItem(**item) for item in wait["items"])
    return Submission(**plain, wait=Wait(wait["kind"], wait["station"], wait["timeout_s"], items))


def _body(dropped: Dropped, submission: Submission, digest: bytes) -> JsonObject:
    wait = submission.wait
    assert wait is not None
    items = [{name: getattr(item, name) for name in WaitItem.__slots__} for item in wait.items]
    told: JsonObject = {name: getattr(submission, name) for name in _PLAIN}
    for name in _MOMENTS:
        moment = getattr(submission, name)
        told[name] = moment.isoformat() if moment else None
    told["wait"] = {
        "kind": wait.kind,
        "station": wait.station,
        "timeout_s": wait.timeout_s,
        "items": items,
    }
    return {
        "submission": told,
        "digest": digest.hex(),
        "event_id": dropped.event_id,
        "folder": dropped.folder,
        "file_name": dropped.file_name,
        "received_at": dropped.received_at.isoformat(),
        "modified_at": dropped.modified_at.isoformat(),
    }


def _dropped(view: WaitView) -> Dropped:
    body = view.body
    return Dropped(
        event_id=body["event_id"],
        folder=body["folder"],
        file_name=body["file_name"],
        received_at=datetime.fromisoformat(body["received_at"]),
        modified_at=datetime.fromisoformat(body["modified_at"]),
        raw=b"",
    )


_NO_SCANNER: Final = Fault(
    "/await/station",
    "await_station",
    "配置中这个窗口没有扫码枪，等不到扫码；请核对 station 与配置文件中扫码枪的 station",
    "await",
    "等待扫码或读卡",
)
_NO_READER: Final = Fault(
    "/await/station",
    "await_station",
    "配置中这个窗口没有读卡器，等不到读卡；请核对 station 与配置文件中读卡器的 station",
    "await",
    "等待扫码或读卡",
)
_TOO_LARGE: Final = Fault(
    "/await",
    "await_too_large",
    f"等待扫码的提交不能超过 {LARGEST // 1024} KB，请拆成几次提交",
    "await",
    "等待扫码或读卡",
)
_WITH_FILES: Final = Fault(
    "/await", "await_with_files", "带附件的提交不能等待扫码或读卡", "await", "等待扫码或读卡"
)
