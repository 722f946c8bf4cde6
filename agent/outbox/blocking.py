"""Blocking: what a failure keeps from being sent, and who is released when it is decided.

A failure is a row of its own with the scopes that it blocks. A blocked message remembers every
failure that it waits for and is released when none is left; its scopes stand ``aside``, so that
later submissions pass it and blocking can be passed on by it.

A failure is *live* until its result is written: what is committed meanwhile is blocked too, since
its sender could not know. For unknown and parked messages that is the interim result which says
so; from then on later submissions pass, as after a rejection: their sender was told. Whoever names
an undecided submission in ``after`` is blocked by it all the same until the decision.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from agent.outbox import scopes
from agent.outbox.model import State
from agent.outbox.scopes import SHARED, Held, Place
from agent.outbox.work import Row, Work

_UNDECIDED = frozenset({State.UNKNOWN, State.PARKED})


def fail(
    work: Work, submission: int, message: int | None, place: Place, state: State, rows: Iterable[Held]
) -> int:
    """Record a failure and block what conflicts with its scopes; returns how many were blocked."""
    held = [row for row in scopes.merged(rows) if row.hold >= SHARED]
    failure = _record(work, submission, message, place, state, held)
    return _spread(work, failure, held, place, exempt=submission if state is State.PARTIAL else 0)


def _record(
    work: Work, submission: int, message: int | None, place: Place, state: State, held: list[Held]
) -> int:
    known = None if message is None else work.one("failure_of", message)
    if known is not None:
        failure = int(known["number"])
        work.run("renew_failure", state, failure)
    else:
        failure = work.next_number("failure")
        work.run("add_failure", failure, submission, message, *place, state, submission)
    work.run_many("add_failure_scope", [(row.key, failure, row.hold, row.broad) for row in held])
    return failure


def _spread(work: Work, failure: int, held: list[Held], place: Place, exempt: int) -> int:
    blocked = 0
    reached: set[int] = set()
    queue = deque((row, place) for row in held)
    while queue:
        row, at = queue.popleft()
        values = scopes.later(row, at)
        found = work.named("chain_later_blockable", **values) + work.named("aside_later_blocked", **values)
        for message in found:
            if message["number"] in reached or message["submission"] == exempt:
                continue
            reached.add(message["number"])
            fresh = message["state"] != State.BLOCKED
            blocked += fresh
            rows = put_aside(work, message) if fresh else _aside(work, message["number"])
            work.run("add_block", message["number"], failure)
            work.touched.add(message["submission"])
            next_place = Place(message["position"], message["number"])
            queue.extend((other, next_place) for other in rows if passes_on(other))
    return blocked


def passes_on(row: Held) -> bool:
    """Whether a blocked message passes its blocking on by this scope."""
    return row.hold >= SHARED and not row.broad


def put_aside(work: Work, message: Row) -> list[Held]:
    """Take a message of the chain out of it as blocked."""
    rows = scopes.leave(work, message["number"])
    keep_aside(work, message["number"], message["position"], rows)
    work.moved(message, State.BLOCKED)
    work.run("set_state_unclear", State.BLOCKED, 0, message["number"])
    return rows


def keep_aside(work: Work, message: int, position: int, rows: Iterable[Held]) -> None:
    work.run_many("aside_add", [(row.key, row.hold, position, message, row.broad) for row in rows])


def _aside(work: Work, message: int) -> list[Held]:
    return [Held(row["scope_key"], row["hold"], row["broad"]) for row in work.all("aside_rows", message)]


def failures_over(
    work: Work, submission: int, rows: Iterable[Held], place: Place, *, blockable: bool
) -> set[int]:
    """Live failures that block a message which is about to be stored; one that is not blockable
    is blocked only by what its sender told it to come after."""
    if not work.one("any_live_failure")[0]:
        return set()
    found: set[int] = set()
    for row in rows:
        if not blockable and row.hold != scopes.WAITER:
            continue
        values = {
            "key": row.key,
            "hold": row.hold,
            "position": place.position,
            "message": place.message,
            "submission": submission,
        }
        found.update(number for (number,) in work.named("failures_over", **values))
        found.update(number for (number,) in work.named("failures_passed_on", **values))
    return found


def lift(work: Work, failure: int) -> int:
    """A failure blocks nobody any more; returns how many messages were released by that."""
    released = _let_followers_go(work, failure)
    _remove(work, failure)
    return released


def skip(work: Work, failure: int) -> int:
    """The same, when what failed is still to be decided: who comes ``after`` it goes on waiting."""
    work.run("quiet_failure", failure)
    work.run("remove_failure_scopes", failure)
    return _let_followers_go(work, failure)


def lift_of(work: Work, message: int) -> int:
    """Lift the failure of a message, if it has one."""
    failure = work.one("failure_of", message)
    return 0 if failure is None else lift(work, failure["number"])


def _let_followers_go(work: Work, failure: int) -> int:
    followers = [number for (number,) in work.all("blocked_by", failure)]
    work.run("remove_blocks_by", failure)
    return sum(_release_if_free(work, number) for number in followers)


def _remove(work: Work, failure: int) -> None:
    work.run("remove_failure_scopes", failure)
    work.run("remove_failure", failure)


def _release_if_free(work: Work, number: int) -> bool:
    message = work.need("message", number)
    work.touched.add(message["submission"])
    if message["state"] != State.BLOCKED or work.all("blocks_of", number):
        return False
    staged = work.need("submission", message["submission"])["staged"]
    return_to_chain(work, message, State.STAGING if staged else State.READY)
    return True


def return_to_chain(work: Work, message: Row, state: State) -> None:
    """Put a message that waited aside back at its place."""
    rows = [Held(*row) for row in work.all("aside_take", message["number"])]
    place = Place(message["position"], message["number"])
    unclear = scopes.enter(work, rows, place, last=False)
    work.moved(message, state)
    work.run("set_state_unclear", state, unclear, message["number"])


def forget_blocks(work: Work, message: int) -> None:
    """A blocked message ended: whom only it passed the blocking on to is released."""
    for (failure,) in work.all("remove_blocks_of", message):
        _prune(work, failure)
        clean(work, failure)


def _prune(work: Work, failure: int) -> None:
    followers = [number for (number,) in work.all("blocked_by", failure)]
    reached = _reached(work, failure, followers)
    for number in followers:
        if number not in reached:
            work.run("remove_block", number, failure)
            _release_if_free(work, number)


def _reached(work: Work, failure: int, followers: list[int]) -> set[int]:
    """Which followers a failure still reaches, directly or by way of others. In order, so that
    everybody who may pass it on has been looked at before."""
    reaching = [Held(*row) for row in work.all("failure_scopes", failure)]
    holds: dict[bytes, int] = {row.key: row.hold for row in reaching}
    reached: set[int] = set()
    for number in followers:
        rows = _aside(work, number)
        if any(_conflict(holds.get(row.key, 0), row.hold) for row in rows):
            reached.add(number)
            for row in filter(passes_on, rows):
                holds[row.key] = max(holds.get(row.key, 0), row.hold)
    return reached


def _conflict(earlier: int, later: int) -> bool:
    return earlier >= SHARED and (earlier == scopes.EXCLUSIVE or later in {scopes.EXCLUSIVE, scopes.WAITER})


def clean(work: Work, failure: int) -> None:
    """Remove a failure that is told, decided and waited for by nobody."""
    if work.named("failure_is_over", failure=failure)[0][0]:
        _remove(work, failure)


def undecided(work: Work, submission: int) -> set[int]:
    """The failures that a submission's unfinished messages outside the chain wait for."""
    found: set[int] = set()
    for message in work.all("messages_of", submission):
        if message["state"] in _UNDECIDED:
            found.add(int(work.need("failure_of", message["number"])["number"]))
        elif message["state"] == State.BLOCKED:
            found.update(number for (number,) in work.all("blocks_of", message["number"]))
    return found
