"""Jiangxi's protocol adapter: joins planning, flow, codec, outcomes and inquiry behind the border."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from agent.catalog import Catalog, load_catalog
from agent.errors import ConfigurationError
from agent.events import (
    Completion,
    Conclusion,
    Debt,
    Draft,
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
    WaitItem,
)
from agent.hookspecs import KeySource
from agent.protocol.completing import Unaided
from plugins.jiangxi import awaiting, codec, debts, flow, inquiry, outcomes, planning
from plugins.jiangxi.settings import Settings, read_settings

_PROBE: Final = "CX001"


def jiangxi_catalog() -> Catalog:
    return load_catalog("plugins.jiangxi.catalog")


def build(options: Mapping[str, Any], _source: KeySource) -> JiangxiAdapter:
    """The adapter for the configured institutions; the province signs and seals nothing, so there are no
    keys. Raises ConfigurationError."""
    return JiangxiAdapter(jiangxi_catalog(), read_settings(options))


@dataclass(frozen=True, slots=True)
class JiangxiAdapter(Unaided):
    """One lane per institution, named by its akb020 (ProtocolAdapter)."""

    catalog: Catalog
    settings: Settings

    def awaited(self, submission: Submission, reading: Reading | None) -> Submission:
        return awaiting.awaited(submission, reading)

    def items(self, submission: Submission) -> tuple[WaitItem, ...]:
        return awaiting.items(submission)

    def plan(self, submission: Submission, today: datetime) -> Plan:
        return planning.plan(self.catalog, submission, today, self.settings)

    def scopes(self, submission: Submission) -> tuple[Scope, ...]:
        return planning.scopes(self.catalog, submission, self.settings)

    def lanes(self) -> tuple[str, ...]:
        return tuple(self.settings.institutions)

    def complete(self, draft: Draft, history: History, *, forced: bool) -> Completion:
        return flow.complete(draft, history, forced=forced)

    def series(self, draft: Draft) -> tuple[Series, ...]:
        return (Series(_series_of(draft.lane), codec.SERIAL_DIGITS, daily=True),)

    def stamp(self, draft: Draft, serials: Mapping[str, int], now: datetime) -> Mapping[str, str]:
        return {"wire_id": codec.write_jylsh(draft.lane, now, serials[_series_of(draft.lane)])}

    def encode(self, draft: Draft, ids: Mapping[str, str], now: datetime) -> Request:
        safeinfo = self.settings.institutions.get(draft.lane)
        if safeinfo is None:
            raise ConfigurationError(
                f"配置 institutions 中没有机构 {draft.lane}，它的业务不能发送",
                hint="请在该系统的配置 institutions 中恢复这个机构后重新启动",
                details={"system": "jiangxi", "lane": draft.lane},
            )
        return codec.write_request(self.settings.url, safeinfo, draft.transaction, ids["wire_id"], draft.body)

    def interpret(self, draft: Draft, ids: Mapping[str, str], response: Response) -> Outcome:
        spec = self.catalog.transaction(draft.transaction)
        return outcomes.outcome_of(spec, draft, ids, response, self.settings)

    def resolved(self, draft: Draft, ids: Mapping[str, str], data: JsonObject) -> Outcome:
        spec = self.catalog.transaction(draft.transaction)
        return outcomes.resolved(spec, draft, ids, data, self.settings)

    def inquire(self, draft: Draft, ids: Mapping[str, str]) -> Draft | None:
        return inquiry.question_about(self.catalog, draft)

    def conclude(self, draft: Draft, ids: Mapping[str, str], answer: Outcome) -> Conclusion:
        return inquiry.conclude(self.catalog, draft, ids, answer, self.settings)

    def debts(self, history: History) -> tuple[Debt, ...]:
        return debts.debts(self.settings.institutions, history)

    def probe(self, lane: str) -> Draft | None:
        """CX001 about a visit that nobody has: an answer of any kind shows that the endpoint works."""
        spec = self.catalog.transaction(_PROBE)
        body = {field.code: "" for field in spec.request} | {"akb020": lane, "akc190": "0" * 18}
        return Draft(_PROBE, lane, body, parallel=True, harmless=True, blocks=False, blockable=False)


def _series_of(akb020: str) -> str:
    return f"jylsh/{akb020}"
