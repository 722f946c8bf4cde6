"""A platform that does what a test says, from where the network begins: its adapter and its transport.

It keeps a ledger of effects, answers inquiries from what it stored, and never deduplicates. Everything
on this side of the wire is the real thing: outbox, numbers, lanes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from agent.catalog.model import Catalog, TransactionSpec
from agent.errors import CatalogError
from agent.events import (
    Completion,
    Conclusion,
    Draft,
    Finding,
    History,
    JsonObject,
    Outcome,
    Plan,
    Request,
    Response,
    Scope,
    Series,
    Submission,
    Verdict,
)
from agent.protocol.completing import Unaided

URL = "http://platform.invalid/"
PAY, RAW, QUERY = "PAY", "RAW", "QUERY"
INQUIRY, PROBE = "INQUIRY", "PROBE"
ACCEPTED = Outcome(Verdict.ACCEPTED, code="OK")
REFUSED = Outcome(Verdict.REJECTED, code="E1", message="refused")
THERE = Outcome(Verdict.REJECTED, code="E2", message="already there", already_there=True)
TOO_OFTEN = Outcome(Verdict.RETRY, code="E3")
UNCLEAR = Outcome(Verdict.UNKNOWN, code="P9")
TOO_LARGE = Outcome(Verdict.RETRY, code="HTTP413", own_fault=True)
NO_RIGHTS = Outcome(Verdict.HALT, code="P2", message="no rights")


@dataclass
class Lost(Exception):
    """The request takes effect, and its answer is lost as ``error`` says. ``late``: the effect shows
    in inquiries only once the test lets it (:meth:`Platform.commit_late`)."""

    error: Exception
    late: bool = False


Behaviour = Outcome | Exception | Callable[[], Any]


@dataclass
class Platform(Unaided):
    """The adapter and the transport in one; ``script`` holds the next business answers, else all is
    accepted; ``inquiry_script`` what inquiries get instead of the truth, ``probe_script`` probes."""

    hold_s: int = 300
    beside: bool = False
    script: deque[Behaviour] = field(default_factory=deque)
    inquiry_script: deque[Behaviour] = field(default_factory=deque)
    probe_script: deque[Behaviour] = field(default_factory=deque)
    refuse_connection: Exception | None = None
    at_encode: Callable[[Draft], None] | None = None
    at_conclude: Callable[[Draft], None] | None = None
    at_inquire: Callable[[Draft], None] | None = None
    at_complete: Callable[[Draft, History, bool], Completion] | None = None
    at_stamp: Callable[[Draft], None] | None = None
    at_probe: Callable[[], None] | None = None
    at_prepare: Callable[[], None] | None = None
    series_digits: int = 8
    inquirable: bool = True
    ends_as: Outcome | None = None
    counts_from: datetime | None = None
    sent: list[tuple[str, str, Any]] = field(default_factory=list)
    effects: list[tuple[str, Any]] = field(default_factory=list)
    stored: dict[str, Outcome] = field(default_factory=dict)
    dropped: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    _late: dict[str, Outcome] = field(default_factory=dict)
    _answers: dict[str, Outcome | Exception] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def then(self, *behaviours: Behaviour) -> Platform:
        self.script.extend(behaviours)
        return self

    def wire_ids(self, transaction: str = PAY) -> list[str]:
        return [wire_id for code, wire_id, _ in self.sent if code == transaction]

    def asked(self) -> list[str]:
        """The wire ids that inquiries were about."""
        return [body["about"] for code, _, body in self.sent if code == INQUIRY]

    def commit_late(self) -> None:
        self.stored.update(self._late)
        self._late.clear()

    # -- transport ------------------------------------------------------------------------------
    def prepare(self, url: str) -> None:
        assert url == URL
        if self.at_prepare is not None:
            self.at_prepare()
        if self.refuse_connection is not None:
            raise self.refuse_connection

    def send(self, request: Request) -> Response:
        with self._lock:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return self._send(request)
        finally:
            with self._lock:
                self.in_flight -= 1

    def _send(self, request: Request) -> Response:
        code, wire_id, body = self._request = self._requests.pop(request.body)
        self.sent.append((code, wire_id, body))
        script = {INQUIRY: self.inquiry_script, PROBE: self.probe_script}.get(code, self.script)
        behaviour: Any = script.popleft() if script else self._truth(code, body)
        if callable(behaviour):
            behaviour = behaviour()
        if isinstance(behaviour, Lost):
            self._take_effect(wire_id, body, late=behaviour.late)
            raise behaviour.error
        if isinstance(behaviour, Exception):
            raise behaviour
        if code not in {INQUIRY, PROBE, QUERY}:
            if behaviour.verdict is Verdict.ACCEPTED:
                self._take_effect(wire_id, body)
            elif behaviour.verdict is Verdict.REJECTED:
                self.stored[wire_id] = behaviour
        self._answers[wire_id] = behaviour
        return Response(200, {}, wire_id.encode())

    def _truth(self, code: str, body: Any) -> Outcome:
        if code != INQUIRY:
            return ACCEPTED
        return replace(ACCEPTED, data={"found": self.stored.get(body["about"])})

    def _take_effect(self, wire_id: str, body: Any, *, late: bool = False) -> None:
        self.effects.append((wire_id, body))
        (self._late if late else self.stored)[wire_id] = ACCEPTED

    def drop(self, url: str) -> None:
        self.dropped += 1

    def close(self) -> None: ...

    def abort(self) -> None: ...

    # -- adapter --------------------------------------------------------------------------------
    @property
    def catalog(self) -> Catalog:
        return Catalog("ministry", "", "", (PAY, RAW, QUERY), _Specs(self))

    def plan(self, submission: Submission, today: datetime) -> Plan:
        raise NotImplementedError

    def scopes(self, submission: Submission) -> tuple[Scope, ...]:
        return ()

    def lanes(self) -> tuple[str, ...]:
        return ("AK-1",)

    def complete(self, draft: Draft, history: History, *, forced: bool) -> Completion:
        return Completion(draft) if self.at_complete is None else self.at_complete(draft, history, forced)

    def resolved(self, draft: Draft, ids: Mapping[str, str], data: JsonObject) -> Outcome:
        return replace(ACCEPTED, data=data)

    def series(self, draft: Draft) -> tuple[Series, ...]:
        return (Series("wire", self.series_digits, daily=False),)

    def stamp(self, draft: Draft, serials: Mapping[str, int], now: datetime) -> Mapping[str, str]:
        if self.at_stamp is not None:
            self.at_stamp(draft)
        return {"wire_id": f"W{serials['wire']:08}"}

    _requests: dict[bytes, tuple[str, str, Any]] = field(default_factory=dict)

    def encode(self, draft: Draft, ids: Mapping[str, str], now: datetime) -> Request:
        if self.at_encode is not None:
            self.at_encode(draft)
        body = ids["wire_id"].encode()
        self._requests[body] = (draft.transaction, ids["wire_id"], draft.body)
        return Request(URL, (), body)

    def interpret(self, draft: Draft, ids: Mapping[str, str], response: Response) -> Any:
        answer = self._answers[response.body.decode()]
        data = getattr(answer, "data", {})
        if "raise" in data:
            raise data["raise"]
        return data.get("instead", answer)

    def inquire(self, draft: Draft, ids: Mapping[str, str]) -> Draft | None:
        if self.at_inquire is not None:
            self.at_inquire(draft)
        if not self.inquirable:
            return None
        return Draft(INQUIRY, draft.lane, {"about": ids["wire_id"]}, harmless=True)

    def conclude(self, draft: Draft, ids: Mapping[str, str], answer: Outcome) -> Conclusion:
        if self.at_conclude is not None:
            self.at_conclude(draft)
        if answer.data.get("undecided"):
            return Conclusion(Finding.UNDECIDED)
        found = answer.data.get("found")
        if found is None:
            return Conclusion(Finding.ABSENT, self.ends_as, self.counts_from)
        return Conclusion(Finding.FOUND, replace(found, settled_by="inquiry"))

    def probe(self, lane: str) -> Draft | None:
        if self.at_probe is not None:
            self.at_probe()
        return Draft(PROBE, lane, {}, harmless=True)


@dataclass
class _Specs:
    platform: Platform

    def transaction(self, code: str) -> TransactionSpec:
        if code not in {PAY, RAW, QUERY}:
            raise CatalogError("unknown")
        return TransactionSpec(
            code=code,
            name="",
            section="",
            caller="",
            frequency="",
            description="",
            kind="query" if code == QUERY else "upload",
            class_="interactive",
            request=(),
            response=(),
            table=_no_table,
            inquiry="" if code == QUERY else INQUIRY,
            inquiry_hold_s=self.platform.hold_s,
            inquiry_beside=self.platform.beside,
            guarded=code == PAY,
        )

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a lane asks the catalog for {name}")


def _no_table(name: str) -> Any:
    raise AssertionError(name)


def interpreted_as(instead: object) -> Outcome:
    """An accepted answer that the adapter interprets as something else."""
    return replace(ACCEPTED, data={"instead": instead})


def interpreted_by_raising(error: Exception) -> Outcome:
    return replace(ACCEPTED, data={"raise": error})
