"""Taking submissions in: is the event new, is the id free, can what it refers to be found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.errors import Fault
from agent.outbox import blocking, contents, references, staging, storing, waits
from agent.outbox.drafts import scope_value
from agent.outbox.model import FREES_ID, NOBODY, Accepted, NewSubmission, Receipt, State
from agent.outbox.moments import to_micros
from agent.outbox.references import Claim
from agent.outbox.scopes import Place
from agent.outbox.staging import AWAITING, EMPTY, LOADING, SCANNING, WAITING
from agent.outbox.states import QUEUED
from agent.outbox.storing import Owner
from agent.outbox.submissions import finish_step
from agent.outbox.work import POSITIONS, Details, Row, Work


def accept(work: Work, new: NewSubmission) -> Accepted:
    waits_for = SCANNING if new.wait else AWAITING if new.wants else 0
    return _take_in(work, new, staged=0 if new.faults else waits_for)


def stage(work: Work, new: NewSubmission) -> Accepted:
    if new.faults:
        return _take_in(work, new, staged=0)
    return _take_in(work, new, staged=LOADING)


def fulfil(work: Work, submission: int, new: NewSubmission) -> Accepted:
    """What a submission waited for is there: what kept its place becomes what is to be sent."""
    row = work.need("submission", submission)
    if row["staged"] not in WAITING:
        return Accepted(Receipt.REPLAYED, submission)
    identity = _identity(work, new)
    own = identity.holder is not None and identity.holder["submission"] == submission
    standing = None if own else _standing(new, identity)
    if isinstance(standing, int):
        return _repeat(work, submission, standing)
    faults = new.faults if standing is None else (*new.faults, standing)
    if faults:
        staging.abandon(work, submission, faults)
        return Accepted(Receipt.STORED if standing is None else Receipt.REFUSED, submission)
    staging.end_wait(work, submission)
    staging.remove_messages(work, submission)
    about = work.border.open("submission|about", submission, row["about_sealed"])
    about |= {**_about(new, ()), "files": True}
    sealed = work.border.seal("submission|about", submission, about)
    former = identity.holder["submission"] if identity.holder and not own else row["former"]
    work.run("fulfil", identity.key, identity.digest, former, new.rows_total, sealed, submission)
    work.run("set_valid_until", to_micros(new.valid_until), submission)
    if identity.key is not None:
        work.run("take_id", identity.key, new.transaction, submission)
    staging.extend(work, submission, new.drafts)
    return staging.publish(work, submission)


def holder(work: Work, new: NewSubmission) -> int | None:
    """The submission that holds the id of one, or that came with its event."""
    event = work.one("event", work.border.key("event", (new.event_id,)))
    held = _identity(work, new).holder
    return int(event["submission"]) if event else int(held["submission"]) if held else None


def take_in_bare(work: Work, new: NewSubmission) -> int:
    """Store a submission of unknown fate without messages: its id stays taken, its result says so."""
    number = work.next_number("submission")
    _insert(work, new, number, number * POSITIONS, State.UNKNOWN, _identity(work, new), _about(new, ()))
    _add_reply(work, new, number, work.border.key("event", (new.event_id,)), due=work.now())
    details: Details = {"system": new.system, "transaction": new.transaction}
    work.note("submission.restored", number, details=details)
    return number


def _repeat(work: Work, submission: int, standing: int) -> Accepted:
    """Now that its files are known it turns out to be another one again: that one's result is its own."""
    finished = work.need("submission", standing)["finished_at"] is not None
    work.run("move_replies", standing, 0 if finished else None, submission)
    staging.remove(work, submission)
    work.note("submission.repeated", standing)
    return Accepted(Receipt.REPEATED, standing)


def _take_in(work: Work, new: NewSubmission, *, staged: int) -> Accepted:
    event_key = work.border.key("event", (new.event_id,))
    known = work.one("event", event_key)
    if known is not None:
        waiting = work.need("submission", known["submission"])["staged"] == AWAITING
        return Accepted(Receipt.REPLAYED, known["submission"], waiting=waiting)
    identity = _identity(work, new)
    if staged and new.wants and identity.holder is not None and identity.holder["state"] not in FREES_ID:
        identity = _NOBODY  # what it is, its files will tell
    standing = _standing(new, identity)
    if isinstance(standing, int):
        finished = work.need("submission", standing)["finished_at"] is not None
        _add_reply(work, new, standing, event_key, due=0 if finished else None)
        work.note("submission.repeated", standing)
        return Accepted(Receipt.REPEATED, standing)
    occupied = waits.OCCUPIED if staged and new.wait and waits.occupied(work, new.wait) else None
    standing = standing or occupied
    links = standing if isinstance(standing, Fault) else _links(work, new)
    if isinstance(links, Fault):
        faults = (*new.faults, links)
        return Accepted(Receipt.REFUSED, _store_invalid(work, new, event_key, faults, _NOBODY))
    faults = new.faults if staged or new.drafts or new.faults else (EMPTY,)
    if faults:
        return Accepted(Receipt.STORED, _store_invalid(work, new, event_key, faults, identity))
    number = _store(work, new, event_key, identity, links, staged=staged)
    return Accepted(Receipt.STORED, number, len(new.drafts), waiting=staged == AWAITING)


