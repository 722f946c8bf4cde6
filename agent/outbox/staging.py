"""Large submissions, taken in as a stage: chunk by chunk, and published by one small commit."""

from __future__ import annotations

from collections.abc import Sequence

from agent.errors import Fault, StoreError
from agent.events import Draft
from agent.outbox import blocking, contents, references, scopes, storing
from agent.outbox.drafts import Packed, value_scope
from agent.outbox.model import Accepted, Receipt, State
from agent.outbox.references import Claim
from agent.outbox.scopes import Held, Place
from agent.outbox.storing import Owner
from agent.outbox.submissions import finish_step
from agent.outbox.work import Row, Work

LOADING = 1
"""It is read chunk by chunk, and removed when that is not finished."""
AWAITING = 2
"""It keeps its place across a crash while files are waited for."""
SCANNING = 3
"""It keeps its place across a crash while a scan or a card is waited for."""
WAITING = (AWAITING, SCANNING)

EMPTY = Fault("/data", "nothing_to_send", "提交内容中没有需要发送的数据")


def _staged(work: Work, submission: int) -> Row:
    row = work.need("submission", submission)
    if not row["staged"]:
        raise StoreError(
            f"提交 {submission} 不在读入中", hint="请将日志交给开发商", details={"submission": submission}
        )
    return row


def extend(work: Work, submission: int, drafts: Sequence[Draft | Packed]) -> None:
    row = _staged(work, submission)
    about = work.border.open("submission|about", submission, row["about_sealed"])
    owner = Owner(
        number=submission,
        system=row["system"],
        valid_until=row["valid_until"],
        wanted_from=row["occurred_at"],
        forced=about["forced"],
        staged=True,
        files=about["files"],
        now=about["now"],
        linked=True,
        extra=_extra(work, about["replaces"]),
        after=tuple(about["after"]),
        blocked_by=references.wait_for(work, [work.need("submission", n) for n in about["after"]]),
    )
    storing.store_drafts(work, owner, drafts, row["position"], last=False, index=row["messages"])
    work.run("count_message", len(drafts), submission)
    finish_step(work)


def keep_file(work: Work, submission: int, digest: str, content: bytes) -> None:
    """Of a submission that was cancelled meanwhile nothing is kept."""
    if work.need("submission", submission)["staged"]:
        contents.keep(work, submission, digest, content)


def await_files(work: Work, submission: int) -> None:
    _staged(work, submission)
    work.run("set_staged", AWAITING, submission)


def _extra(work: Work, old: int) -> tuple[Held, ...]:
    claim = references.claim_submission(work, work.need("submission", old)) if old else None
    return claim.extra if isinstance(claim, Claim) else ()


def publish(work: Work, submission: int) -> Accepted:
    row = _staged(work, submission)
    about = work.border.open("submission|about", submission, row["about_sealed"])
    old = about["replaces"]
    claim = references.claim_submission(work, work.need("submission", old)) if old else None
    if isinstance(claim, Fault) or not row["messages"]:
        abandon(work, submission, [claim if isinstance(claim, Fault) else EMPTY])
        return Accepted(Receipt.REFUSED, submission)
    for lane, count in work.all("staging_lanes", submission):
        work.counted(lane, State.STAGING, State.READY, count)
    work.run("publish", submission)
    work.run("set_staged", 0, submission)
    work.note("submission.published", submission, details={"messages": row["messages"]})
    if claim is not None:
        references.carry_out(work, claim, submission)
    work.touched.add(submission)
    finish_step(work)
    return Accepted(Receipt.STORED, submission, row["messages"])


def abandon(work: Work, submission: int, faults: Sequence[Fault]) -> None:
    row = _staged(work, submission)
    about = work.border.open("submission|about", submission, row["about_sealed"])
    end_wait(work, submission)
    rows = remove_messages(work, submission)
    contents.drop(work, submission)
    about["faults"] = [fault.as_json() for fault in faults]
    sealed = work.border.seal("submission|about", submission, about)
    work.run("abandon", work.now(), sealed, submission)
    work.run("forget_deadlines", submission)
    work.run("reply_final", submission)
    work.note("submission.invalid", submission, details={"faults": len(faults)})
    known = scopes.held_scopes(work, row["system"], [value_scope(scope) for scope in about["scopes"]])
    own = Held(scopes.submission_key(work, submission), scopes.SHARED, False)
    place = Place(row["position"], 0)
    blocking.fail(work, submission, None, place, State.INVALID, [*rows, *known, own])
    finish_step(work)


def end_wait(work: Work, submission: int) -> None:
    """A submission waits for no scan any more; what was scanned is with its messages, or with nobody."""
    if work.run("remove_wait", submission):
        work.run("clear_scans", submission)
        work.run("remove_body", submission)


def remove_messages(work: Work, submission: int) -> list[Held]:
    """Take a stage's messages out again; returns the scopes that they would have blocked."""
    rows: list[Held] = []
    for message in work.all("messages_of", submission):
        number = message["number"]
        held = scopes.leave(work, number) + [Held(*row) for row in work.all("aside_take", number)]
        rows += held if message["blocks"] else []
        blocking.forget_blocks(work, number)
        work.run("remove_content_uses", number)
        work.run("remove_draft", number)
        work.run("remove_message", number)
        work.changes[message["lane"], message["state"]] -= 1
    return rows


def remove(work: Work, number: int) -> None:
    """Take a stage out as if it had never been; its replies must be gone."""
    remove_messages(work, number)
    contents.drop(work, number)
    _give_id_back(work, number)
    work.run("remove_body", number)
    work.run("forget_deadlines", number)
    work.run("remove_submission", number)
    work.touched.discard(number)
    work.note("submission.unstaged", number)


def _give_id_back(work: Work, number: int) -> None:
    """Its id is again held by whoever held it before."""
    row = work.need("submission", number)
    if row["his_key"] is None:
        return
    work.run("give_id_back", row["his_key"], row["transaction_code"])
    if row["former"] is not None:
        work.run("take_id", row["his_key"], row["transaction_code"], row["former"])
