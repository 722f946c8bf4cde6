"""Held messages: what they wait for does not exist yet, and they are in nobody's way meanwhile.

A held message leaves the chain but for the row of its own submission, by which those wait that come
``after`` it. The commit that stores what it waits for puts it back at its place: before everything
that was committed later and has not been sent yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.errors import InternalDefect
from agent.events import Awaited, Outcome, Verdict
from agent.outbox import blocking, facts, scopes
from agent.outbox.answers import store_answer
from agent.outbox.model import State
from agent.outbox.scopes import SHARED, Held, Place
from agent.outbox.states import check_move
from agent.outbox.submissions import finish_step
from agent.outbox.work import Row, Work


def hold(work: Work, number: int, awaits: Sequence[Awaited]) -> None:
    """Raises InternalDefect when nothing of it is missing: the message would wait for ever."""
    message = work.need("message", number)
    check_move(number, State(message["state"]), State.HELD)
    system = work.systems[message["lane"]]
    missing = {facts.group_key(work, system, one.kind, one.key): one.what for one in awaits}
    missing = {group: what for group, what in missing.items() if not facts.exists(work, group)}
    if not missing:
        raise InternalDefect("程序内部错误", hint="请将日志交给开发商", details={"where": "hold"})
    work.run_many("await_fact", [(group, number) for group in missing])
    store_answer(work, number, Outcome(Verdict.UNKNOWN, message=_sentence(missing.values())))
    _step_aside(work, message)
    work.moved(message, State.HELD)
    finish_step(work)


def _sentence(whats: Iterable[str]) -> str:
    return f"等待{'、'.join(dict.fromkeys(whats))}，得到后自动发送"


def _step_aside(work: Work, message: Row) -> None:
    number, position = message["number"], message["position"]
    rows = scopes.leave(work, number)
    own_key = scopes.submission_key(work, message["submission"])
    own = [Held(row.key, SHARED, row.broad) for row in rows if row.key == own_key]
    blocking.keep_aside(work, number, position, [row for row in rows if row.key != own_key])
    unclear = scopes.enter(work, own, Place(position, number), last=False)
    work.run("set_state_unclear", State.HELD, unclear, number)


def came(work: Work, groups: Iterable[bytes]) -> None:
    """Facts of these groups exist now: release whom only they held."""
    for group in groups:
        waiting = [number for (number,) in work.all("waiting_for", group)]
        if waiting:
            work.run("fact_came", group)
        for number in waiting:
            if not work.one("awaits_still", number)[0]:
                _release(work, work.need("message", number))


def _release(work: Work, message: Row) -> None:
    """A failure before it that is not told yet blocks it now: in the chain it would have done so."""
    number, submission = message["number"], message["submission"]
    rows = scopes.merged(leave(work, number))
    place = Place(message["position"], number)
    failures = blocking.failures_over(work, submission, rows, place, blockable=bool(message["blockable"]))
    if failures:
        blocking.keep_aside(work, number, place.position, rows)
        work.run_many("add_block", [(number, failure) for failure in sorted(failures)])
    unclear = 0 if failures else scopes.enter(work, rows, place, last=False)
    state = State.BLOCKED if failures else State.READY
    work.moved(message, state)
    work.run("set_state_unclear", state, unclear, number)


def leave(work: Work, number: int) -> list[Held]:
    """A held message waits no more; returns the scopes that it has."""
    work.run("await_nothing", number)
    return [*scopes.leave(work, number), *(Held(*row) for row in work.all("aside_take", number))]
