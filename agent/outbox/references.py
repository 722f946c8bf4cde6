"""Submissions that name others: ``after`` waits for their end, ``replaces`` takes their place.

A submission may be replaced when it ended rejected, partial, invalid, expired or cancelled, or when
nothing of it was sent or is on the wire. The new one stands where the old one failed and holds, beside
its own scopes, the old ones; who was blocked by the old one waits in line behind the new one.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import Fault
from agent.outbox import blocking, scopes, storing
from agent.outbox.model import FINAL, State
from agent.outbox.scopes import SHARED, Held
from agent.outbox.settling import withdraw_unsent
from agent.outbox.work import Row, Work

_REPLACEABLE_ENDS = frozenset({State.REJECTED, State.PARTIAL, State.INVALID, State.EXPIRED, State.CANCELLED})
_ON_THE_WIRE = frozenset({State.IN_FLIGHT, State.INQUIRING, State.UNKNOWN})
_UNSENT = frozenset(
    {State.READY, State.PARKED, State.BLOCKED, State.HELD, State.CANCELLED, State.EXPIRED, State.INVALID}
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A submission that will be replaced: where the new one stands and what it holds besides."""

    old: int
    position: int
    extra: tuple[Held, ...]


def his_key(work: Work, system: str, his_id: str) -> bytes:
    return work.border.key("his_id", (system, his_id))


def submissions_named(work: Work, system: str, his_id: str) -> list[Row]:
    """The submissions that hold an id, the latest of each transaction, newest first."""
    latest: dict[str, int] = {}
    for row in work.all("submissions_by_id", his_key(work, system, his_id)):
        latest.setdefault(row["transaction_code"], row["number"])
    return [work.need("submission", number) for number in latest.values()]


def after_targets(work: Work, system: str, after: str) -> list[Row] | Fault:
    """Whose end a submission waits for."""
    found = submissions_named(work, system, after)
    if found:
        return found
    return Fault("/after", "after_unknown", "after 指定的 id 不存在；请先提交该业务，或去掉 after")


def wait_for(work: Work, targets: list[Row]) -> frozenset[int]:
    """Make submissions awaited; returns the failures whose decision their end waits for."""
    failures: set[int] = set()
    for target in targets:
        if target["state"] not in FINAL:
            storing.await_end(work, target)
            failures |= blocking.undecided(work, target["number"])
    return frozenset(failures)


def claim(work: Work, system: str, transaction: str, replaces: str) -> Claim | Fault:
    """What a submission replaces, or why it cannot."""
    found = submissions_named(work, system, replaces)
    if not found:
        return Fault("/replaces", "replaces_unknown", "replaces 指定的 id 不存在；请核对 id 后重新提交")
    same = [row for row in found if row["transaction_code"] == transaction]
    return claim_submission(work, _latest(work, (same or found)[0]))


def claim_submission(work: Work, old: Row) -> Claim | Fault:
    messages = work.all("messages_of", old["number"])
    reason = _why_not(old, messages)
    if reason:
        return Fault("/replaces", "replaces_refused", reason)
    failed = [row["position"] for row in messages if row["state"] != State.ACCEPTED]
    position = min(failed, default=old["position"])
    return Claim(old["number"], position, tuple(_old_scopes(work, old["number"], messages)))


def _latest(work: Work, row: Row) -> Row:
    while row["replaced_by"] is not None:
        row = work.need("submission", row["replaced_by"])
    return row


def _why_not(old: Row, messages: list[Row]) -> str:
    states = {message["state"] for message in messages}
    if old["state"] == State.ACCEPTED:
        return "replaces 指定的业务已被平台受理，不能替换；如需更正请使用撤销类交易"
    if old["staged"]:
        return "replaces 指定的业务仍在读入，请在得到其结果后再提交"
    if states & _ON_THE_WIRE:
        return "replaces 指定的业务正在发送或结果不明，不能替换；请等其结果，或先用 resolve 判定"
    if old["state"] not in _REPLACEABLE_ENDS and not states <= _UNSENT:
        return "replaces 指定的业务有一部分已发送，不能替换；请等其全部结束，或先用 cancel 取消其余部分"
    return ""


def _old_scopes(work: Work, old: int, messages: list[Row]) -> list[Held]:
    rows: list[Held] = []
    for failure in work.all("failures_of_submission", old):
        rows += [Held(*row) for row in work.all("failure_scopes", failure["number"])]
    for message in messages:
        for kind in ("chain_rows", "aside_rows"):
            rows += [
                Held(row["scope_key"], row["hold"], row["broad"]) for row in work.all(kind, message["number"])
            ]
    own = scopes.submission_key(work, old)
    return scopes.merged(row for row in rows if row.hold >= SHARED and row.key != own)


def carry_out(work: Work, claimed: Claim, new: int) -> None:
    """The new one is stored: the old one ends, and its followers line up behind the new one."""
    work.run("set_replaced", new, claimed.old)
    withdraw_unsent(work, claimed.old, work.now())
    for failure in work.all("failures_of_submission", claimed.old):
        blocking.lift(work, failure["number"])
