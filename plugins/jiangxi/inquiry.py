"""What became of a call: CX001, CX002 and CX004 list what is there, and what that proves.

FY001    CX002    all of its details there: accepted; none: never arrived; some: the rest follows
JY001    CX002    its detail, or any of the visit, still there: not done
FY005    CX001    the visit among the settled ones
KF002    CX001    the same
JY002    CX001    the visit no longer among them
SQ001    CX004    an application of the same day, category and diagnosis (anomalies J28)

The agent never sends a JY001 without bke384 of its own accord: it would take the whole stay back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Final

from agent.catalog.model import Catalog, TransactionSpec
from agent.events import Conclusion, Draft, Finding, JsonObject, Outcome, RowOutcome, Verdict
from agent.protocol.drafts import drafts_of
from agent.protocol.matching import sent_rows
from agent.protocol.values import text_of
from plugins.jiangxi.facts import UNDOES, day_of
from plugins.jiangxi.outcomes import accepted, row_keys
from plugins.jiangxi.planning import recount
from plugins.jiangxi.preparing import INSTITUTION, VISIT
from plugins.jiangxi.rules import FEES
from plugins.jiangxi.settings import Settings

_UNDECIDED: Final = Conclusion(Finding.UNDECIDED)
_ABSENT: Final = Conclusion(Finding.ABSENT)
_UNDO_REASON: Final = "费用上传中断，撤销已到达的明细"
_LATER: Final = "本行没有到达平台，已另行补传"
_UNDONE: Final = "上传中断，本次上传已撤销，请重新提交"


def question_about(catalog: Catalog, draft: Draft) -> Draft | None:
    """The query that asks about a call; None where the document has none."""
    spec = catalog.transaction(draft.transaction)
    if not spec.inquiry:
        return None
    asked = catalog.transaction(spec.inquiry)
    given = {**draft.body, INSTITUTION: text_of(draft.body.get(INSTITUTION)) or draft.lane}
    body = {each.code: given.get(each.code, "") if each.code in _ASKED else "" for each in asked.request}
    return Draft(spec.inquiry, draft.lane, body, harmless=True, blocks=False, blockable=False)


_ASKED: Final = (INSTITUTION, VISIT, "alc005")


def conclude(
    catalog: Catalog, draft: Draft, ids: Mapping[str, str], answer: Outcome, settings: Settings
) -> Conclusion:
    """What the outcome of :func:`question_about` proves."""
    judge = _JUDGES.get(draft.transaction)
    if judge is None or answer.verdict is not Verdict.ACCEPTED:
        return _UNDECIDED
    rows = answer.data.get("outputlist", [])
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        return _UNDECIDED
    return judge(_Case(catalog, draft, ids, settings), rows)


class _Case:
    """A call in doubt."""

    def __init__(self, catalog: Catalog, draft: Draft, ids: Mapping[str, str], settings: Settings) -> None:
        self.spec: TransactionSpec = catalog.transaction(draft.transaction)
        self.catalog, self.draft, self.ids, self.settings = catalog, draft, ids, settings

    @property
    def visit(self) -> str:
        return text_of(self.draft.body.get(VISIT))

    def found(self, data: JsonObject | None = None) -> Conclusion:
        outcome = accepted(self.spec, self.draft, self.ids, data or {}, self.settings, "inquiry")
        return Conclusion(Finding.FOUND, outcome)


# -- FY001 ------------------------------------------------------------------------------------------------
def _uploaded(case: _Case, rows: list[JsonObject]) -> Conclusion:
    there = {text_of(row.get("bke384")) for row in rows}
    sent = sent_rows(case.spec, case.draft.body)
    missing = [place for place, row in enumerate(sent) if text_of(row.get("bke384")) not in there]
    if not missing:
        return case.found(_amounts_of(sent, rows))
    if len(missing) == len(sent):
        return _ABSENT
    outcome = _undone(case, missing) if case.settings.undo_partial else _finished(case, missing)
    return Conclusion(Finding.PARTLY, outcome)


def _amounts_of(sent: list[JsonObject], rows: list[JsonObject]) -> JsonObject:
    """What FY001 would have answered: the sums over its own details; {} where a sum cannot be made."""
    own = {text_of(row.get("bke384")) for row in sent}
    told = [row for row in rows if text_of(row.get("bke384")) in own]
    try:
        sums = {name: sum(Decimal(text_of(row.get(code))) for row in told) for name, code in _AMOUNTS.items()}
    except InvalidOperation:
        return {}
    return {name: f"{amount:.2f}" for name, amount in sums.items()}


def _finished(case: _Case, missing: list[int]) -> Outcome:
    """What arrived is accepted, the rest follows in messages of its own: one for each run of rows."""
    sent = sent_rows(case.spec, case.draft.body)
    arrived = replace(case.draft, body={**case.draft.body, FEES: _without(sent, missing)})
    outcome = accepted(case.spec, arrived, case.ids, {}, case.settings, "inquiry")
    fates = tuple(
        RowOutcome(place, "", _LATER, accepted=False, data=row_keys(row))
        if place in set(missing)
        else RowOutcome(place, outcome.code, "", accepted=True, data=row_keys(row))
        for place, row in enumerate(sent)
    )
    follow_ups = tuple(_rest(case, run) for run in _runs(missing))
    return replace(outcome, rows=fates, follow_ups=follow_ups)


def _rest(case: _Case, run: list[int]) -> Draft:
    sent = sent_rows(case.spec, case.draft.body)
    begin = case.draft.rows[0] if case.draft.rows else 0
    body = recount(case.spec, {**case.draft.body, FEES: [sent[place] for place in run]})
    return replace(case.draft, body=body, rows=(begin + run[0], begin + run[-1] + 1), needs=())


def _undone(case: _Case, missing: list[int]) -> Outcome:
    """What arrived is taken back, detail by detail."""
    sent = sent_rows(case.spec, case.draft.body)
    fates = tuple(
        RowOutcome(place, "", _UNDONE, accepted=False, data=row_keys(row)) for place, row in enumerate(sent)
    )
    deletion = case.catalog.transaction("JY001")
    head = {code: text_of(case.draft.body.get(code)) for code in (INSTITUTION, VISIT)}
    bodies = [
        {**head, "bke384": text_of(row.get("bke384")), "aae186": _UNDO_REASON}
        for row in _without(sent, missing)
    ]
    drafts = tuple(
        replace(draft, memo={UNDOES: True})
        for body in bodies
        for draft in drafts_of(deletion, body, case.draft.lane)
    )
    return Outcome(
        Verdict.PARTIAL,
        message=_UNDONE,
        rows=fates,
        refused=case.draft.scopes,
        follow_ups=drafts,
        settled_by="inquiry",
    )


def _without(rows: list[JsonObject], places: list[int]) -> list[JsonObject]:
    gone = set(places)
    return [row for place, row in enumerate(rows) if place not in gone]


def _runs(places: list[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] + 1 == place:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


# -- the others ---------------------------------------------------------------------------------------------
def _deleted(case: _Case, rows: list[JsonObject]) -> Conclusion:
    there = {text_of(row.get("bke384")) for row in rows}
    one = text_of(case.draft.body.get("bke384"))
    return _ABSENT if (one in there if one else there) else case.found()


def _settled(case: _Case, rows: list[JsonObject]) -> Conclusion:
    for row in rows:
        if text_of(row.get(VISIT)) == case.visit:
            return case.found({name: row.get(told, "") for name, told in _AMOUNTS.items()})
    return _ABSENT


_AMOUNTS: Final[Mapping[str, str]] = {
    "allowFee": "cka319",
    "selfFee": "ake051",
    "quotaFee": "akc268",
    "totalFee": "akc264",
}


def _refunded(case: _Case, rows: list[JsonObject]) -> Conclusion:
    listed = any(text_of(row.get(VISIT)) == case.visit for row in rows)
    return _ABSENT if listed else case.found()


def _applied(case: _Case, rows: list[JsonObject]) -> Conclusion:
    """Applications have no number. One without a diagnosis may be this one or another."""
    asked = {code: text_of(case.draft.body.get(code)) for code in ("bke107", "alc083")}
    day = day_of(case.draft, case.ids.get("wire_id", ""))
    same = [
        row
        for row in rows
        if text_of(row.get("aae036")) >= day and text_of(row.get("bke107")) == asked["bke107"]
    ]
    if any(text_of(row.get("alc083")) == asked["alc083"] for row in same):
        return case.found()
    return _UNDECIDED if any(not text_of(row.get("alc083")) for row in same) else _ABSENT


_JUDGES: Final[Mapping[str, Callable[[_Case, list[JsonObject]], Conclusion]]] = {
    "FY001": _uploaded,
    "JY001": _deleted,
    "FY005": _settled,
    "KF002": _settled,
    "JY002": _refunded,
    "SQ001": _applied,
}
