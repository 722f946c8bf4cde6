"""A submission becomes messages: judged, put into the document's form, split, scoped.

Files that it names go by GYU002: before the rows that refer to them, invoices after the settlement that they
belong to.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby

from agent.catalog import Catalog, TransactionSpec
from agent.clock import BEIJING
from agent.errors import Fault, SubmissionInvalid
from agent.events import SLOT, Deadline, Draft, Json, JsonObject, Need, Plan, Scope, Submission
from agent.protocol.attachments import stand_for
from agent.protocol.deadlines import deadlines_of
from agent.protocol.drafts import drafts_of
from agent.protocol.judging import Normal, judge
from agent.protocol.owing import owe
from agent.protocol.planning import readable_scopes, specification
from agent.protocol.scopes import scopes_of
from plugins.ministry import attachments
from plugins.ministry.attachments import FILES, LIST, ROWS, UPLOAD, Reading, Upload
from plugins.ministry.rules import RULES


def plan(catalog: Catalog, submission: Submission, today: datetime, lane: str, skipped: Set[str]) -> Plan:
    """The messages of a submission on ``lane``. Raises SubmissionInvalid with every fault."""
    spec = specification(catalog, submission)
    owed = owe(spec, submission.data)
    told = replace(submission, data=owed.data)
    planned = _plan(Planner(catalog, spec, told, today, lane, skipped, slots=bool(owed.needs)))
    return replace(planned, drafts=tuple(owed.put(spec, draft) for draft in planned.drafts))


def scopes(catalog: Catalog, submission: Submission) -> tuple[Scope, ...]:
    """What a submission with faults was about, as far as it can be read."""
    if submission.transaction not in catalog:
        return ()
    spec = catalog.transaction(submission.transaction)
    owed = owe(spec, submission.data)
    readable = readable_scopes(catalog, replace(submission, data=owed.data))
    return tuple(dict.fromkeys((*readable, *scopes_of(spec, owed.keyed(spec)))))


def _plan(planner: Planner) -> Plan:
    data: Json = planner.submission.data
    if not isinstance(data, dict):
        return planner.plain()
    if planner.spec.code == UPLOAD:
        return planner.upload()
    return planner.with_files() if attachments.carries_files(planner.spec) else planner.plain()


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans one submission."""

    catalog: Catalog
    spec: TransactionSpec
    submission: Submission
    today: datetime
    lane: str
    skipped: Set[str]
    slots: bool = False
    """Some values are left to earlier answers."""

    def plain(self) -> Plan:
        normal = self._judge(self.spec, self.submission.data)
        return Plan(self._drafts(self.spec, normal.data), normal.data, normal.warnings)

    def upload(self) -> Plan:
        """GYU002 as the HIS dropped it."""
        reading = attachments.read_upload(self.spec, self.submission)
        normal = self._judge(self.spec, reading.data, reading.faults)
        data, contents = attachments.put_files(normal.data, reading, self.submission)
        return Plan(self._drafts(self.spec, data), data, normal.warnings, contents)

    def with_files(self) -> Plan:
        """Rows that may name files: what is uploaded before them, they, and their invoices."""
        upload = self.catalog.transaction(UPLOAD)
        reading = attachments.read_parent(self.spec, upload, self.submission)
        faults = list(reading.faults)
        try:
            normal = self._judge(self.spec, reading.data)
        except SubmissionInvalid as error:
            raise SubmissionInvalid((*error.faults, *faults)) from None
        if not reading.uploads and not faults:
            return Plan(self._drafts(self.spec, normal.data), normal.data, normal.warnings)
        carriers = [
            draft for group in _groups(reading) for draft in self._carriers(upload, normal, group, faults)
        ]
        if faults:
            raise SubmissionInvalid(faults)
        before = [draft for draft in carriers if draft.serves]
        after = [draft for draft in carriers if not draft.serves]
        mains = [
            _referring(draft, reading.uploads)
            for draft in self._drafts(self.spec, _slotted(normal.data, reading))
        ]
        normalised = {**normal.data, UPLOAD: [draft.body for draft in carriers]}
        return Plan((*before, *mains, *after), normalised, normal.warnings)

    def _carriers(
        self, upload: TransactionSpec, normal: Normal, group: list[Upload], faults: list[Fault]
    ) -> tuple[Draft, ...]:
        """The GYU002 of one row's files, or of its invoices; what is wrong with them joins ``faults``."""
        row = normal.data[ROWS][group[0].row]
        invoice = group[0].invoice
        data = {**attachments.head_of(row, upload), FILES: [one.element for one in group]}
        try:
            judged = self._judge(upload, {**data, "aaz515": attachments.PENDING} if invoice else data)
        except SubmissionInvalid as error:
            faults += [_at_parent(fault, group) for fault in error.faults]
            return ()
        files = [
            {**element, "filecont": stand_for(one.digest)}
            for element, one in zip(judged.data[FILES], group, strict=True)
        ]
        body = {**judged.data, "aaz515": "", FILES: files}
        scopes = scopes_of(self.spec, {ROWS: [row]})
        return tuple(
            replace(
                draft,
                rows=None,
                scopes=tuple(dict.fromkeys((*draft.scopes, *scopes))),
                interactive=self.spec.class_ == "interactive",
                serves=not invoice,
                cancels=not invoice,
                stop_on_refusal=not invoice,
            )
            for draft in self._drafts(upload, body)
        )

    def _judge(self, spec: TransactionSpec, data: Json, more: Iterable[Fault] = ()) -> Normal:
        day: date = self.today.astimezone(BEIJING).date()
        try:
            normal = judge(spec, data, day, RULES, skipped=self.skipped, slots=self.slots)
        except SubmissionInvalid as error:
            raise SubmissionInvalid((*error.faults, *more)) from None
        faults = tuple(more)
        if faults:
            raise SubmissionInvalid(faults)
        return normal

    def _drafts(self, spec: TransactionSpec, data: JsonObject) -> tuple[Draft, ...]:
        wanted: tuple[Deadline, ...] = deadlines_of(spec, self.submission.occurred_at or self.today, data)
        return drafts_of(spec, data, self.lane, wanted)


