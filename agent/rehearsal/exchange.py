"""One request from arrival to answer: faults, platform, ledger.

A protocol brings a :class:`Platform`. Everything that can go wrong on the way is decided here, so
that all protocols misbehave alike.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from agent.clock import Clock
from agent.rehearsal.admin import PREFIX, Admin
from agent.rehearsal.faults import COMMON, FaultBoard, FaultKind, Moment, Strike, Switch
from agent.rehearsal.ledger import Ledger
from agent.rehearsal.messages import Answer, Call, Delivery
from agent.rehearsal.parking import Parking


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request is about, as far as its envelope shows. ``inquiry``: it asks about another one."""

    transaction: str = ""
    lane: str = ""
    wire_id: str = ""
    inquiry: bool = False


class Platform(Protocol):
    """A rehearsed platform. Called from several threads at once."""

    @property
    def faults(self) -> Iterable[FaultKind]:
        """The faults that only this protocol can have, beside the common ones."""
        ...

    def subject(self, call: Call) -> Subject:
        """Read the envelope's outside; never raises, whatever came."""
        ...

    def answer(self, call: Call, parking: Parking) -> Answer:
        """Process and answer. An inquiry answered "no" tells ``parking.asked(key)``, with the key
        that :meth:`parking_key` gave for the request it asked about."""
        ...

    def parking_key(self, subject: Subject) -> tuple[str, ...]: ...

    def refuse(self, call: Call, fault: str) -> Answer:
        """The answer of one of its own ``INSTEAD`` faults: nothing is processed."""
        ...

    def spoil(self, call: Call, answer: Answer, fault: str) -> Answer:
        """What one of its own ``AFTER`` faults makes of a good answer."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How much of everything the platform holds."""
        ...

    def reset(self) -> None:
        """Back to the seed."""
        ...


_DELIVERIES: Mapping[str, Delivery] = {
    "drop_after": Delivery.NOTHING,
    "reset_after": Delivery.RESET,
    "truncated": Delivery.CUT,
    "drip": Delivery.DRIP,
    "hang_up": Delivery.HANG_UP,
}


class Rehearsal:
    """The handler of a rehearsal server: ``/_rehearsal/`` is the admin surface, all else the platform."""

    def __init__(
        self,
        platform: Platform,
        ledger: Ledger,
        clock: Clock,
        *,
        switches: Iterable[Switch] = (),
        seed: int = 0,
        stopping: threading.Event | None = None,
    ) -> None:
        self.platform = platform
        self.ledger = ledger
        self.parking = Parking()
        self._start_switches = tuple(switches)
        self.board = FaultBoard((*COMMON, *platform.faults), self._start_switches, seed)
        self.stopping = stopping or threading.Event()
        self._clock = clock
        self._admin = Admin(ledger, self.board, self.parking, platform.counts, self.reset)
        self._last: tuple[Subject, Answer] | None = None

    def __call__(self, call: Call) -> Answer:
        if call.path.startswith(PREFIX):
            return self._admin.answer(call)
        subject = self.platform.subject(call)
        number = self.ledger.begin(subject.transaction, subject.lane, subject.wire_id)
        strike = self.board.strike(subject.transaction, self._impossible(subject))
        answer = Answer(status=0)
        try:
            answer = self._befall(call, subject, strike)
        finally:
            status = 0 if answer.delivery in (Delivery.NOTHING, Delivery.RESET) else answer.status
            self.ledger.end(number, strike.names, status, answer.label)
        return answer

    def reset(self) -> None:
        """Back to the start: state, ledger, parked requests and the switches given at the start."""
        self.parking.clear()
        self.platform.reset()
        self.ledger.reset()
        self.board.replace(self._start_switches)
        self._last = None

    def _befall(self, call: Call, subject: Subject, strike: Strike) -> Answer:
        self._pause(strike.pause_before)
        if strike.decisive is None:
            answer = self._process(call, subject)
        elif strike.moment is Moment.INSTEAD:
            answer = self._instead(call, strike.decisive)
        elif strike.moment is Moment.PARK:
            answer = self._park(call, subject, strike.decisive)
        else:
            answer = self._after(call, subject, strike.decisive)
        self._pause(strike.pause_after)
        return answer

    def _process(self, call: Call, subject: Subject) -> Answer:
        answer = self.platform.answer(call, self.parking)
        self._last = (subject, answer)
        return answer

    def _instead(self, call: Call, switch: Switch) -> Answer:
        if switch.name == "drop_before":
            return Answer(delivery=Delivery.NOTHING)
        if switch.name == "http500_before":
            return _broken()
        return self.platform.refuse(call, switch.name)

    def _park(self, call: Call, subject: Subject, switch: Switch) -> Answer:
        def commit() -> None:
            self.platform.answer(call, self.parking)

        self.parking.park(self.platform.parking_key(subject), commit, switch.negatives)
        return Answer(delivery=Delivery.NOTHING)

    def _after(self, call: Call, subject: Subject, switch: Switch) -> Answer:
        earlier = self._last
        answer = self._process(call, subject)
        if switch.name in _DELIVERIES:
            return replace(answer, delivery=_DELIVERIES[switch.name], seconds=switch.seconds)
        if switch.name == "http500_after":
            return _broken()
        if switch.name == "other_answer":
            return earlier[1] if earlier else Answer(delivery=Delivery.NOTHING)
        return self.platform.spoil(call, answer, switch.name)

    def _impossible(self, subject: Subject) -> frozenset[str]:
        """An inquiry cannot be parked; another's answer needs another that was answered."""
        impossible = {"park"} if subject.inquiry or not subject.wire_id else set()
        if self._last is None or self._last[0].wire_id == subject.wire_id:
            impossible.add("other_answer")
        return frozenset(impossible)

    def _pause(self, seconds: float) -> None:
        if seconds > 0:
            self._clock.wait(self.stopping, seconds)


def _broken() -> Answer:
    page = "<html><body><h1>Internal Server Error</h1></body></html>"
    return Answer(
        status=500, body=page.encode("utf-8"), headers=(("Content-Type", "text/html"),), label="500"
    )
