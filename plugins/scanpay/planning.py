"""A submission becomes a message: completed from settings, judged, put on its till's lane, scoped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from agent.catalog import Catalog, TransactionSpec, examine, normalise
from agent.catalog.checks import MISSING
from agent.catalog.spelling import find
from agent.catalog.values import is_absent
from agent.clock import BEIJING
from agent.errors import Fault, SubmissionInvalid
from agent.events import SLOT, Draft, Hold, Json, JsonObject, Plan, Scope, Submission
from agent.protocol.drafts import drafts_of
from agent.protocol.judging import judge, readable_part
from agent.protocol.planning import specification
from agent.protocol.scopes import OBSERVING_KINDS, scopes_of
from agent.protocol.values import text_of
from plugins.scanpay import inquiry
from plugins.scanpay.amounts import ITEMS, PRESCRIPTIONS
from plugins.scanpay.bodies import LOCAL, About, Till, without
from plugins.scanpay.completing import missing_late, with_defaults
from plugins.scanpay.orders import AT
from plugins.scanpay.rules import RULES
from plugins.scanpay.scanning import RESCAN, Scanned, scanned
from plugins.scanpay.settings import Settings

OWN_MEMBERS: Final = ("operatorid", "aae139")
"""What a HIS may say beside the document's fields where those do not have it: whose till it is, and
whether the person is insured elsewhere. Not sent."""

SIGN_IN: Final = "ST001"
SIGNING: Final = (SIGN_IN, "ST002")
TILL: Final = "till"
_ITEM_FIELDS: Final = (
    "prescribetime",
    "prescribedeptcode",
    "prescribedept",
    "prescribedoc",
    "othercheckno",
    "proarea",
    "prescriptionoperator",
)
"""Printed after the items' fields, perhaps meant of the prescription: read in both places (S23)."""


def plan(catalog: Catalog, submission: Submission, today: datetime, settings: Settings) -> Plan:
    """The message of a submission. Raises SubmissionInvalid with every fault."""
    spec = specification(catalog, submission)
    given = _given(spec, submission.data)
    scan = scanned(spec, submission, given, today, settings)
    late = missing_late(spec, given)
    whole = {**with_defaults(spec, given, settings, today), **scan.values}
    later = {code: {SLOT: code} for code in (*late, *scan.unread)}
    day = today.astimezone(BEIJING).date()
    odd = _odd_beside(catalog, spec, submission.data)
    try:
        judged = judge(spec, {**whole, **later}, day, RULES, skipped=settings.skip_rules, slots=True)
    except SubmissionInvalid as error:
        raise SubmissionInvalid((*error.faults, *odd)) from None
    if odd:
        raise SubmissionInvalid(odd)
    body = {**judged.data, **dict.fromkeys(later, "")}
    till = _till(spec, submission.data, body, settings)
    return Plan(
        drafts=tuple(_drafts(spec, drafts_of(spec, body, till.lane), _about(submission, till, scan), today)),
        normalised=normalise(spec, given),
        warnings=judged.warnings,
        valid_until=scan.until,
        expired_says=RESCAN if scan.until else "",
    )


def scopes(catalog: Catalog, submission: Submission, settings: Settings) -> tuple[Scope, ...]:
    """What a submission with faults was about, as far as it can be read."""
    data = submission.data
    if submission.transaction not in catalog or not isinstance(data, dict):
        return ()
    spec = catalog.transaction(submission.transaction)
    given = _given(spec, data)
    readable = readable_part(spec, given, examine(spec, given).faults)
    if readable is None:
        return ()
    found = scopes_of(spec, readable)
    return _with_till(spec, found, _till(spec, data, readable, settings)) if found else ()


def _own(spec: TransactionSpec) -> list[str]:
    """What may be said beside this transaction's fields."""
    return [code for code in OWN_MEMBERS if all(field.code != code for field in spec.request)]


def _odd_beside(catalog: Catalog, spec: TransactionSpec, data: JsonObject) -> tuple[Fault, ...]:
    """Faults of what was said beside the fields: it names a till, which has to sign in with just that."""
    own = _own(spec)
    beside = {
        key: value for key, value in data.items() if key.strip().lower() in own and not is_absent(value)
    }
    faults = examine(catalog.transaction(SIGN_IN), beside).faults
    return tuple(fault for fault in faults if fault.field in own and fault.rule != MISSING.rule)


