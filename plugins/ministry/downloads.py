"""What follows a download: its page becomes a file, is confirmed, and leads to the next call.

A draft that the agent owns carries in its memo how to go on after its answer (``step``):

========== ==========================================================================================
``page``   a page of a download: the file; gated by it GYU008; the next page while it was full; what
           its rows refer to (``THEN``); their attachments where that is configured. RE1135, pages that
           are handed out and not confirmed, leads to ``open`` first
``open``   GYD008, what is handed out and not confirmed: the file of what is not known to be on disk,
           GYU008 for all of it, and again until nothing is left
``confirm`` GYU008: what was waiting for it is forgotten
``file``   a query whose answer is a file of its own: GYD104, GYD054
========== ==========================================================================================

Until GYU008 is accepted, a fact (``unconfirmed``) says which DOWNNOs are on disk, so that GYD008 puts no
record there twice. A refusal in one of these steps cancels none of the others. GYD104 needs no GYU008 (M39).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from agent import jsontext
from agent.catalog import Catalog, TransactionSpec, normalise
from agent.clock import BEIJING
from agent.events import (
    Draft,
    Forget,
    History,
    Identifier,
    JsonObject,
    Outcome,
    Scope,
    Verdict,
)
from agent.protocol.answers import read_embedded, tidy
from agent.protocol.deadlines import deadlines_of
from agent.protocol.scopes import scopes_of
from agent.protocol.values import text_of
from plugins.ministry.pages import (
    attachment_file,
    attachment_numbers,
    page_file,
    record_number,
    rows_of,
    told,
)
from plugins.ministry.referred import MODES, THEN

FEEDBACK: Final = "GYU008"
UNCONFIRMED: Final = "GYD008"
ATTACHMENT: Final = "GYD054"
BY_PERSON: Final = "GYD104"
CONFIRM_FIRST: Final = "RE1135"
FACT: Final = "unconfirmed"

PAGES_AT_MOST: Final = 1000
"""Of one run: a platform that hands out the same page for ever fills no disk."""

_STUCK: Final = "平台对已反馈的下载记录仍按未反馈返回，请联系平台核对；本次下载停止"
_ANY_DAY: Final = datetime(2000, 1, 1, tzinfo=BEIJING)
"""The deadline of GYU008 is counted in minutes, whatever the day."""


@dataclass(frozen=True, slots=True)
class Downloads:
    """How downloads of one access key go on. ``roles`` are ``insured`` and ``treating``; without one the
    agent owns no download: a page that a HIS asks for is its answer, and the HIS confirms it."""

    catalog: Catalog
    province: str
    roles: tuple[str, ...] = ()
    attachments: bool = False

    def owned(self, draft: Draft, *, internal: bool) -> Draft:
        """A planned draft with its step, where the agent is to go on after its answer."""
        kind = self.catalog.transaction(draft.transaction).kind
        if kind == "download" and self.roles:
            return _bound(draft, {"step": "page", "page": 1})
        if not internal:
            return draft
        if draft.transaction == UNCONFIRMED:
            of = draft.body["hisbusitype"]
            return self._open(draft.lane, of, then=None, page=1)
        if draft.transaction in (BY_PERSON, ATTACHMENT):
            return _bound(draft, {"step": "file"})
        return _bound(draft, {})

    def informed(self, draft: Draft, history: History) -> Draft:
        """At its claim: an ``open`` step with the DOWNNOs that are on disk and not known to be confirmed."""
        if draft.memo.get("step") != "open":
            return draft
        facts = history.values(FACT, (draft.memo["of"],))
        known = {member: jsontext.read(value) for member, value in facts.items()}
        return replace(draft, memo={**draft.memo, "known": known})

    def proceed(self, draft: Draft, outcome: Outcome, ids: Mapping[str, str]) -> Outcome:
        """The outcome with what it leads to. Raises AnswerRejected for rows that are none."""
        steps: Mapping[str, Callable[[Draft, Outcome, str], Outcome]] = {
            "page": self._page,
            "open": self._opened,
            "confirm": _confirmed,
            "file": _filed,
        }
        step = steps.get(str(draft.memo.get("step", "")))
        return outcome if step is None else step(draft, outcome, ids["wire_id"])

    # -- a page ---------------------------------------------------------------------------------
    def _page(self, draft: Draft, outcome: Outcome, wire_id: str) -> Outcome:
        memo, spec = draft.memo, self.catalog.transaction(draft.transaction)
        if outcome.code == CONFIRM_FIRST and not memo.get("confirmed"):
            first = self._open(draft.lane, draft.transaction, then=draft.body, page=memo["page"])
            return replace(outcome, verdict=Verdict.ACCEPTED, already_there=False, follow_ups=(first,))
        if outcome.verdict is not Verdict.ACCEPTED:
            return outcome
        rows = rows_of(outcome.data)
        if not rows:
            return replace(outcome, data=told(outcome.data, 0))
        page = page_file(draft.transaction, wire_id, outcome.data, page=memo["page"])
        facts, feedback = self._feedback(draft.lane, draft.transaction, rows, wire_id)
        following = [*feedback]
        if len(rows) >= (spec.max_rows or len(rows) + 1) and _more(draft):
            following.append(replace(draft, apart=False, memo={"step": "page", "page": memo["page"] + 1}))
        modes = (draft.body["dlmode"],) if draft.body.get("dlmode") else self._modes()
        following += self._referred(draft.lane, draft.transaction, rows, modes)
        return replace(
            outcome,
            data=told(outcome.data, len(rows), page),
            downloads=(page,),
            identifiers=(*outcome.identifiers, *facts),
            follow_ups=tuple(following),
        )

    def _feedback(
        self, lane: str, of: str, rows: Sequence[JsonObject], wire_id: str, done: Sequence[str] = ()
    ) -> tuple[list[Identifier], list[Draft]]:
        """GYU008 for these rows, gated, and the facts that hold until it is accepted."""
        spec = self.catalog.transaction(FEEDBACK)
        numbers = [number for row in rows if (number := record_number(row))]
        limit = spec.max_rows or len(numbers)
        facts: list[Identifier] = []
        drafts: list[Draft] = []
        for start in range(0, len(numbers), limit):
            part = numbers[start : start + limit]
            member = wire_id if start == 0 else f"{wire_id}.{start}"
            last = start + limit >= len(numbers)
            facts.append(Identifier(FACT, (of,), jsontext.write(part), member))
            memo = {"step": "confirm", "of": of, "done": [member, *(done if last else ())]}
            body = {"datalist": [{"busitype": of, "downno": number} for number in part]}
            draft = self._draft(spec, lane, body, memo)
            drafts.append(replace(draft, gated=True, deadlines=deadlines_of(spec, _ANY_DAY)))
        return facts, drafts

    def _referred(
        self, lane: str, of: str, rows: Sequence[JsonObject], modes: Sequence[str]
    ) -> Iterator[Draft]:
        """Each with a place of its own, so that its page and its feedback stay together."""
        then = THEN.get(of)
        if then is not None:
            spec = self.catalog.transaction(then.transaction)
            for body in then.bodies(rows, modes, self.province):
                yield replace(self._draft(spec, lane, body, {"step": "page", "page": 1}), apart=True)
        if self.attachments:
            spec = self.catalog.transaction(ATTACHMENT)
            for number in attachment_numbers(rows):
                draft = self._draft(spec, lane, {"aaa726": number}, {"step": "file"})
                yield replace(draft, apart=True, parallel=True, harmless=True)

    # -- what is not confirmed ------------------------------------------------------------------
    def _open(
        self, lane: str, of: str, *, then: JsonObject | None, page: int, seen: Sequence[str] = ()
    ) -> Draft:
        """It leads to GYU008, so it takes its turn among the calls of the download itself."""
        memo: JsonObject = {"step": "open", "of": of, "then": then, "page": page, "seen": list(seen)}
        draft = self._draft(self.catalog.transaction(UNCONFIRMED), lane, {"hisbusitype": of}, memo)
        return replace(draft, scopes=(Scope("download", (of,)),), harmless=True)

    def _opened(self, draft: Draft, outcome: Outcome, wire_id: str) -> Outcome:
        if outcome.verdict is not Verdict.ACCEPTED:
            return outcome
        memo, of = draft.memo, str(draft.memo["of"])
        page: JsonObject = tidy(read_embedded(outcome.data.get("cqdata")) or {})
        rows = rows_of(page)
        if not rows:
            then = self._then(draft)
            return replace(
                outcome,
                data=told(outcome.data, 0),
                forgotten=(*outcome.forgotten, Forget(FACT, (of,))),
                follow_ups=() if then is None else (then,),
            )
        numbers = {record_number(row) for row in rows}
        if not numbers.isdisjoint(memo["seen"]):
            return replace(outcome, verdict=Verdict.REJECTED, code=CONFIRM_FIRST, message=_STUCK)
        return self._recovered(draft, outcome, wire_id, page, rows)

    def _recovered(
        self, draft: Draft, outcome: Outcome, wire_id: str, page: JsonObject, rows: list[JsonObject]
    ) -> Outcome:
        memo, of = draft.memo, str(draft.memo["of"])
        known: Mapping[str, Sequence[str]] = memo.get("known", {})
        on_disk = {number for numbers in known.values() for number in numbers}
        numbers = [record_number(row) for row in rows]
        fresh = [row for row, number in zip(rows, numbers, strict=True) if number not in on_disk]
        done = [member for member, had in known.items() if not set(numbers).isdisjoint(had)]
        facts, feedback = self._feedback(draft.lane, of, rows, wire_id, done)
        file = None
        if fresh:
            file = page_file(of, wire_id, {**page, "datalist": fresh}, page=memo["page"], recovered=True)
        seen = [*memo["seen"], *numbers]
        more = self._open(draft.lane, of, then=memo["then"], page=memo["page"], seen=seen)
        referred = self._referred(draft.lane, of, fresh, self._modes())
        return replace(
            outcome,
            data=told(outcome.data, len(fresh), file),
            downloads=(file,) if file else (),
            identifiers=(*outcome.identifiers, *facts),
            follow_ups=(*feedback, more, *referred),
        )

    def _then(self, draft: Draft) -> Draft | None:
        """The call that was refused before: once more, and refused again it is refused."""
        body = draft.memo["then"]
        if body is None:
            return None
        spec = self.catalog.transaction(str(draft.memo["of"]))
        memo = {"step": "page", "page": draft.memo["page"], "confirmed": True}
        return self._draft(spec, draft.lane, body, memo)

    def _modes(self) -> tuple[str, ...]:
        return tuple(MODES[role] for role in self.roles)

    def _draft(self, spec: TransactionSpec, lane: str, body: JsonObject, memo: JsonObject) -> Draft:
        normal = normalise(spec, body)
        draft = Draft(spec.code, lane, normal, scopes=scopes_of(spec, normal), interactive=False)
        return _bound(draft, memo)


def _bound(draft: Draft, memo: JsonObject) -> Draft:
    """Its refusal concerns nobody: the next run asks again. So does this one after a doubt, and no lane is
    held by an inquiry: a page that was lost leads to RE1135, and to confirm twice is to confirm once."""
    return replace(
        draft, memo=memo, blocks=False, blockable=False, cancels=False, interactive=False, repeatable=True
    )


def _confirmed(draft: Draft, outcome: Outcome, _wire_id: str) -> Outcome:
    if outcome.verdict is not Verdict.ACCEPTED:
        return outcome
    gone = tuple(Forget(FACT, (draft.memo["of"],), member) for member in draft.memo["done"])
    return replace(outcome, forgotten=(*outcome.forgotten, *gone))


def _more(draft: Draft) -> bool:
    """A named person's records come again however often they are confirmed: there is no next page."""
    return not draft.body.get("aac002") and int(draft.memo["page"]) < PAGES_AT_MOST


def _filed(draft: Draft, outcome: Outcome, wire_id: str) -> Outcome:
    if outcome.verdict is not Verdict.ACCEPTED:
        return outcome
    if draft.transaction == ATTACHMENT:
        file = attachment_file(ATTACHMENT, text_of(draft.body["aaa726"]), wire_id, outcome.data)
        named = {"filename": text_of(outcome.data.get("filename"))}
        return replace(outcome, data={**told(outcome.data, 1, file), **named}, downloads=(file,))
    rows = rows_of(outcome.data)
    if not rows:
        return replace(outcome, data=told(outcome.data, 0))
    file = page_file(draft.transaction, wire_id, outcome.data, page=1)
    return replace(outcome, data=told(outcome.data, len(rows), file), downloads=(file,))