_TAKEN = Fault(
    "/id", "id_taken", "相同的 id 已用于内容不同的提交；请为新业务使用新的 id，更正原业务请用 replaces"
)


# -- ids -----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Identity:
    """A submission's id and content as the database knows them, and who holds that id."""

    key: bytes | None
    digest: bytes | None
    holder: Row | None


_NOBODY = Identity(None, None, None)
"""Of a submission that is refused its id, or has none."""


def _identity(work: Work, new: NewSubmission) -> Identity:
    if not new.id:
        return _NOBODY
    key = references.his_key(work, new.system, new.id)
    return Identity(key, work.border.digest(new.digest), work.one("holder", key, new.transaction))


def _standing(new: NewSubmission, identity: Identity) -> int | Fault | None:
    """How the id stands: repeated (the submission it repeats), taken by other content, or free.

    An invalid submission does not repeat its refusal to one that can be sent now: what was missing
    (a file, a setting) may have been mended.
    """
    holder = identity.holder
    if holder is None:
        return None
    if identity.digest is not None and identity.digest == holder["digest_key"]:
        mended = holder["state"] == State.INVALID and not new.faults
        return None if mended else int(holder["submission"])
    return None if holder["state"] in FREES_ID else _TAKEN


def _add_reply(work: Work, new: NewSubmission, submission: int, event_key: bytes, *, due: int | None) -> None:
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
def _store(
    work: Work, new: NewSubmission, event_key: bytes, identity: Identity, links: Links, *, staged: int
) -> int:
    number = work.next_number("submission")
    position = links.claim.position if links.claim else number * POSITIONS
    linked = bool(staged) or (len(new.drafts) > 1 and any(draft.needs for draft in new.drafts))
    about = {
        **_about(new, new.faults),
        "after": [row["number"] for row in links.after],
        "replaces": links.claim.old if links.claim else 0,
        "now": new.now,
        "forced": new.forced,
        "files": new.files and not new.wants,
    }
    _insert(work, new, number, position, QUEUED, identity, about, staged=staged, linked=linked)
    interim = None if new.reply == NOBODY else to_micros(new.received_at) + work.answer_within
    _add_reply(work, new, number, event_key, due=interim)
    owner = Owner(
        number=number,
        system=new.system,
        valid_until=to_micros(new.valid_until),
        wanted_from=to_micros(new.occurred_at),
        forced=new.forced,
        staged=bool(staged),
        files=new.files and not new.wants,
        now=new.now,
        linked=linked,
        extra=links.claim.extra if links.claim else (),
        after=tuple(row["number"] for row in links.after),
        blocked_by=references.wait_for(work, links.after),
    )
    for digest, content in new.contents.items():
        contents.keep(work, number, digest, content)
    storing.store_drafts(work, owner, new.drafts, position, last=links.claim is None)
    if new.wait is not None:
        waits.begin(work, number, new.wait)
    if links.claim is not None and not staged:
        references.carry_out(work, links.claim, number)
    finish_step(work)
    return number


def _store_invalid(
    work: Work, new: NewSubmission, event_key: bytes, faults: Sequence[Fault], identity: Identity
) -> int:
    number = work.next_number("submission")
    position = number * POSITIONS
    _insert(work, new, number, position, State.INVALID, identity, _about(new, faults))
    _add_reply(work, new, number, event_key, due=0)
    rows = storing.failing_scopes(work, number, new.system, new.drafts, new.scopes)
    blocking.fail(work, number, None, Place(position, 0), State.INVALID, rows)
    details: Details = {"system": new.system, "transaction": new.transaction, "faults": len(faults)}
    work.note("submission.invalid", number, details=details)
    finish_step(work)
    return number


def _about(new: NewSubmission, faults: Sequence[Fault]) -> dict[str, object]:
    return {
        "id": new.id,
        "faults": [fault.as_json() for fault in faults],
        "warnings": [fault.as_json() for fault in new.warnings],
        "expired_says": new.expired_says,
        "scopes": [scope_value(scope) for scope in new.scopes],
        "wants": list(new.wants),
        "awaits": new.wait.says if new.wait else "",
    }


def _insert(
    work: Work,
    new: NewSubmission,
    number: int,
    position: int,
    state: str,
    identity: Identity,
    about: dict[str, object],
    *,
    staged: int = 0,
    linked: bool = False,
) -> None:
    invalid = state == State.INVALID
    work.run(
        "add_submission",
        number,
        position,
        new.system,
        new.transaction,
        identity.key,
        identity.digest,
        identity.holder["submission"] if identity.holder else None,
        state,
        0 if invalid else len(new.drafts),
        new.rows_total,
        staged,
        linked,
        to_micros(new.received_at),
        to_micros(new.occurred_at),
        to_micros(new.valid_until),
        to_micros(new.deadline_at),
        work.now() if invalid else None,
        work.border.seal("submission|about", number, about),
    )
    if new.body:
        work.run("add_body", number, work.border.seal("body|content", number, new.body))
    if identity.key is not None:
        work.run("take_id", identity.key, new.transaction, number)
