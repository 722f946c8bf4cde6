"""What the agent adds to a submission before it is judged: numbers, sums and what follows from the rest.

A HIS may leave out akb020, akc190 (where it gives its own number ckc349), bke384, bkf500, akc264, listsize
and totalFee. What is given stays as it is and is judged; ``data`` itself is never changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from agent.catalog.model import TransactionSpec
from agent.catalog.spelling import find
from agent.catalog.values import Unreadable, is_absent, read_number
from agent.errors import Fault
from agent.events import SLOT, Draw, JsonObject, Need, Series
from agent.protocol.tracecodes import NoTraceCode, read_trace_code
from agent.protocol.values import text_of
from plugins.jiangxi.codec import DETAIL_DIGITS, DETAIL_FORM
from plugins.jiangxi.rules import CODES, FEES, TRACES, line_total
from plugins.jiangxi.settings import Settings

VISIT: Final = "akc190"
OWN_NUMBER: Final = "ckc349"
INSTITUTION: Final = "akb020"
VISIT_FACT: Final = "visit"
"""Facts of this kind: akc190 by (akb020, ckc349)."""
UNNUMBERED: Final = "unnumbered"
"""In a memo: akc190 is left to what the agent knows of ckc349."""


@dataclass(slots=True)
class Prepared:
    """A copy of a submission's data, completed. ``own_number`` is the HIS's ckc349, "" when it gave none;
    ``extra`` is what it gave beside the document's fields and the agent understands."""

    data: JsonObject = field(repr=False)
    institution: str
    own_number: str = field(default="", repr=False)
    extra: JsonObject = field(default_factory=dict, repr=False)
    needs: list[Need] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def prepare(spec: TransactionSpec, given: JsonObject, settings: Settings) -> Prepared:
    """Complete what can be; faults name what only the agent demands."""
    codes = {each.code for each in spec.request}
    prepared = Prepared(_copied(given), settings.first)
    prepared.faults.extend(_slots_given(given, ""))
    _choose_institution(prepared, codes, settings)
    _take_own_number(prepared, codes)
    if FEES in codes:
        _complete_fees(prepared, codes)
    if VISIT in codes:
        _name_visit(prepared)
    if TRACES in codes:
        _complete_traces(prepared)
    return prepared


def put(content: JsonObject, code: str, value: Any) -> None:
    """Set a field, whatever spelling of it was there."""
    for key in [key for key in content if key.strip().lower() == code.lower()]:
        del content[key]
    content[code] = value


# -- whose, and which visit -----------------------------------------------------------------------------
def _choose_institution(prepared: Prepared, codes: set[str], settings: Settings) -> None:
    given = find(prepared.data, INSTITUTION)
    named = text_of(given)
    if named and named not in settings.institutions:
        prepared.faults.append(_UNKNOWN_INSTITUTION)
    elif named:
        prepared.institution = named
    elif INSTITUTION in codes and is_absent(given):
        put(prepared.data, INSTITUTION, settings.first)
    if INSTITUTION not in codes and named:
        _set_aside(prepared, INSTITUTION)


_UNKNOWN_INSTITUTION: Final = Fault(
    f"/{INSTITUTION}",
    "institution",
    "本机没有配置这个机构编码，请核对，或在配置 institutions 中增加",
    INSTITUTION,
    "机构编码",
)


def _take_own_number(prepared: Prepared, codes: set[str]) -> None:
    prepared.own_number = text_of(find(prepared.data, OWN_NUMBER)) or _of_rows(prepared.data, OWN_NUMBER)
    if OWN_NUMBER not in codes and text_of(find(prepared.data, OWN_NUMBER)):
        _set_aside(prepared, OWN_NUMBER)


def _set_aside(prepared: Prepared, code: str) -> None:
    """Not the document's: kept out of what is sent and warned of, part of what the HIS said."""
    prepared.extra[code] = text_of(find(prepared.data, code))
    put(prepared.data, code, None)
    del prepared.data[code]


def _of_rows(data: JsonObject, code: str) -> str:
    """What all rows agree on; "" when they do not."""
    found = {text_of(find(row, code)) for row in _rows(data, FEES)}
    return found.pop() if len(found) == 1 else ""


def _visit_slot(prepared: Prepared) -> JsonObject:
    key = (prepared.institution, prepared.own_number)
    prepared.needs.append(Need(VISIT, VISIT_FACT, key, required=False))
    return {SLOT: VISIT}


