"""Storing messages: rows of the outbox, their drafts, and their rows in the chain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agent.events import Deadline, Draft, Scope
from agent.outbox import blocking, contents, receiving, scopes
from agent.outbox.drafts import Packed, pack_draft
from agent.outbox.model import LaneKey, State
from agent.outbox.scopes import EXCLUSIVE, SHARED, WAITER, Held, Place
from agent.outbox.work import POSITIONS, Row, Work, seconds


@dataclass(frozen=True, slots=True)
class Owner:
    """The submission that a message is stored for.

    ``linked``: its messages hold the submission's own scope, because another one waits for its end
    or because some of them need values that others of it give. ``extra`` are scopes of a submission
    that it replaces: others wait for it by them, but what failed before in them does not block it.
    ``after`` are the submissions whose end it waits for. ``wanted_from`` is when the drafts' deadlines
    begin: the business time, of a follow-up now.
    """

    number: int
    system: str
    valid_until: int | None
    wanted_from: int
    forced: bool = False
    staged: bool = False
    now: bool = False
    linked: bool = False
    files: bool = False
    """Its messages may carry files, which are kept."""
    extra: tuple[Held, ...] = ()
    after: tuple[int, ...] = ()
    blocked_by: frozenset[int] = field(default=frozenset())
    """Failures that it waits for whatever its scopes are."""
    parent: int = 0
    """Of follow-ups: the message whose downloads the gated ones wait for."""


def store_drafts(
    work: Work, owner: Owner, drafts: Sequence[Draft | Packed], position: int, *, last: bool, index: int = 0
) -> None:
    """Store a submission's messages at consecutive positions, within the submission's own range."""
    end = position | (POSITIONS - 1)
    store_deadlines(work, owner, [each.head if isinstance(each, Packed) else each for each in drafts])
    for offset, draft in enumerate(drafts, start=index):
        store(work, owner, draft, min(position + offset, end), last=last)


def store_deadlines(work: Work, owner: Owner, drafts: Sequence[Draft]) -> None:
    """What the drafts of one storing are wanted by, each demand once."""
    demands = {(draft.transaction, one) for draft in drafts for one in draft.deadlines}
    for transaction, deadline in demands:
        at = owner.wanted_from + seconds(deadline.after_s)
        warn_at = at - seconds(_warned_before_s(deadline))
        work.run("add_deadline", owner.number, transaction, at, deadline.about, warn_at)


def _warned_before_s(deadline: Deadline) -> int:
    """A third of the time that there is: ten minutes of thirty, half a day of five at most."""
    return min(deadline.after_s // 3, 12 * 3600)


def store(work: Work, owner: Owner, given: Draft | Packed, position: int, *, last: bool) -> int:
    """Store one message; returns its number. ``last``: nobody in the chain stands behind it."""
    packed = given if isinstance(given, Packed) else pack_draft(given)
    draft = packed.head
    number = work.next_number("message")
    place = Place(position, number)
    own = _rows(work, owner, draft)
    failures = owner.blocked_by | blocking.failures_over(
        work, owner.number, own, place, blockable=draft.blockable
    )
    rows = scopes.merged([*own, *owner.extra])
    state = State.BLOCKED if failures else State.STAGING if owner.staged else State.READY
    lane = lane_number(work, LaneKey(owner.system, draft.lane, draft.parallel))
    _insert(work, owner, packed, place, lane, state)
    if failures:
        blocking.keep_aside(work, number, position, rows)
        work.run_many("add_block", [(number, failure) for failure in sorted(failures)])
        work.touched.add(owner.number)
    else:
        unclear = scopes.enter(work, rows, place, last=last)
        if unclear:
            work.run("message_unclear", unclear, number)
    work.changes[lane, state] += 1
    work.note(
        f"message.{state}", owner.number, number, {"system": owner.system, "transaction": draft.transaction}
    )
    return number


def _insert(work: Work, owner: Owner, packed: Packed, place: Place, lane: int, state: State) -> None:
    draft = packed.head
    row_from, row_to = draft.rows or (None, None)
    work.run(
        "add_message",
        place.message,
        owner.number,
        place.position,
        lane,
        draft.transaction,
        state,
        0,
        draft.interactive,
        not draft.parallel,
        draft.harmless,
        draft.repeatable,
        draft.beside,
        owner.forced,
        draft.blocks,
        draft.blockable,
        draft.expiry_blocks,
        draft.stop_on_refusal,
        draft.cancels,
        draft.serves,
        row_from,
        row_to,
        owner.valid_until,
    )
    sealed = work.border.seal_bytes("draft|content", place.message, packed.content)
    work.run("add_draft", place.message, sealed)
    if owner.files:
        contents.use(work, owner.number, place.message, packed.files)


def _rows(work: Work, owner: Owner, draft: Draft) -> list[Held]:
    rows = [] if owner.now else scopes.held_scopes(work, owner.system, draft.scopes)
    if owner.linked:
        hold = EXCLUSIVE if draft.needs else SHARED
        rows.append(Held(scopes.submission_key(work, owner.number), hold, False))
    rows += [Held(scopes.submission_key(work, other), WAITER, False) for other in owner.after]
    if draft.gated and owner.parent:
        rows.append(receiving.waits_at(work, owner.parent))
    return scopes.merged(rows)


def lane_number(work: Work, key: LaneKey) -> int:
    known = work.lanes.get(key)
    if known is None:
        known = work.next_number("lane")
        work.run("add_lane", known, key.system, key.lane, key.parallel)
        work.lanes[key] = known
        work.systems[known] = key.system
    return known


def await_end(work: Work, submission: Row) -> None:
    """Let a submission's messages hold its own scope, so that others can wait for its end."""
    if submission["awaited"]:
        return
    work.run("set_awaited", submission["number"])
    own = Held(scopes.submission_key(work, submission["number"]), SHARED, False)
    for message in work.all("messages_of", submission["number"]):
        if message["state"] in _IN_CHAIN:
            place = Place(message["position"], message["number"])
            scopes.enter(work, [own], place, last=False)
        elif message["state"] in _ASIDE:
            blocking.keep_aside(work, message["number"], message["position"], [own])


_IN_CHAIN = frozenset({State.STAGING, State.READY, State.IN_FLIGHT, State.INQUIRING, State.HELD})
_ASIDE = frozenset({State.UNKNOWN, State.PARKED, State.BLOCKED})


def failing_scopes(
    work: Work, submission: int, system: str, drafts: Iterable[Draft], known: Iterable[Scope]
) -> list[Held]:
    """What an invalid submission blocks: its drafts' scopes, or what could be read of it, and itself."""
    named = [scope for draft in drafts if draft.blocks for scope in draft.scopes]
    rows = scopes.held_scopes(work, system, [*named, *known])
    return [*rows, Held(scopes.submission_key(work, submission), SHARED, False)]
