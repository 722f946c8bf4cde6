"""GYD053, the inquiry about an earlier transaction, and what its answers prove (document, GYD053).

HISDATA is the stored answer DATA of the transaction asked about (anomalies M40). Only what the document
or the settings call "never seen" counts as absent: anything else decides nothing.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Final

from agent.catalog.model import TransactionSpec
from agent.errors import AnswerRejected
from agent.events import Conclusion, Draft, Finding, JsonObject, Outcome, Verdict
from agent.protocol.answers import read_embedded, tidy
from plugins.ministry.outcomes import DONE, business_outcome

_UNDECIDED: Final = Conclusion(Finding.UNDECIDED)
_ABSENT: Final = Conclusion(Finding.ABSENT)
_FINAL: Final = (Verdict.ACCEPTED, Verdict.PARTIAL, Verdict.REJECTED)


def inquiry_data(transaction: str, refid: str) -> JsonObject:
    """The business data that asks about the attempt ``refid`` of a ``transaction``."""
    return {"hisrefid": refid, "busitype": transaction}


def conclude(spec: TransactionSpec, draft: Draft, answer: Outcome, absent: Set[str]) -> Conclusion:
    """What the outcome of a GYD053 proves about ``draft``; ``absent`` are the codes for "never seen"."""
    if answer.code in absent:
        return _ABSENT
    if answer.verdict is not Verdict.ACCEPTED or answer.code != DONE:
        return _UNDECIDED
    stored = answer.data.get("hisdata")
    if stored in (None, "", {}):
        return _ABSENT
    return _found(spec, draft, read_embedded(stored))


def _found(spec: TransactionSpec, draft: Draft, stored: JsonObject | None) -> Conclusion:
    if stored is None:
        return _UNDECIDED
    if not stored:
        return _ABSENT
    try:
        outcome = business_outcome(spec, draft, tidy(stored))
    except AnswerRejected:
        return _UNDECIDED
    if outcome.verdict is Verdict.RETRY:
        # The stored answer itself says "not processed": the attempt took no effect.
        return _ABSENT
    if outcome.verdict not in _FINAL:
        return _UNDECIDED
    return Conclusion(Finding.FOUND, replace(outcome, settled_by="inquiry"))
