"""The number of a statement that was begun (PCH), when the platform says that ours is not it.

RE1169 (go on with the number that succeeded) and RE1170 (no number yet) refuse a call. Neither may lead to a
second number, so GYD053 is asked about the statement's first call: its stored answer has the number, and the
next call of the HIS goes out with that. Only where RE1170 and the stored answer both say that nothing was
begun is the number forgotten, and what was added up under it.

Facts: ``statement_call`` (by institution and month: the REFID of the first accepted call, until the statement
is done), ``statement_asked`` (by GYU003, member: that REFID; what is to be asked, until it is answered).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from agent import jsontext
from agent.events import Draft, Duty, Forget, History, Identifier, JsonObject, Outcome, Submission, Verdict
from agent.protocol.answers import read_embedded, tidy
from agent.protocol.values import key_of, text_of
from plugins.ministry.agreeing import PART

STATEMENT: Final = "GYU003"
QUESTION: Final = "GYD053"
GO_ON: Final = "RE1169"
NONE_YET: Final = "RE1170"
BATCH: Final = "batch"
FIRST: Final = "statement_call"
ASKED: Final = "statement_asked"
EVERY_S: Final = 5.0

_AGAIN: Final = timedelta(minutes=10)
_TAKEN: Final = (Verdict.ACCEPTED, Verdict.PARTIAL)
_KEY: Final = ("akb020", "aae002")


def informed(draft: Draft, history: History) -> Draft:
    """At its claim: a statement's call with the REFID of the first one, a question with what it is about."""
    if draft.transaction == STATEMENT:
        first = history.value(FIRST, key_of(_KEY, draft.body)) or ""
        return replace(draft, memo={**draft.memo, FIRST: first})
    if draft.transaction == QUESTION:
        about = history.value(ASKED, (STATEMENT,), text_of(draft.body.get("hisrefid")))
        return replace(draft, memo={**draft.memo, ASKED: jsontext.read(about)}) if about else draft
    return draft


def remembered(draft: Draft, outcome: Outcome, wire_id: str) -> Outcome:
    """The outcome with what it says of the number of a statement."""
    if draft.transaction == STATEMENT:
        return _called(draft, outcome, wire_id)
    if draft.transaction == QUESTION and ASKED in draft.memo:
        return _answered(draft, outcome)
    return outcome


def duties(history: History, now: datetime) -> Iterator[Duty]:
    """What is to be asked; once more when a question came to nothing."""
    for refid, text in history.values(ASKED, (STATEMENT,)).items():
        asked = jsontext.read_object(text)
        if asked["since"] and now - datetime.fromisoformat(asked["since"]) < _AGAIN:
            continue
        data = {"hisrefid": refid, "busitype": STATEMENT}
        question = Submission("ministry", QUESTION, "", data, occurred_at=now, internal=True)
        begun = _question(refid, {**asked, "since": now.isoformat()})
        yield Duty(f"statement-number/{refid}", question, given=(begun,))


def _called(draft: Draft, outcome: Outcome, wire_id: str) -> Outcome:
    key, first = key_of(_KEY, draft.body), text_of(draft.memo.get(FIRST))
    if outcome.verdict in _TAKEN:
        if text_of(outcome.data.get("aaz215")):
            return replace(outcome, forgotten=(*outcome.forgotten, Forget(FIRST, key)))
        if first or not wire_id:
            return outcome
        return replace(outcome, identifiers=(*outcome.identifiers, Identifier(FIRST, key, wire_id)))
    if outcome.verdict is Verdict.REJECTED and outcome.code in (GO_ON, NONE_YET) and first:
        asked = _question(first, {"of": list(key), "code": outcome.code, "since": ""})
        return replace(outcome, identifiers=(*outcome.identifiers, asked))
    return outcome


def _answered(draft: Draft, outcome: Outcome) -> Outcome:
    """Any answer ends the question; none leaves it to be asked again."""
    if outcome.verdict not in (Verdict.ACCEPTED, Verdict.REJECTED):
        return outcome
    asked = draft.memo[ASKED]
    key, over = tuple(asked["of"]), Forget(ASKED, (STATEMENT,), text_of(draft.body["hisrefid"]))
    stored = outcome.data.get("hisdata") if outcome.verdict is Verdict.ACCEPTED else None
    answer = tidy(read_embedded(stored) or {}) if stored else {}
    number = text_of(answer.get("pch"))
    if number:
        found = Identifier(BATCH, key, number)
        return replace(
            outcome, identifiers=(*outcome.identifiers, found), forgotten=(*outcome.forgotten, over)
        )
    gone = (BATCH, FIRST, PART) if _nothing_begun(asked, outcome, answer) else ()
    forgotten = (*outcome.forgotten, over, *(Forget(kind, key) for kind in gone))
    return replace(outcome, forgotten=forgotten)


def _nothing_begun(asked: JsonObject, outcome: Outcome, answer: JsonObject) -> bool:
    return asked["code"] == NONE_YET and outcome.verdict is Verdict.ACCEPTED and not answer


def _question(refid: str, asked: JsonObject) -> Identifier:
    return Identifier(ASKED, (STATEMENT,), jsontext.write(asked), refid)
