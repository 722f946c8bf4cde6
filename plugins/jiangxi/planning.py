"""A submission becomes messages: completed, judged, put into the document's form, split, scoped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from agent.catalog import Catalog, TransactionSpec, examine
from agent.catalog.values import is_slot
from agent.clock import BEIJING
from agent.errors import SubmissionInvalid
from agent.events import Draft, Hold, JsonObject, Need, Plan, Scope, Submission
from agent.protocol.deadlines import deadlines_of
from agent.protocol.drafts import drafts_of
from agent.protocol.judging import Normal, judge
from agent.protocol.planning import readable_scopes, specification
from agent.protocol.scopes import OBSERVING_KINDS
from plugins.jiangxi.advice import odd_rows
from plugins.jiangxi.facts import PLANNED, REGISTRATIONS
from plugins.jiangxi.preparing import OWN_NUMBER, UNNUMBERED, VISIT, Prepared, prepare
from plugins.jiangxi.rules import FEES, RULES, TRACES
from plugins.jiangxi.settings import Settings

ADMISSION: Final = "admission"
"""The scope of a visit by the HIS's own number (catalog, ZY001)."""


def plan(catalog: Catalog, submission: Submission, today: datetime, settings: Settings) -> Plan:
    """The messages of a submission. Raises SubmissionInvalid with every fault."""
    spec = specification(catalog, submission)
    if not isinstance(submission.data, dict):
        raise SubmissionInvalid(examine(spec, submission.data).faults)
    prepared = prepare(spec, submission.data, settings)
    normal = _judged(spec, prepared, today, settings)
    deadlines = deadlines_of(spec, submission.occurred_at or today)
    drafts = drafts_of(limited(spec, settings), normal.data, prepared.institution, deadlines)
    return Plan(
        drafts=tuple(_finished(spec, draft, prepared, today) for draft in drafts),
        normalised={**normal.data, **prepared.extra},
        warnings=(*normal.warnings, *odd_rows(spec, normal.data)),
    )


def scopes(catalog: Catalog, submission: Submission, settings: Settings) -> tuple[Scope, ...]:
    """What a submission with faults was about, as far as it can be read."""
    if submission.transaction not in catalog or not isinstance(submission.data, dict):
        return ()
    spec = catalog.transaction(submission.transaction)
    prepared = prepare(spec, submission.data, settings)
    if prepared.faults:
        return ()
    found = readable_scopes(catalog, replace(submission, data=prepared.data))
    return (*found, *_own_scopes(spec, prepared.data, prepared))


def limited(spec: TransactionSpec, settings: Settings) -> TransactionSpec:
    """The document gives no limit for lists (anomalies J33)."""
    rows = settings.rows_per_message
    return replace(spec, max_rows=rows) if spec.list and rows else spec


def recount(spec: TransactionSpec, body: JsonObject) -> JsonObject:
    """listsize and totalFee of the rows that a message carries."""
    if not spec.list:
        return body
    rows = body[spec.list]
    counted = {**body, "listsize": str(len(rows))}
    if "totalFee" in body:
        counted["totalFee"] = f"{sum((Decimal(row['akc264']) for row in rows), Decimal(0)):.2f}"
    return counted


def _judged(spec: TransactionSpec, prepared: Prepared, today: datetime, settings: Settings) -> Normal:
    """Raises SubmissionInvalid with the faults of the agent's own demands, the catalog and the rules."""
    try:
        day = today.astimezone(BEIJING).date()
        normal = judge(spec, prepared.data, day, RULES, skipped=settings.skip_rules, slots=True)
    except SubmissionInvalid as invalid:
        raise SubmissionInvalid([*prepared.faults, *invalid.faults]) from None
    if prepared.faults:
        raise SubmissionInvalid(prepared.faults)
    return normal


def _finished(spec: TransactionSpec, draft: Draft, prepared: Prepared, today: datetime) -> Draft:
    body = recount(spec, draft.body)
    memo: JsonObject = {PLANNED: f"{today.astimezone(BEIJING):%Y%m%d}"}
    if is_slot(body.get(VISIT)):
        memo[UNNUMBERED] = True
    return replace(
        draft,
        body=body,
        scopes=(*draft.scopes, *_own_scopes(spec, body, prepared)),
        needs=tuple(_needs_of(body, prepared)),
        memo={**memo, OWN_NUMBER: prepared.own_number} if prepared.own_number else memo,
    )


def _own_scopes(spec: TransactionSpec, body: JsonObject, prepared: Prepared) -> Iterator[Scope]:
    """A visit that the agent knows by the HIS's number alone, and one that is being registered under it."""
    unnumbered = is_slot(body.get(VISIT))
    opening = spec.code in REGISTRATIONS and spec.code != "ZY001"
    if prepared.own_number and (unnumbered or opening):
        hold = Hold.OBSERVER if spec.kind in OBSERVING_KINDS else Hold.EXCLUSIVE
        yield Scope(ADMISSION, (prepared.institution, prepared.own_number), hold)


def _needs_of(body: JsonObject, prepared: Prepared) -> Iterator[Need]:
    """Only the needs whose slots stand in this part of the submission."""
    wanted = set(_slots_in(body))
    return (need for need in prepared.needs if need.slot in wanted)


def _slots_in(body: JsonObject) -> Iterator[str]:
    rows = [*body.get(FEES, ()), *body.get(TRACES, ())]
    for holder in (body, *rows):
        yield from (value["$slot"] for value in holder.values() if is_slot(value))
