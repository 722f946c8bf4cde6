"""What an accepted message leaves behind for later ones, by kind.

=========== =================== ======================= ==================================================
kind        key                 member                  value
=========== =================== ======================= ==================================================
visit       akb020, ckc349                              akc190
course      akc190              registered              MZ002, ZY001 or KF001
                                aka130, ckc349          as registered
                                discharged, revoked     when
                                traced                  when codes were last uploaded
settled     akc190                                      when, by this agent
                                found                   when, by what CX001 told of the visit
                                revoked                 when: it will never be settled
fees        akc190              bke384                  akc264
owed        akc190              bke384                  what of a drug row has no trace codes, as long as the
                                                        row stands: a returned code is owed again
due         akb020              akc190                  ckc349 of a visit that had drug rows
trace       code                akc190/bke384           1 for a split pack, 0 for a whole one
=========== =================== ======================= ==================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final

from agent import jsontext
from agent.events import Alias, Draft, Forget, Identifier, Json, JsonObject
from agent.protocol.values import text_of
from plugins.jiangxi.preparing import OWN_NUMBER, VISIT, VISIT_FACT
from plugins.jiangxi.rules import CODES, FEES, TRACES

COURSE, SETTLED, FEES_FACT, OWED, DUE, TRACE = "course", "settled", "fees", "owed", "due", "trace"
BY_US, FOUND = "", "found"
REGISTERED, DISCHARGED, REVOKED, TRACED = "registered", "discharged", "revoked", "traced"
CATEGORY: Final = "aka130"
UNDOES: Final = "undoes"
"""In a memo: a deletion of the agent's own, of what no fact tells of."""
PLANNED: Final = "planned"
"""In a memo: the day on which the message was planned."""
REGISTRATIONS: Final = ("MZ002", "ZY001", "KF001")
"""What gives a visit its akc190."""
CLINIC_CATEGORY: Final = "71"
"""MZ002 has no aka130 (anomalies J26)."""


@dataclass(slots=True)
class Left:
    """Facts that come and go, and names of one thing."""

    identifiers: list[Identifier] = field(default_factory=list)
    forgotten: list[Forget] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Owed:
    """A drug row that wants trace codes; ``left`` is how much of its ``whole`` quantity has none."""

    ake002: str = field(repr=False)
    left: Decimal
    whole: Decimal

    def after(self, sold: Decimal) -> Owed:
        """``sold`` is negative for a return, which owes again no more than the row has."""
        return replace(self, left=min(self.whole, self.left - sold))

    def as_text(self) -> str:
        return jsontext.write({"ake002": self.ake002, "left": f"{self.left:f}", "whole": f"{self.whole:f}"})


def read_owed(text: str) -> Owed:
    value = jsontext.read_object(text)
    return Owed(value["ake002"], Decimal(value["left"]), Decimal(value["whole"]))


def facts_after(draft: Draft, data: JsonObject, traced: frozenset[str], when: str) -> Left:
    """What remains of ``draft`` once it is accepted with the answer ``data``; ``when`` is the day."""
    left = Left()
    keep = _KEEPERS.get(draft.transaction)
    if keep is not None:
        keep(left, draft, data, _Times(traced, when))
    return left


def day_of(draft: Draft, jylsh: str) -> str:
    """The day of a call, by its jylsh; of one that a person settles and that was never sent, the day on
    which it was planned."""
    day = jylsh[5:13]
    return day if len(day) == 8 and day.isdigit() else text_of(draft.memo.get(PLANNED))


@dataclass(frozen=True, slots=True)
class _Times:
    traced: frozenset[str]
    day: str


# -- registrations ---------------------------------------------------------------------------------
def _registered(left: Left, draft: Draft, data: JsonObject, times: _Times) -> None:
    visit = text_of(data.get(VISIT))
    if not visit:
        return
    own = text_of(draft.memo.get(OWN_NUMBER))
    category = text_of(draft.body.get(CATEGORY)) or CLINIC_CATEGORY
    for member, value in ((REGISTERED, draft.transaction), (CATEGORY, category), (OWN_NUMBER, own)):
        if value:
            left.identifiers.append(Identifier(COURSE, (visit,), value, member))
    if own:
        key = (draft.lane, own)
        left.identifiers.append(Identifier(VISIT_FACT, key, visit))
        left.aliases.append(Alias("visit", (visit,), key, of_kind="admission"))


def _calculated(left: Left, draft: Draft, data: JsonObject, times: _Times) -> None:
    """KF001 registers and uploads."""
    _registered(left, draft, data, times)
    visit = text_of(data.get(VISIT))
    if visit:
        _keep_fees(left, draft, visit, times)


# -- fees ------------------------------------------------------------------------------------------
def _uploaded(left: Left, draft: Draft, data: JsonObject, times: _Times) -> None:
    _keep_fees(left, draft, text_of(draft.body.get(VISIT)), times)