def _given(spec: TransactionSpec, data: JsonObject) -> JsonObject:
    """What the HIS said in the document's fields, items completed by their prescription (S23)."""
    own = _own(spec)
    given = {key: value for key, value in data.items() if key.strip().lower() not in own}
    details = find(given, "orderdata")
    if not isinstance(details, dict):
        return given
    rows = find(details, PRESCRIPTIONS)
    if not isinstance(rows, list) or not any(isinstance(row, dict) and _misplaced(row) for row in rows):
        return given
    place = next(key for key in details if key.strip().lower() == PRESCRIPTIONS)
    moved = {**details, place: [_moved(row) for row in rows]}
    return {**without(given, [_key_of(given, "orderdata")]), "orderdata": moved}


def _misplaced(prescription: JsonObject) -> list[str]:
    return [key for key in prescription if key.strip().lower() in _ITEM_FIELDS]


def _moved(prescription: Json) -> Json:
    if not isinstance(prescription, dict):
        return prescription
    told = {key.strip().lower(): prescription[key] for key in _misplaced(prescription)}
    items = find(prescription, ITEMS)
    if not told or not isinstance(items, list):
        return prescription
    place = _key_of(prescription, ITEMS)
    filled = [{**item, **_absent(item, told)} if isinstance(item, dict) else item for item in items]
    return {**without(prescription, _misplaced(prescription)), place: filled}


def _absent(item: JsonObject, told: JsonObject) -> JsonObject:
    return {code: value for code, value in told.items() if is_absent(find(item, code))}


def _key_of(data: JsonObject, code: str) -> str:
    return next(key for key in data if key.strip().lower() == code)


def _till(spec: TransactionSpec, data: JsonObject, body: JsonObject, settings: Settings) -> Till:
    """Whose till: as the message says, else as the HIS says beside it, else the first configured."""
    details = body.get("orderdata")
    holders = [body, details if isinstance(details, dict) else {}, data]
    operator = _first(holders, "operatorid") or next(iter(settings.operators), "")
    return Till(settings.hospcode, operator, _first(holders, "aae139") or LOCAL)


def _first(holders: Iterable[JsonObject], code: str) -> str:
    return next((text for holder in holders if (text := text_of(find(holder, code)))), "")


def _about(submission: Submission, till: Till, scan: Scanned) -> About:
    owner = f"{submission.transaction}/{submission.id}"
    return About(till, scan.faults, owner=owner, internal=submission.internal)


def _drafts(spec: TransactionSpec, drafts: Iterable[Draft], agent: About, today: datetime) -> Iterator[Draft]:
    """Before a cancellation the agent asks for the order's state: ST100 goes only after "paid" (4.3: 2). What
    it asks by itself holds the order, as what it finds may change it. What the platform may carry out twice
    is never sent again after a doubt."""
    once = bool(spec.inquiry) and not spec.guarded
    for draft in drafts:
        held = replace(draft, scopes=_with_till(spec, draft.scopes, agent.till), once=once)
        if spec.code == "ST100":
            yield _noted(_look(held), replace(agent, look="cancel"), today)
        if spec.code == "ST009" and agent.internal:
            order = tuple(replace(scope, hold=Hold.EXCLUSIVE) for scope in draft.scopes)
            yield _noted(_look(replace(held, scopes=order)), replace(agent, look="late"), today)
        else:
            yield _noted(held, agent, today)


def _look(about: Draft) -> Draft:
    """ST009 about the order of a draft, in its turn."""
    return Draft(
        inquiry.ASK,
        about.lane,
        inquiry.question(about),
        scopes=about.scopes,
        harmless=True,
        blocks=False,
        blockable=False,
        serves=about.transaction != inquiry.ASK,
    )


def _noted(draft: Draft, agent: About, today: datetime) -> Draft:
    at = today.astimezone(BEIJING).isoformat(timespec="seconds")
    return replace(draft, memo={**agent.as_memo(), AT: at})


def _with_till(spec: TransactionSpec, found: tuple[Scope, ...], till: Till) -> tuple[Scope, ...]:
    """Signing in and out hold the whole till; all that works in its cycle shares it."""
    if spec.kind in OBSERVING_KINDS:
        hold = Hold.OBSERVER
    else:
        hold = Hold.EXCLUSIVE if spec.code in SIGNING else Hold.SHARED
    return (*found, Scope(TILL, (till.hospcode, till.operatorid or "-"), hold, broad=True))
