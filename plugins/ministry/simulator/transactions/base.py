"""What every transaction is given and gives back, and what the uploads of lists share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from agent.catalog.model import FieldSpec, TransactionSpec
from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.ministry.simulator.entities import Amounts
from plugins.ministry.simulator.fields import FieldReader
from plugins.ministry.simulator.refusals import SUCCESS, Refusal, message
from plugins.ministry.simulator.registry import Access
from plugins.ministry.simulator.state import World


@dataclass(frozen=True, slots=True)
class Manners:
    """How the platform behaves where the document leaves a choice.

    ``guarded``: the rules that keep things from taking effect twice are applied. ``absent``: what an
    inquiry about an unknown call gets, ``RE1106`` or ``empty``. ``hisdata_as_text``: M11. ``papers``:
    GYU006 demands 工伤认定书 and 核付通知单 (M49).
    """

    guarded: bool = True
    absent: str = "RE1106"
    hisdata_as_text: bool = False
    papers: bool = True


@dataclass(frozen=True, slots=True)
class Context:
    """One call: whose, which, when, and the state it works on. ``texts`` are the codes' own, ``region``
    is the aab301 of the envelope (M13)."""

    access: Access
    spec: TransactionSpec
    refid: str
    region: str
    texts: Mapping[str, str] = field(repr=False)
    now: datetime
    world: World
    manners: Manners

    @property
    def today(self) -> date:
        return self.now.date()

    @property
    def reader(self) -> FieldReader:
        return FieldReader(self.spec.table)

    def text(self, refusal: Refusal | None) -> str:
        return message(refusal, self.texts)


@dataclass(frozen=True, slots=True)
class Reply:
    """The response DATA, what took effect, and, of a negative inquiry, which call it asked about."""

    data: JsonObject = field(repr=False)
    effects: tuple[Effect, ...] = ()
    negative_about: tuple[str, str] | None = None


Transaction: TypeAlias = Callable[[Context, JsonObject], Reply]


def success(**fields: Any) -> JsonObject:
    """The response DATA of a call that was processed; its rows may say otherwise of themselves."""
    return {"busi_code": SUCCESS, "busi_msg": "", **fields}


def refused(context: Context, refusal: Refusal) -> Reply:
    """A refusal of the whole call."""
    return Reply({"busi_code": refusal.code, "busi_msg": context.text(refusal)})


def row_result(context: Context, keys: Mapping[str, Any], refusal: Refusal | None) -> JsonObject:
    """A row of the answer: its keys, ``ret_code`` and ``ret_msg``."""
    code = refusal.code if refusal else SUCCESS
    return {**keys, "ret_code": code, "ret_msg": context.text(refusal)}


def read_list(context: Context, data: JsonObject) -> list[JsonObject] | Refusal:
    """The row list itself, its rows unread: an array (RE0053), not empty (RE0095), of objects, at most
    ``max_rows`` long (RE0054)."""
    spec = list_field(context.spec)
    rows = data.get(spec.code)
    if rows is None or rows in ("", []):
        return Refusal(spec.codes.get("missing", "RE0095"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return Refusal(spec.codes.get("array", "RE0053"))
    if context.spec.max_rows is not None and len(rows) > context.spec.max_rows:
        return Refusal(spec.codes.get("limit", "RE0054"))
    return rows


def list_field(spec: TransactionSpec) -> FieldSpec:
    return next(each for each in spec.request if each.code == spec.list)


def read_rows(
    context: Context, rows: Iterable[JsonObject], head: Mapping[str, Any]
) -> Iterator[tuple[JsonObject, JsonObject | Refusal]]:
    """Each row as it came, with what was read from it or why it cannot be read."""
    children = list_field(context.spec).children
    reader = context.reader
    for row in rows:
        yield row, reader.read(children, row, (head,))


def read_all(context: Context, data: JsonObject) -> JsonObject | Refusal:
    """Every field of a call whose rows, if any, are judged together with the rest."""
    return context.reader.read(context.spec.request, data)


@dataclass(frozen=True, slots=True)
class RowDone:
    """What a row's answer says beyond its keys, and what took effect."""

    said: JsonObject = field(repr=False)
    effects: tuple[Effect, ...] = ()


def row_by_row(
    context: Context,
    data: JsonObject,
    keys: tuple[str, ...],
    take: Callable[[JsonObject], RowDone | Refusal],
) -> Reply:
    """A list whose rows are judged each by itself; ``keys`` are answered as they were sent."""
    rows = read_list(context, data)
    if isinstance(rows, Refusal):
        return refused(context, rows)
    results: list[JsonObject] = []
    effects: list[Effect] = []
    for sent, row in read_rows(context, rows, data):
        judged = row if isinstance(row, Refusal) else take(row)
        named = as_sent(sent, *keys)
        if isinstance(judged, RowDone):
            effects.extend(judged.effects)
            results.append(row_result(context, {**named, **judged.said}, None))
        else:
            results.append(row_result(context, named, judged))
    return Reply(success(**{context.spec.list: results}), tuple(effects))


def read_head(context: Context, data: JsonObject) -> JsonObject | Refusal:
    """The fields beside the row list."""
    fields = tuple(each for each in context.spec.request if each.code != context.spec.list)
    return context.reader.read(fields, data)


def day(text: str) -> date:
    """A date that the field check has passed: YYYYMMDD."""
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def money(amounts: Amounts) -> JsonObject:
    return {"aae058": amounts.total, "aae020": amounts.fund, "aae022": amounts.own}


def as_text(value: Any) -> str:
    """A value as the wire has it: decimals without exponent, "" for none (M26)."""
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def number(context: Context, series: str, digits: int) -> str:
    """A new number of the platform's own: the day and a serial number."""
    return f"{context.now:%Y%m%d}{context.world.next_number(series):0{digits}d}"


def unknown_files(world: World, files: Iterable[JsonObject]) -> tuple[str, ...]:
    """附件IDs in a filedata list that the platform has no file for."""
    numbers = (file["aaa726"] for file in files)
    return tuple(aaa726 for aaa726 in numbers if aaa726 and world.attachment(aaa726) is None)


def as_sent(row: Mapping[str, Any], *codes: str) -> JsonObject:
    """Fields of a row as the caller wrote them, for the answer's keys."""
    return {code: str(row.get(code) or "").strip() for code in codes}