def _groups(reading: Reading) -> list[list[Upload]]:
    """Files that one GYU002 may carry: of one row, invoices apart."""
    ordered = sorted(reading.uploads, key=lambda one: (one.row, one.invoice))
    return [
        list({one.number: one for one in group}.values())
        for _, group in groupby(ordered, key=lambda one: (one.row, one.invoice))
    ]


def _at_parent(fault: Fault, group: list[Upload]) -> Fault:
    """A fault of GYU002 where the parent names the file; of its head, at the parent's row."""
    parts = fault.pointer.split("/")
    if len(parts) > 2 and parts[1] == FILES and parts[2].isdecimal():
        return replace(fault, pointer=group[int(parts[2])].pointer)
    return replace(fault, pointer=f"/{ROWS}/{group[0].row}/{parts[-1]}")


def _slotted(data: JsonObject, reading: Reading) -> JsonObject:
    """Normalised rows whose elements refer to what the uploads will give, in the order of these."""
    rows = list(data[ROWS])
    for number in {one.row for one in reading.uploads if not one.invoice}:
        row = rows[number]
        awaited = iter([one.number for one in reading.uploads if one.row == number and not one.invoice])
        elements = [
            {**element, "aaa726": {SLOT: next(awaited)}}
            if element["aaa726"] == attachments.PENDING
            else element
            for element in row[LIST]
        ]
        rows[number] = {**row, LIST: elements}
    return {**data, ROWS: rows}


def _referring(draft: Draft, uploads: Iterable[Upload]) -> Draft:
    """A main message with what it needs of the uploads for its rows."""
    start, end = draft.rows or (0, 0)
    numbers = dict.fromkeys(one.number for one in uploads if start <= one.row < end and not one.invoice)
    needs = tuple(Need(number, identifier="attachment", key=(number,)) for number in numbers)
    return replace(draft, needs=(*draft.needs, *needs))