# -- fees -----------------------------------------------------------------------------------------------
def _complete_fees(prepared: Prepared, codes: set[str]) -> None:
    for place, row in enumerate(_rows(prepared.data, FEES)):
        if prepared.own_number and is_absent(find(row, OWN_NUMBER)):
            put(row, OWN_NUMBER, prepared.own_number)
        if is_absent(find(row, "bkf500")):
            put(row, "bkf500", str(place + 1))
        if is_absent(find(row, "bke384")):
            put(row, "bke384", _detail_slot(prepared, place))
        if is_absent(find(row, "akc264")):
            _put_total(row)
        _tidy_code(row)
    _sum_up(prepared.data, codes)


def _detail_slot(prepared: Prepared, place: int) -> JsonObject:
    """bke384 of ours: akb020 + day + 10 digits, unique for ever."""
    series = Series(f"bke384/{prepared.institution}", DETAIL_DIGITS, daily=True)
    slot = f"bke384.{place}"
    prepared.needs.append(Need(slot, draw=Draw(series, prepared.institution + DETAIL_FORM)))
    return {SLOT: slot}


def _put_total(row: JsonObject) -> None:
    price, quantity = _number(find(row, "akc225")), _number(find(row, "akc226"))
    if price is not None and quantity is not None:
        put(row, "akc264", f"{line_total(price, quantity):f}")


def _sum_up(data: JsonObject, codes: set[str]) -> None:
    rows = _rows(data, FEES)
    if "listsize" in codes and is_absent(find(data, "listsize")):
        put(data, "listsize", str(len(rows)))
    totals = [_number(find(row, "akc264")) for row in rows]
    known = [total for total in totals if total is not None]
    if "totalFee" in codes and is_absent(find(data, "totalFee")) and len(known) == len(totals):
        put(data, "totalFee", f"{sum(known):f}")


def _name_visit(prepared: Prepared) -> None:
    """The head's akc190: given, or what all rows name, or to be found by the HIS's number; and in every
    row that has none."""
    data = prepared.data
    if is_absent(find(data, VISIT)):
        named = _of_rows(data, VISIT)
        if named:
            put(data, VISIT, named)
        elif prepared.own_number:
            put(data, VISIT, _visit_slot(prepared))
    visit = find(data, VISIT)
    for row in _rows(data, FEES) if not is_absent(visit) else ():
        if is_absent(find(row, VISIT)):
            put(row, VISIT, visit)


# -- trace codes ----------------------------------------------------------------------------------------
def _complete_traces(prepared: Prepared) -> None:
    rows = _rows(prepared.data, TRACES)
    if is_absent(find(prepared.data, "listsize")):
        put(prepared.data, "listsize", str(len(rows)))
    for row in rows:
        codes = find(row, CODES)
        if isinstance(codes, list):
            put(row, CODES, [_code_object(code) for code in codes])


def _code_object(code: Any) -> Any:
    """A bare text is a code, too."""
    given = {"bkc372": code} if isinstance(code, str) else code
    if not isinstance(given, dict):
        return given
    copy = dict(given)
    _tidy_code(copy)
    return copy


def _tidy_code(holder: JsonObject) -> None:
    """Without a scanner's framing; what is no trace code stays for the rules to name."""
    given = find(holder, "bkc372")
    if not isinstance(given, str) or not given.strip():
        return
    try:
        put(holder, "bkc372", read_trace_code(given).code)
    except NoTraceCode:
        return


# -- values ---------------------------------------------------------------------------------------------
def _copied(given: JsonObject) -> JsonObject:
    """Rows may be completed, the HIS's own must not be."""
    copy = dict(given)
    for key, value in copy.items():
        if isinstance(value, list):
            copy[key] = [dict(row) if isinstance(row, dict) else row for row in value]
    return copy


def _rows(data: JsonObject, code: str) -> list[JsonObject]:
    rows = find(data, code)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _number(value: Any) -> Decimal | None:
    try:
        return None if is_absent(value) else read_number(value)
    except Unreadable:
        return None


def _slots_given(value: Any, pointer: str) -> Iterator[Fault]:
    """A slot is the agent's own: a HIS that writes one means something else."""
    if isinstance(value, dict):
        if SLOT in value:
            yield Fault(pointer, "type", "不应有 $slot")
        for key, child in value.items():
            yield from _slots_given(child, f"{pointer}/{key}")
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _slots_given(child, f"{pointer}/{place}")
