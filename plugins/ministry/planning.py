"""A submission becomes messages: judged, put into the document's form, split, scoped."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime

from agent.catalog import Catalog, TransactionSpec, examine
from agent.clock import BEIJING
from agent.errors import Fault, SubmissionInvalid
from agent.events import Plan, Scope, Submission
from agent.protocol.deadlines import deadlines_of
from agent.protocol.drafts import drafts_of
from agent.protocol.judging import judge, readable_part
from agent.protocol.scopes import scopes_of
from plugins.ministry.rules import RULES


def plan(catalog: Catalog, submission: Submission, today: datetime, lane: str, skipped: Set[str]) -> Plan:
    """The messages of a submission on ``lane``. Raises SubmissionInvalid with every fault."""
    spec = _specification(catalog, submission)
    normal = judge(
        spec,
        submission.data,
        today.astimezone(BEIJING).date(),
        RULES,
        skipped=skipped,
    )
    return Plan(
        drafts=drafts_of(spec, normal.data, lane, deadlines_of(spec, submission.occurred_at or today)),
        normalised=normal.data,
        warnings=normal.warnings,
    )


def scopes(catalog: Catalog, submission: Submission) -> tuple[Scope, ...]:
    """What a submission with faults was about, as far as it can be read."""
    if submission.transaction not in catalog:
        return ()
    spec = catalog.transaction(submission.transaction)
    readable = readable_part(spec, submission.data, examine(spec, submission.data).faults)
    return scopes_of(spec, readable) if readable is not None else ()


def _specification(catalog: Catalog, submission: Submission) -> TransactionSpec:
    if submission.transaction not in catalog:
        raise SubmissionInvalid(
            [Fault("/transaction", "unknown_transaction", "本系统没有这个交易编号，请核对 transaction")]
        )
    return catalog.transaction(submission.transaction)
