"""A submission becomes messages: judged, put into the document's form, split, scoped."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime

from agent.catalog import Catalog
from agent.clock import BEIJING
from agent.events import Plan, Submission
from agent.protocol.deadlines import deadlines_of
from agent.protocol.drafts import drafts_of
from agent.protocol.judging import judge
from agent.protocol.planning import specification
from plugins.ministry.rules import RULES


def plan(catalog: Catalog, submission: Submission, today: datetime, lane: str, skipped: Set[str]) -> Plan:
    """The messages of a submission on ``lane``. Raises SubmissionInvalid with every fault."""
    spec = specification(catalog, submission)
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
