"""Scan-to-pay's protocol adapter: joins planning, codec, sealing, outcomes and inquiry behind the border."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from agent.catalog import Catalog
from agent.clock import BEIJING
from agent.errors import AnswerRejected
from agent.events import (
    Completion,
    Conclusion,
    Draft,
    Duty,
    Forget,
    History,
    JsonObject,
    Outcome,
    Plan,
    Reading,
    Request,
    Response,
    Scope,
    Series,
    Submission,
    Verdict,
    Watched,
)
from agent.protocol.completing import Unaided
from agent.protocol.serials import write_serial
from agent.protocol.statuses import by_status
from plugins.scanpay import awaiting, codec, completing, duties, inquiry, keeping, outcomes, planning
from plugins.scanpay.bodies import Till
from plugins.scanpay.envelopes import new_session
from plugins.scanpay.forms import Received, read_form
from plugins.scanpay.orders import AT
from plugins.scanpay.profiles import Envelope
from plugins.scanpay.reconciling import deciding as reconciling
from plugins.scanpay.sealing import Sealing
from plugins.scanpay.settings import Settings
from plugins.scanpay.statuses import status_of

SERIAL_DIGITS: Final = 9
SESSION: Final = "session"
PROBED_ORDER: Final = "his-agent-probe"
"""An order that never is: asking about it shows whether the platform answers."""


@dataclass(frozen=True, slots=True)
class ScanpayAdapter(Unaided):
    """One institution of the platform: a lane per operator (ProtocolAdapter)."""

    catalog: Catalog
    settings: Settings
    sealing: Sealing = field(repr=False)

    def awaited(self, submission: Submission, reading: Reading | None) -> Submission:
        return awaiting.awaited(self.catalog, self.settings, submission, reading)

    def plan(self, submission: Submission, today: datetime) -> Plan:
        return planning.plan(self.catalog, submission, today, self.settings)

    def scopes(self, submission: Submission) -> tuple[Scope, ...]:
        return planning.scopes(self.catalog, submission, self.settings)

    def lanes(self) -> tuple[str, ...]:
        hospcode = self.settings.hospcode
        return tuple(Till(hospcode, operator).lane for operator in self.settings.operators or ("",))

    def complete(self, draft: Draft, history: History, *, forced: bool) -> Completion:
        spec = self.catalog.transaction(draft.transaction)
        completion = completing.complete(draft, spec, history, self.settings, forced=forced)
        if draft.transaction == reconciling.STATEMENT:
            return replace(completion, draft=reconciling.prepared(completion.draft, history))
        return completion

    def resolved(self, draft: Draft, ids: Mapping[str, str], data: JsonObject) -> Outcome:
        spec = self.catalog.transaction(draft.transaction)
        found = outcomes.facts(spec, draft.body, data)
        outcome = Outcome(Verdict.ACCEPTED, data=data, identifiers=found, settled_by="decision")
        return keeping.kept(outcome, draft, ids, self.settings)

    def acknowledged(self, draft: Draft, data: JsonObject, history: History) -> Outcome:
        return keeping.acknowledged(draft, history, self.settings.hospcode)

    def duties_every_s(self) -> float:
        return duties.EVERY_S

    def duties(self, history: History, watched: Watched) -> tuple[Duty, ...]:
        return duties.duties(history, watched, self.settings)

    def restored(self, history: History) -> tuple[Forget, ...]:
        return duties.not_after_a_restore(history, self.settings.hospcode)

    def series(self, draft: Draft) -> tuple[Series, ...]:
        return (Series(self._series, SERIAL_DIGITS, daily=False),)

    def stamp(self, draft: Draft, serials: Mapping[str, int], now: datetime) -> Mapping[str, str]:
        """The document has no number of a request: ours names an attempt in results and logs only."""
        number = write_serial(serials[self._series], SERIAL_DIGITS)
        at = now.astimezone(BEIJING).isoformat(timespec="seconds")
        ids = {"wire_id": f"{self.settings.hospcode}-{number}", AT: at}
        if self.settings.profile.envelope is Envelope.DES or self.settings.signer == "package":
            ids[SESSION] = new_session()
        if draft.transaction == reconciling.STATEMENT:
            ids[reconciling.MADE_AT] = now.astimezone(BEIJING).isoformat(timespec="seconds")
        return ids

    def encode(self, draft: Draft, ids: Mapping[str, str], now: datetime) -> Request:
        spec = self.catalog.transaction(draft.transaction)
        pairs = codec.request_pairs(self.settings, spec, draft.body)
        sealed = self.sealing.seal(pairs, ids.get(SESSION, ""))
        at_desk = spec.code != reconciling.STATEMENT
        answer_s = self.settings.answer_patience.total_seconds() if at_desk else math.inf
        return codec.write_request(self.settings.url, sealed, answer_s)

    def interpret(self, draft: Draft, ids: Mapping[str, str], response: Response) -> Outcome:
        received = _received(response)
        if received is None:
            return by_status(response.status, harmless=draft.harmless)
        spec = self.catalog.transaction(draft.transaction)
        verified = self.sealing.open(received, ids.get(SESSION, ""))
        outcome = outcomes.outcome(spec, draft, codec.read_answer(verified, spec))
        outcome = keeping.kept(outcome, draft, ids, self.settings)
        return reconciling.reconciled(outcome, draft, ids) if spec.code == reconciling.STATEMENT else outcome

    def inquire(self, draft: Draft, ids: Mapping[str, str]) -> Draft | None:
        asked = self.catalog.transaction(draft.transaction).inquiry
        return self._harmless(asked, draft.lane, inquiry.question(draft)) if asked else None

    def conclude(self, draft: Draft, ids: Mapping[str, str], answer: Outcome) -> Conclusion:
        spec = self.catalog.transaction(draft.transaction)
        conclusion = inquiry.conclude(spec, draft, answer, self.settings, ids.get(AT, ""))
        if conclusion.outcome is None:
            return conclusion
        status = status_of(answer, self.settings.order_absent)
        ended = keeping.kept(conclusion.outcome, draft, ids, self.settings, status=status)
        return replace(conclusion, outcome=ended)

    def probe(self, lane: str) -> Draft | None:
        return replace(self._harmless(inquiry.ASK, lane, {"orderid": PROBED_ORDER}), parallel=True)

    @property
    def _series(self) -> str:
        return f"request/{self.settings.hospcode}"

    @staticmethod
    def _harmless(transaction: str, lane: str, body: JsonObject) -> Draft:
        return Draft(transaction, lane, body, harmless=True, blocks=False, blockable=False)


def _received(response: Response) -> Received | None:
    """The pairs of an answer in the platform's own form; None where the HTTP status has to speak.

    Raises AnswerRejected for a 200 that is no answer.
    """
    try:
        received = read_form(response.body)
    except AnswerRejected:
        if response.status == 200:
            raise
        return None
    if codec.is_of_platform(received):
        return received
    if response.status == 200:
        raise codec.no_answer()
    return None