def _keep_fees(left: Left, draft: Draft, visit: str, times: _Times) -> None:
    rows: Iterable[JsonObject] = draft.body[FEES]
    owing = False
    for row in rows:
        detail = text_of(row.get("bke384"))
        left.identifiers.append(Identifier(FEES_FACT, (visit,), text_of(row.get("akc264")), detail))
        quantity = Decimal(text_of(row.get("akc226")))
        if text_of(row.get("bkc369")) in times.traced and quantity > 0:
            owing = True
            owed = Owed(text_of(row.get("ake002")), quantity, quantity)
            left.identifiers.append(Identifier(OWED, (visit,), owed.as_text(), detail))
    if owing:
        own = text_of(draft.memo.get(OWN_NUMBER))
        left.identifiers.append(Identifier(DUE, (draft.lane,), own, visit))


def _deleted(left: Left, draft: Draft, data: JsonObject, times: _Times) -> None:
    visit, detail = (text_of(draft.body.get(code)) for code in (VISIT, "bke384"))
    for kind in (FEES_FACT, OWED):
        left.forgotten.append(Forget(kind, (visit,), detail or None))
    if not detail:
        left.forgotten.append(Forget(DUE, (draft.lane,), visit))


# -- settlements -----------------------------------------------------------------------------------
def _settled(left: Left, draft: Draft, data: JsonObject, times: _Times) -> None:
    left.identifiers.append(Identifier(SETTLED, (text_of(draft.body.get(VISIT)),), times.day))


def _refunded(left: Left, draft: Draft, data: JsonObject, times: _Times) -> None:
    visit = text_of(draft.body.get(VISIT))
    left.forgotten += [Forget(kind, (visit,)) for kind in (SETTLED, FEES_FACT, OWED)]
    left.forgotten.append(Forget(DUE, (draft.lane,), visit))


def _queried(left: Left, draft: Draft, data: JsonObject, times: _Times) -> None:
    """CX001 about one visit tells of a settlement that another workstation made."""
    visit, rows = text_of(draft.body.get(VISIT)), data.get("outputlist")
    for row in rows if visit and isinstance(rows, list) else ():
        if isinstance(row, dict) and text_of(row.get(VISIT)) == visit:
            day = _day_in(row.get("akc194")) or _day_in(row.get("bae237")) or times.day
            left.identifiers.append(Identifier(SETTLED, (visit,), day, FOUND))


def _day_in(value: Json) -> str:
    """YYYYMMDD of a date or time however it is written (anomalies J22); "" when it is none."""
    digits = re.sub(r"[^0-9]", "", text_of(value))[:8]
    try:
        return f"{date.fromisoformat(digits):%Y%m%d}" if len(digits) == 8 else ""
    except ValueError:
        return ""


def _discharged(left: Left, draft: Draft, data: JsonObject, times: _Times) -> None:
    visit, day = (text_of(draft.body.get(code)) for code in (VISIT, "aae031"))
    left.identifiers.append(Identifier(COURSE, (visit,), day, DISCHARGED))


def _revoked(left: Left, draft: Draft, data: JsonObject, times: _Times) -> None:
    """The HIS's number leads to the revoked visit no more; that it was revoked is remembered."""
    _refunded(left, draft, data, times)
    visit, own = text_of(draft.body.get(VISIT)), text_of(draft.memo.get(OWN_NUMBER))
    left.identifiers.append(Identifier(COURSE, (visit,), times.day, REVOKED))
    left.identifiers.append(Identifier(SETTLED, (visit,), times.day, REVOKED))
    if own:
        left.forgotten.append(Forget(VISIT_FACT, (draft.lane, own)))


# -- trace codes -----------------------------------------------------------------------------------
def _traced(left: Left, draft: Draft, data: JsonObject, times: _Times) -> None:
    """A code that was sold is used; one that was returned may be sold again. ``memo`` says what the rows
    left owed when they were sent."""
    visit = text_of(draft.body.get(VISIT))
    for row in draft.body[TRACES]:
        detail = text_of(row.get("bke384"))
        for code in row[CODES]:
            key, member = (text_of(code.get("bkc372")),), f"{visit}/{detail}"
            if is_return(row):
                left.forgotten.append(Forget(TRACE, key, member))
            else:
                left.identifiers.append(Identifier(TRACE, key, text_of(row.get("bkc507")), member))
    left.identifiers.append(Identifier(COURSE, (visit,), times.day, TRACED))
    after: Mapping[str, str] = draft.memo.get(OWED, {})
    left.identifiers += [Identifier(OWED, (visit,), text, detail) for detail, text in after.items()]
    if draft.memo.get("complete"):
        left.forgotten.append(Forget(DUE, (draft.lane,), visit))
    elif after:
        left.identifiers.append(Identifier(DUE, (draft.lane,), text_of(draft.memo.get(OWN_NUMBER)), visit))


def is_return(row: JsonObject) -> bool:
    """A negative quantity is a return (anomalies J29)."""
    return text_of(row.get("bkc516")).startswith("-")


_Keeper = Callable[[Left, Draft, JsonObject, _Times], None]
_KEEPERS: Final[Mapping[str, _Keeper]] = {
    "MZ002": _registered,
    "ZY001": _registered,
    "KF001": _calculated,
    "FY001": _uploaded,
    "JY001": _deleted,
    "FY005": _settled,
    "KF002": _settled,
    "JY002": _refunded,
    "ZY004": _discharged,
    "JY003": _revoked,
    "CX001": _queried,
    "SQ002": _traced,
}
