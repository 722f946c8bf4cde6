"""Taking submissions in: whole, or as a stage in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.errors import Fault, StoreError
from agent.events import Draft
from agent.outbox import blocking, references, scopes, storing
from agent.outbox.drafts import scope_value, value_scope
from agent.outbox.model import FREES_ID, Accepted, NewSubmission, Receipt, State
from agent.outbox.moments import to_micros
from agent.outbox.references import Claim
from agent.outbox.scopes import Held, Place
from agent.outbox.states import QUEUED
from agent.outbox.storing import Owner
from agent.outbox.submissions import finish_step
from agent.outbox.work import POSITIONS, Row, Work


def accept(work: Work, new: NewSubmission) -> Accepted:
    return _take_in(work, new, staged=False)


def stage(work: Work, new: NewSubmission) -> Accepted:
    return _take_in(work, new, staged=not new.faults)


def _take_in(work: Work, new: NewSubmission, *, staged: bool) -> Accepted:
    event_key = work.border.key("event", (new.event_id,))
    known = work.one("event", event_key)
    if known is not None:
        return Accepted(Receipt.REPLAYED, known["submission"])
    standing = _standing(work, new)
    if isinstance(standing, int):
        add_reply(work, new, standing, event_key)
        return Accepted(Receipt.REPEATED, standing)
    links = standing if isinstance(standing, Fault) else _links(work, new)
    empty = not staged and not new.drafts and not new.faults
    if isinstance(links, Fault):
        faults = (*new.faults, links)
        return Accepted(Receipt.REFUSED, _store_invalid(work, new, event_key, faults, named=False))
    if new.faults or empty:
        return Accepted(
            Receipt.STORED, _store_invalid(work, new, event_key, new.faults or (_EMPTY,), named=True)
        )
    number = _store(work, new, event_key, links, staged=staged)
    return Accepted(Receipt.STORED, number, len(new.drafts))


_EMPTY = Fault("/data", "nothing_to_send", "提交内容中没有需要发送的数据")
_TAKEN = Fault(
    "/id", "id_taken", "相同的 id 已用于内容不同的提交；请为新业务使用新的 id，更正原业务请用 replaces"
)


# -- ids -----------------------------------------------------------------------------------------
def _standing(work: Work, new: NewSubmission) -> int | Fault | None:
    """How the id stands: repeated (the submission it repeats), taken by other content, or free.

    An invalid submission does not repeat its refusal to one that can be sent now: what was missing
    (a file, a setting) may have been mended.
    """
    if not new.id:
        return None
    key = references.his_key(work, new.system, new.id)
    holder = work.one("holder", key, new.transaction)
    if holder is None:
        return None
    digest = work.border.digest(new.digest)
    if digest is not None and digest == holder["digest_key"]:
        mended = holder["state"] == State.INVALID and not new.faults
        return None if mended else int(holder["submission"])
    return None if holder["state"] in FREES_ID else _TAKEN


def add_reply(work: Work, new: NewSubmission, submission: int, event_key: bytes) -> None:
    """An address for the result: due when it is final, at the first one also when that takes long."""
    row = work.need("submission", submission)
    first = work.one("first_reply", submission) is None
    due = 0 if row["finished_at"] is not None else row["received_at"] + work.answer_within if first else None
    number = work.next_number("reply")
    sealed = work.border.seal("reply|address", number, [new.reply.folder, new.reply.file_name])
    work.run("add_reply", number, submission, event_key, sealed, due)


# -- what it refers to -----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Links:
    after: list[Row]
    claim: Claim | None


def _links(work: Work, new: NewSubmission) -> Links | Fault:
    if new.faults:
        return Links([], None)
    after = references.after_targets(work, new.system, new.after) if new.after else []
    if isinstance(after, Fault):
        return after
    claim = references.claim(work, new.system, new.transaction, new.replaces) if new.replaces else None
    if isinstance(claim, Fault):
        return claim
    if claim is not None and any(row["position"] >= claim.position for row in after):
        return Fault(
            "/after", "after_follows", "after 指定的业务排在被替换的业务之后，无法同时满足；请去掉 after"
        )
    return Links(after, claim)


# -- storing -----------------------------------------------------------------------------------------
def _store(work: Work, new: NewSubmission, event_key: bytes, links: Links, *, staged: bool) -> int:
    number = work.next_number("submission")
    position = links.claim.position if links.claim else number * POSITIONS
    linked = staged or (len(new.drafts) > 1 and any(draft.needs for draft in new.drafts))
    about = {
        **_about(new, new.faults),
        "after": [row["number"] for row in links.after],
        "replaces": links.claim.old if links.claim else 0,
        "now": new.now,
    }
    _insert(work, new, number, position, QUEUED, about, staged=staged, linked=linked, named=True)
    add_reply(work, new, number, event_key)
    owner = Owner(
        number=number,
        system=new.system,
        valid_until=to_micros(new.valid_until),
        staged=staged,
        now=new.now,
        linked=linked,
        extra=links.claim.extra if links.claim else (),
        after=tuple(row["number"] for row in links.after),
        blocked_by=references.wait_for(work, links.after),
    )
    storing.store_drafts(work, owner, new.drafts, position, last=links.claim is None)
    if links.claim is not None and not staged:
        references.carry_out(work, links.claim, number)
    finish_step(work)
    return number


def _store_invalid(
    work: Work, new: NewSubmission, event_key: bytes, faults: Sequence[Fault], *, named: bool
) -> int:
    number = work.next_number("submission")
    position = number * POSITIONS
    _insert(work, new, number, position, State.INVALID, _about(new, faults), named=named)
    add_reply(work, new, number, event_key)
    rows = storing.failing_scopes(work, number, new.system, new.drafts, new.scopes)
    blocking.fail(work, number, None, Place(position, 0), State.INVALID, rows)
    finish_step(work)
    return number


def _about(new: NewSubmission, faults: Sequence[Fault]) -> dict[str, object]:
    return {
        "id": new.id,
        "faults": [fault.as_json() for fault in faults],
        "warnings": [fault.as_json() for fault in new.warnings],
        "scopes": [scope_value(scope) for scope in new.scopes],
    }


def _insert(
    work: Work,
    new: NewSubmission,
    number: int,
    position: int,
    state: str,
    about: dict[str, object],
    *,
    named: bool,
    staged: bool = False,
    linked: bool = False,
) -> None:
    key = references.his_key(work, new.system, new.id) if named and new.id else None
    received = to_micros(new.received_at)
    work.run(
        "add_submission",
        number,
        position,
        new.system,
        new.transaction,
        key,
        state,
        0 if state == State.INVALID else len(new.drafts),
        new.rows_total,
        staged,
        linked,
        received,
        to_micros(new.occurred_at),
        to_micros(new.valid_until),
        to_micros(new.deadline_at),
        received if state == State.INVALID else None,
        work.border.seal("submission|about", number, about),
    )
    if new.body:
        work.run("add_body", number, work.border.seal("body|content", number, new.body))
    if key is not None:
        work.run("take_id", key, new.transaction, work.border.digest(new.digest), number)


# -- stages --------------------------------------------------------------------------------------
def _staged(work: Work, submission: int) -> Row:
    row = work.need("submission", submission)
    if not row["staged"]:
        raise StoreError(
            f"提交 {submission} 不在读入中", hint="请将日志交给开发商", details={"submission": submission}
        )
    return row


def extend(work: Work, submission: int, drafts: Sequence[Draft]) -> None:
    row = _staged(work, submission)
    about = work.border.open("submission|about", submission, row["about_sealed"])
    owner = Owner(
        number=submission,
        system=row["system"],
        valid_until=row["valid_until"],
        staged=True,
        now=about["now"],
        linked=True,
        extra=_extra(work, about["replaces"]),
        after=tuple(about["after"]),
        blocked_by=references.wait_for(work, [work.need("submission", n) for n in about["after"]]),
    )
    storing.store_drafts(work, owner, drafts, row["position"], last=False, index=row["messages"])
    work.run("count_message", len(drafts), submission)
    finish_step(work)


def _extra(work: Work, old: int) -> tuple[Held, ...]:
    claim = references.claim_submission(work, work.need("submission", old)) if old else None
    return claim.extra if isinstance(claim, Claim) else ()


def publish(work: Work, submission: int) -> Accepted:
    row = _staged(work, submission)
    about = work.border.open("submission|about", submission, row["about_sealed"])
    old = about["replaces"]
    claim = references.claim_submission(work, work.need("submission", old)) if old else None
    if isinstance(claim, Fault) or not row["messages"]:
        abandon(work, submission, [claim if isinstance(claim, Fault) else _EMPTY])
        return Accepted(Receipt.REFUSED, submission)
    for lane, count in work.all("staging_lanes", submission):
        work.counted(lane, State.STAGING, State.READY, count)
    work.run("publish", submission)
    work.run("unstage", submission)
    if claim is not None:
        references.carry_out(work, claim, submission)
    work.touched.add(submission)
    finish_step(work)
    return Accepted(Receipt.STORED, submission, row["messages"])


def abandon(work: Work, submission: int, faults: Sequence[Fault]) -> None:
    row = _staged(work, submission)
    about = work.border.open("submission|about", submission, row["about_sealed"])
    rows = remove_messages(work, submission)
    about["faults"] = [fault.as_json() for fault in faults]
    sealed = work.border.seal("submission|about", submission, about)
    work.run("abandon", work.now(), sealed, submission)
    work.run("reply_final", submission)
    known = scopes.held_scopes(work, row["system"], [value_scope(scope) for scope in about["scopes"]])
    own = Held(scopes.submission_key(work, submission), scopes.SHARED, False)
    place = Place(row["position"], 0)
    blocking.fail(work, submission, None, place, State.INVALID, [*rows, *known, own])
    finish_step(work)


def remove_messages(work: Work, submission: int) -> list[Held]:
    """Take a stage's messages out again; returns the scopes that they would have blocked."""
    rows: list[Held] = []
    for message in work.all("messages_of", submission):
        number = message["number"]
        held = scopes.leave(work, number) + [Held(*row) for row in work.all("aside_take", number)]
        rows += held if message["blocks"] else []
        blocking.forget_blocks(work, number)
        work.run("remove_draft", number)
        work.run("remove_message", number)
        work.changes[message["lane"], message["state"]] -= 1
    return rows
