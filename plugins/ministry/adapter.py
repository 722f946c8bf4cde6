"""The ministry's protocol adapter: joins planning, codec, outcomes and inquiry behind the border."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from agent.catalog import Catalog, load_catalog
from agent.crypto import OwnKey, PublicKey
from agent.errors import ConfigurationError, CryptoError, KeyRejected
from agent.events import (
    Completion,
    Conclusion,
    Draft,
    Duty,
    FileReference,
    History,
    JsonObject,
    Outcome,
    Plan,
    Proofs,
    Reading,
    Request,
    Response,
    Schedule,
    Scope,
    Series,
    Submission,
    Watched,
)
from agent.hookspecs import KeySource
from agent.protocol.answers import tidy
from agent.protocol.awaiting import taken
from agent.protocol.completing import Unaided
from agent.protocol.owing import unpaid
from plugins.ministry import agreeing, attachments, codec, inquiry, outcomes, planning, renumbering
from plugins.ministry.awaiting import PLACES, proofs
from plugins.ministry.downloads import Downloads
from plugins.ministry.keys import Keys
from plugins.ministry.schedules import Run, demand_runnable, repetition, runs, submission_of
from plugins.ministry.settings import Settings, read_settings

PROBE: Final = "GYU000"


def ministry_catalog() -> Catalog:
    return load_catalog("plugins.ministry.catalog")


def build(options: Mapping[str, Any], source: KeySource) -> MinistryAdapter:
    """The adapter for one access key. Raises ConfigurationError."""
    settings, catalog = read_settings(options), ministry_catalog()
    demand_runnable(catalog, settings.owning.roles, settings.owning.every_min)
    return MinistryAdapter(catalog, settings, Keys(source, settings.own_key, settings.peer_key))


@dataclass(frozen=True, slots=True)
class MinistryAdapter(Unaided):
    """One access key of the platform: one lane, named by the access key (ProtocolAdapter)."""

    catalog: Catalog
    settings: Settings
    keys: Keys = field(repr=False)

    def attachments(self, submission: Submission) -> tuple[FileReference, ...]:
        return attachments.references(self.catalog, submission)

    def awaited(self, submission: Submission, reading: Reading | None) -> Submission:
        return taken(submission, PLACES, reading)

    def proofs(self, transaction: str, data: JsonObject | None) -> Proofs | None:
        return proofs(transaction, data)

    def plan(self, submission: Submission, today: datetime) -> Plan:
        lane, skipped = self.settings.access_key, self.settings.skip_rules
        plan = planning.plan(self.catalog, submission, today, lane, skipped)
        drafts = [self._downloads.owned(draft, internal=submission.internal) for draft in plan.drafts]
        return replace(plan, drafts=tuple(drafts))

    def scopes(self, submission: Submission) -> tuple[Scope, ...]:
        return planning.scopes(self.catalog, submission)

    def lanes(self) -> tuple[str, ...]:
        return (self.settings.access_key,)

    def complete(self, draft: Draft, history: History, *, forced: bool) -> Completion:
        informed = renumbering.informed(self._downloads.informed(draft, history), history)
        settled = attachments.with_settlement(informed, history)
        awaits = settled.awaits or agreeing.unverified(settled.draft)
        if awaits:
            return replace(settled, awaits=awaits)
        spec = self.catalog.transaction(draft.transaction)
        missing, unsure = unpaid(spec, settled.draft)
        compared = agreeing.compared(spec, settled.draft, history, forced=forced)
        return replace(
            compared, warnings=(*unsure, *compared.warnings), refused=(*missing, *compared.refused)
        )

    def series(self, draft: Draft) -> tuple[Series, ...]:
        return (
            Series(self._refid_series, codec.REFID_SERIAL_DIGITS, daily=True),
            Series(self._request_series, codec.REQUEST_SERIAL_DIGITS, daily=False),
        )

    def stamp(self, draft: Draft, serials: Mapping[str, int], now: datetime) -> Mapping[str, str]:
        return {
            "wire_id": codec.write_refid(self.settings.province, now, serials[self._refid_series]),
            "request_id": codec.write_request_id(self.settings.access_key, serials[self._request_series]),
        }

    def encode(self, draft: Draft, ids: Mapping[str, str], now: datetime) -> Request:
        own, peer = self._keys_to_send()
        header = {
            "access_key": self.settings.access_key,
            "request_id": ids["request_id"],
            "timestamp": codec.write_timestamp(now),
        }
        body = {"refid": ids["wire_id"], "busitype": draft.transaction, "aab301": self.settings.province}
        return codec.write_request(
            self.settings.url, header, body, draft.body, own, peer, self.settings.sm2_layout
        )

    def interpret(self, draft: Draft, ids: Mapping[str, str], response: Response) -> Outcome:
        outer = outcomes.outer_outcome(response, harmless=draft.harmless)
        if isinstance(outer, Outcome):
            return outer
        data = self._opened(outer)
        spec = self.catalog.transaction(draft.transaction)
        return self._leaving(draft, outcomes.business_outcome(spec, draft, data), ids)

    def inquire(self, draft: Draft, ids: Mapping[str, str]) -> Draft | None:
        question = self.catalog.transaction(draft.transaction).inquiry
        if not question:
            return None
        body = inquiry.inquiry_data(draft.transaction, ids["wire_id"])
        return Draft(question, draft.lane, body, harmless=True, blocks=False, blockable=False)

    def conclude(self, draft: Draft, ids: Mapping[str, str], answer: Outcome) -> Conclusion:
        spec = self.catalog.transaction(draft.transaction)
        found = inquiry.conclude(spec, draft, answer, self.settings.hisdata_absent)
        if found.outcome is None:
            return found
        return replace(found, outcome=self._leaving(draft, found.outcome, ids))

    def resolved(self, draft: Draft, ids: Mapping[str, str], data: JsonObject) -> Outcome:
        spec = self.catalog.transaction(draft.transaction)
        wire_id = ids.get("wire_id", "")
        return renumbering.remembered(draft, agreeing.vouched(spec, draft, tidy(data), wire_id), wire_id)

    def probe(self, lane: str) -> Draft | None:
        return Draft(PROBE, lane, {}, parallel=True, harmless=True, blocks=False, blockable=False)

    def schedules(self) -> tuple[Schedule, ...]:
        return tuple(run.schedule for run in self._runs())

    def scheduled(self, schedule: Schedule, given: JsonObject, now: datetime) -> Submission:
        run = next(run for run in self._runs() if run.schedule.name == schedule.name)
        return submission_of(self.catalog, run, given, now)

    def again(
        self, transaction: str, *, wire_id: str, since: datetime | None, until: datetime | None
    ) -> Submission:
        return repetition(self.catalog, transaction, wire_id, since, until)

    def duties_every_s(self) -> float:
        return renumbering.EVERY_S

    def duties(self, history: History, watched: Watched) -> tuple[Duty, ...]:
        return tuple(renumbering.duties(history, watched.now))

    def _leaving(self, draft: Draft, outcome: Outcome, ids: Mapping[str, str]) -> Outcome:
        """The outcome with the facts that it leaves and with what it leads to."""
        spec, wire_id = self.catalog.transaction(draft.transaction), ids.get("wire_id", "")
        known = agreeing.remembered(spec, draft, outcome, wire_id)
        return self._downloads.proceed(draft, renumbering.remembered(draft, known, wire_id), ids)

    def _runs(self) -> tuple[Run, ...]:
        owning = self.settings.owning
        return tuple(runs(self.catalog, owning.roles, owning.every_min))

    @property
    def _downloads(self) -> Downloads:
        owning = self.settings.owning
        return Downloads(self.catalog, self.settings.province, owning.roles, owning.attachments)

    @property
    def _refid_series(self) -> str:
        return f"refid/{self.settings.province}"

    @property
    def _request_series(self) -> str:
        return f"request/{self.settings.access_key}"

    def _keys_to_send(self) -> tuple[OwnKey, PublicKey]:
        try:
            return self.keys.own(), self.keys.peer()
        except KeyRejected as error:
            raise ConfigurationError(
                f"部级平台的密钥不能使用：{error.message}", hint=error.hint, details=error.details
            ) from error

    def _opened(self, sealed: codec.Sealed) -> JsonObject:
        """The request went out with these keys; that they are gone, or their device, says nothing about its
        fate. Raises CryptoError, AnswerRejected."""
        try:
            return self._opened_by_any(sealed)
        except ConfigurationError as error:
            raise CryptoError("收到应答，但密钥已不可用", hint=error.hint, details=error.details) from error

    def _opened_by_any(self, sealed: codec.Sealed) -> JsonObject:
        """By the present keys; while a former generation is kept, by that too."""
        layout, own, peer = self.settings.sm2_layout, self.keys.own(), self.keys.peer()
        try:
            return codec.open_data(sealed, own, peer, layout)
        except CryptoError:
            for other, its in self.keys.former_pairs():
                try:
                    return codec.open_data(sealed, other, its, layout)
                except CryptoError:
                    continue
            raise
