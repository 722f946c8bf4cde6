"""Whatever happens in whatever order: nothing lost, nothing twice, nothing out of order.

The machine drives the real outbox through random acts and keeps its own small books. After every
act it judges the whole state by rules that do not use the outbox's own chain: order is recomputed
from all pairs of messages.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.clock import ManualClock
from agent.crypto.at_rest import DataKey
from agent.errors import ControlError
from agent.events import Awaited, Draft, Hold, Identifier
from agent.outbox.model import IN_CHAIN, LaneKey, Receipt, State
from agent.outbox.store import SqliteOutbox
from tests.contract.outbox_world import (
    FAULT,
    SYSTEM,
    World,
    accepted,
    draft,
    institution,
    partial,
    query,
    rejected,
    visit,
)

VISITS = ["v1", "v2", "v3"]
LANES = [LaneKey(SYSTEM, "A"), LaneKey(SYSTEM, "B"), LaneKey(SYSTEM, "A", parallel=True)]
FLYING = {State.IN_FLIGHT, State.INQUIRING}
ENDED = {State.ACCEPTED, State.PARTIAL, State.REJECTED, State.INVALID, State.EXPIRED, State.CANCELLED}

ENDS = ["accepted", "accepted", "follow", "rejected", "partial", "unknown", "unknown", "park", "fly"]
ENDS += ["withdraw", "retry", "doubt", "negative", "clear", "hold", "hold", "give", "refuse"]

visits = st.lists(st.sampled_from(VISITS), min_size=1, max_size=2, unique=True)


@st.composite
def plans(draw: st.DrawFn) -> tuple[Draft, ...]:
    lane = draw(st.sampled_from(["A", "B"]))
    kind = draw(st.sampled_from(["visit", "visit", "visit", "statement", "query", "batches", "revocation"]))
    interactive = draw(st.booleans())
    if kind == "statement":
        return (draft(institution(Hold.EXCLUSIVE), lane=lane, interactive=interactive),)
    if kind == "query":
        return (query(visit(draw(st.sampled_from(VISITS)), Hold.OBSERVER), lane="A"),)
    if kind == "revocation":
        return (draft(visit(draw(st.sampled_from(VISITS))), lane=lane, blocks=False, blockable=False),)
    if kind == "batches":
        return tuple(
            draft(visit(v), institution(), lane=lane, interactive=interactive, rows=(i, i + 1))
            for i, v in enumerate(draw(visits))
        )
    return (draft(*(visit(v) for v in draw(visits)), institution(), lane=lane, interactive=interactive),)


def conflict(earlier: Hold, later: Hold) -> bool:
    return earlier is not Hold.OBSERVER and Hold.EXCLUSIVE in (earlier, later)


class Interleavings(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="outbox-"))
        self.key = DataKey(1, b"k" * 32)
        self.clock = ManualClock()
        self.world = World(self._open(), self.clock, self._open)
        self.scopes: dict[int, dict[tuple[str, tuple[str, ...]], Hold]] = {}
        self.taken_over: dict[int, set[int]] = defaultdict(set)
        self.never_stored: dict[int, list[int]] = defaultdict(list)
        self.successors: dict[int, int] = {}
        self.awaits: dict[int, int] = {}
        self.held: dict[int, str] = {}
        """What each held message waits for."""
        self.facts = 0
        self.ids: dict[str, int] = {}
        self.messages: dict[int, list[int]] = {}
        self.last: dict[int, State] = {}
        self.finals: dict[int, int] = defaultdict(int)
        self.final_states: dict[int, str] = {}

    def _open(self) -> SqliteOutbox:
        return SqliteOutbox(self.folder / "outbox.db", self.key, clock=self.clock, answer_within_s=20)

    def teardown(self) -> None:
        self.world.outbox.close()
        shutil.rmtree(self.folder)

    # -- what happens -------------------------------------------------------------------------------
    def _store(self, drafts: tuple[Draft, ...], **more: Any) -> None:
        his_id = f"id-{len(self.ids)}"
        stored = self.world.accept(his_id, *drafts, **more)
        self.ids[his_id] = stored.submission
        self._know(stored.submission, drafts)
        if stored.receipt is Receipt.REFUSED:
            return
        if "after" in more:
            self.awaits[stored.submission] = self.ids[more["after"]]
        replaced = self.ids.get(more.get("replaces", ""), 0)
        while replaced in self.successors:
            replaced = self.successors[replaced]
        if replaced:
            self.successors[replaced] = stored.submission
        for old in [*self.messages.get(replaced, ()), *self.never_stored[replaced]]:
            for number in self.messages[stored.submission]:
                self.taken_over[number] |= {old} | self.taken_over[old]

    def _know(self, submission: int, drafts: tuple[Draft, ...]) -> None:
        self.messages[submission] = sorted(m.message for m in self._all() if m.submission == submission)
        for number, one in zip(self.messages[submission], drafts, strict=False):
            self._note(number, one)

    def _failed_before_it_began(self, drafts: tuple[Draft, ...]) -> None:
        """What an invalid submission would have held, for who replaces it; under a number of ours."""
        submission = max(self.messages)
        for index, one in enumerate(drafts):
            number = -1000 * submission - index
            self._note(number, one)
            self.never_stored[submission].append(number)

    def _note(self, number: int, one: Draft) -> None:
        self.scopes[number] = {(scope.kind, scope.key): scope.hold for scope in one.scopes}

    def _all(self) -> list[Any]:
        return self.world.outbox.messages(limit=100_000)

    def _in(self, *states: State) -> list[int]:
        return sorted(m.message for m in self._all() if m.state in states)

    @initialize(many=st.lists(plans(), min_size=2, max_size=8))
    def begin_the_day(self, many: list[tuple[Draft, ...]]) -> None:
        for drafts in many:
            self._store(drafts)

    @rule(many=st.lists(plans(), min_size=1, max_size=3))
    def accept(self, many: list[tuple[Draft, ...]]) -> None:
        for drafts in many:
            self._store(drafts)

    @rule(drafts=plans(), data=st.data())
    def accept_after(self, drafts: tuple[Draft, ...], data: st.DataObject) -> None:
        if self.ids:
            self._store(drafts, after=data.draw(st.sampled_from(sorted(self.ids))))

    @rule(drafts=plans(), data=st.data())
    def replace(self, drafts: tuple[Draft, ...], data: st.DataObject) -> None:
        if self.ids:
            self._store(drafts, replaces=data.draw(st.sampled_from(sorted(self.ids))))

    @rule(v=st.sampled_from(VISITS))
    def drop_an_invalid_one(self, v: str) -> None:
        self._store((), faults=(FAULT,), scopes=(visit(v),))
        self._failed_before_it_began((draft(visit(v)),))

    @rule(drafts=plans(), end=st.sampled_from(["publish", "abandon", "crash"]))
    def stage(self, drafts: tuple[Draft, ...], end: str) -> None:
        his_id = f"id-{len(self.ids)}"
        new = self.world.new(his_id)
        with self.world.outbox.write() as tx:
            number = tx.stage(new).submission
        for one in drafts:
            with self.world.outbox.write() as tx:
                tx.extend(number, [one])
        if end == "crash":
            self.restart()
            assert self.world.outbox.result(number) is None
            return
        with self.world.outbox.write() as tx:
            if end == "publish":
                assert tx.publish(number).receipt is Receipt.STORED
            else:
                tx.abandon(number, [FAULT])
        self.ids[his_id] = number
        self._know(number, drafts if end == "publish" else ())
        if end == "abandon":
            self._failed_before_it_began(drafts)

    @rule(lane=st.sampled_from(LANES), strict=st.booleans(), then=st.sampled_from(ENDS), data=st.data())
    def take_a_turn(self, lane: LaneKey, strict: bool, then: str, data: st.DataObject) -> None:
        """A lane's next message goes out; it ends, or is left on the wire for later."""
        head = self.world.head(lane, strict=strict)
        if head is None:
            return
        number = head.message
        if self.world.state(number) is State.READY:
            self._judge_claim(number)
            if then in {"hold", "refuse"}:
                self._keep_back(number, then)
                return
            self.world.begin(number)
        if then in {"withdraw", "retry", "doubt", "park"}:
            self._come_back(number, then)
        elif then in {"negative", "clear", "unknown"}:
            self._inquire(number, then)
        elif then not in {"fly", "hold", "refuse"}:
            self._settle(number, then)

    def _keep_back(self, number: int, how: str) -> None:
        """Its claim finds that it is wrong, or that something does not exist yet."""
        with self.world.outbox.write() as tx:
            if how == "refuse":
                tx.refuse(number, (FAULT,), self.clock.now())
                return
            self.facts += 1
            self.held[number] = f"fact-{self.facts}"
            tx.hold(number, (Awaited("fact", (self.held[number],), "前序结果"),))

    def _judge_claim(self, number: int) -> None:
        """Nobody before it in any of its scopes is unfinished in the chain; nobody conflicting flies."""
        mine = self.world.view(number)
        for other in self._all():
            assert other.state in ENDED or self.awaits.get(mine.submission) != other.submission
            if other.message == number or other.state not in IN_CHAIN:
                continue
            earlier = (other.position, other.message) < (mine.position, number)
            first, second = (other.message, number) if earlier else (number, other.message)
            if earlier:
                assert not self._conflicts(first, second), f"{number} claimed before {other.message}"
            elif other.state in FLYING:
                assert not self._collide(first, second), f"{number} claimed beside {other.message}"

    def _conflicts(self, first: int, second: int) -> bool:
        later = self.scopes[second]
        return any(key in later and conflict(hold, later[key]) for key, hold in self.scopes[first].items())

    def _collide(self, first: int, second: int) -> bool:
        """As ``_conflicts``, of a later one on the wire: nobody waits for a query that went while what
        stands before it was held."""
        later = {key: hold for key, hold in self.scopes[second].items() if hold is not Hold.OBSERVER}
        return any(key in later and conflict(hold, later[key]) for key, hold in self.scopes[first].items())

    def _settle(self, number: int, how: str) -> None:
        scope = next((visit(v) for v in VISITS if ("visit", visit(v).key) in self.scopes[number]), None)
        follow_up = draft(scope, transaction="GYU008", lane=self.world.view(number).lane) if scope else None
        outcome = {
            "accepted": accepted(),
            "give": accepted(identifiers=self._facts()),
            "follow": accepted(follow_ups=(follow_up,) if follow_up else ()),
            "rejected": rejected(),
            "partial": partial(scope) if scope else rejected(),
        }[how]
        self.world.settle(number, outcome)
        for other in [
            held for held, name in self.held.items() if name in {f.key[0] for f in outcome.identifiers}
        ]:
            assert self.world.state(other) in ENDED | {State.READY, State.BLOCKED}
            del self.held[other]
        submission = self.world.view(number).submission
        for m in self._all():
            if m.message not in self.scopes and follow_up is not None:
                self._note(m.message, follow_up)
                self.messages[submission].append(m.message)

    def _facts(self) -> tuple[Identifier, ...]:
        """What half of those who are held wait for."""
        names = sorted(self.held.values())[::2]
        return tuple(Identifier("fact", (name,), "S-1") for name in names)

    def _come_back(self, number: int, how: str) -> None:
        if self.world.state(number) is not State.IN_FLIGHT:
            return
        tries, now = self.world.tries(number), self.clock.now()
        with self.world.outbox.write() as tx:
            if how == "withdraw":
                tx.withdraw(number, tries)
            elif how == "retry":
                tx.retry(number, tries, "RE1173", "过于频繁")
            elif how == "doubt":
                tx.doubt(number, tries, "reset", now)
            else:
                tx.park(number, "not_sent", now)

    def _inquire(self, number: int, how: str) -> None:
        if self.world.state(number) is State.IN_FLIGHT:
            self._come_back(number, "doubt")
        if self.world.state(number) is not State.INQUIRING:
            return
        with self.world.outbox.write() as tx:
            if how == "negative":
                tx.note_negative(number, self.clock.now())
            elif how == "clear":
                tx.clear_doubt(number)
            else:
                tx.leave_unknown(number, "no answer", self.clock.now())

    @rule(data=st.data(), verdict=st.sampled_from(["accepted", "rejected", "resend"]))
    def resolve(self, data: st.DataObject, verdict: str) -> None:
        undecided = self._in(State.UNKNOWN, State.PARKED)
        if undecided:
            self.world.resolve(data.draw(st.sampled_from(undecided)), verdict)

    @rule(data=st.data())
    def skip(self, data: st.DataObject) -> None:
        numbers = self._in(*State)
        if not numbers:
            return
        number = data.draw(st.sampled_from(numbers))
        try:
            self.world.skip(number)
        except ControlError:
            assert self.world.state(number) not in {State.REJECTED, State.UNKNOWN, State.PARKED}

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if not self.ids:
            return
        number = self.ids[data.draw(st.sampled_from(sorted(self.ids)))]
        before = {m: self.world.state(m) for m in self.messages[number]}
        self.world.cancel(number)
        for message, state in before.items():
            if state in FLYING | {State.UNKNOWN} | ENDED:
                assert self.world.state(message) is state

    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        ready = self._in(State.READY, State.BLOCKED, State.PARKED, State.HELD)
        if ready:
            self.world.act("expire", data.draw(st.sampled_from(ready)))

    @rule(seconds=st.sampled_from([1, 25]))
    def write_results(self, seconds: int) -> None:
        self.clock.advance(seconds)
        for result in self.world.write_results():
            if result["final"]:
                self.finals[self.ids[result["id"]]] += 1
                told = self.final_states.setdefault(self.ids[result["id"]], result["state"])
                assert told == result["state"]

    @rule()
    def restart(self) -> None:
        flying = self._in(State.IN_FLIGHT)
        self.world.restart()
        for number in flying:
            assert self.world.state(number) in {State.INQUIRING, State.READY}

    # -- what always holds ----------------------------------------------------------------------------
    @invariant()
    def one_in_flight_per_lane(self) -> None:
        flying: dict[str, int] = defaultdict(int)
        for m in self._all():
            if m.state in FLYING and m.transaction != "GYD053":
                flying[m.lane] += 1
        assert all(count == 1 for count in flying.values()), flying

    @invariant()
    def final_stays_final(self) -> None:
        now = {m.message: m.state for m in self._all()}
        assert now.keys() >= self.last.keys(), "a message was lost"
        for number, state in self.last.items():
            assert state not in ENDED or now[number] is state
        self.last = now

    @invariant()
    def blocked_ones_say_by_what(self) -> None:
        for m in self._all():
            if m.state is State.BLOCKED:
                assert m.blocked_by or m.blocked_by_submission
                result = self.world.result(m.submission)
                if result["state"] == State.BLOCKED:
                    assert result["waiting"]["blocked_by"]
            else:
                assert m.blocked_by is None
                assert m.blocked_by_submission is None

    @invariant()
    def held_are_those_who_wait_for_a_fact(self) -> None:
        assert set(self._in(State.HELD)) == {n for n in self.held if self.world.state(n) not in ENDED}

    @invariant()
    def counts_are_true(self) -> None:
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for m in self._all():
            counts[m.lane, m.state.value] += 1
        assert self.world.outbox.counts() == dict(counts)

    @invariant()
    def one_final_result(self) -> None:
        assert all(count == 1 for count in self.finals.values())

    @invariant()
    def somebody_can_go_on(self) -> None:
        """Whoever stands first in all of its scopes, with nobody in flight against it, is let go."""
        chain = [m for m in self._all() if m.state in IN_CHAIN | {State.HELD}]
        for lane in LANES:
            head = self.world.head(lane)
            ready = [m for m in chain if m.state is State.READY and self._in_lane(m, lane)]
            free = [m for m in ready if not any(self._holds_up(other, m) for other in chain)]
            waiting = any(m.state in FLYING and self._in_lane(m, lane) for m in chain)
            assert not free or waiting or head is not None, (lane, free)

    def _in_lane(self, m: Any, lane: LaneKey) -> bool:
        return m.lane == lane.lane and (m.transaction == "GYD053") == lane.parallel

    def _holds_up(self, other: Any, m: Any) -> bool:
        """Whether another message may keep one waiting: by their scopes, or by those that came with
        a replacement."""
        if other.message == m.message:
            return False
        if self.awaits.get(m.submission) == other.submission:
            return True
        if other.state is State.HELD:
            return False
        mine = {m.message} | self.taken_over[m.message]
        theirs = {other.message} | self.taken_over[other.message]
        if (other.position, other.message) < (m.position, m.message):
            return any(self._conflicts(first, second) for first in theirs for second in mine)
        return other.state in FLYING and any(
            self._collide(first, second) for first in mine for second in theirs
        )


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=30,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
