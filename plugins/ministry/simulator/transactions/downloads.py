"""Every download by one engine: the catalog says what may be asked for and what is answered, ``feeds``
what there is.

Up to ``max_rows`` records that the access key has not confirmed, each under a DOWNNO of its own (M79);
none while an earlier page is open (RE1135). 下载指定人员数据时无此限制: where a person is named, confirmed
records come again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from agent.catalog.model import FieldSpec
from agent.events import JsonObject
from plugins.ministry.simulator.refusals import Refusal
from plugins.ministry.simulator.rules.filings import in_region, same_province
from plugins.ministry.simulator.shelves import Page, Placed
from plugins.ministry.simulator.transactions.base import (
    Context,
    Reply,
    Transaction,
    as_text,
    number,
    read_all,
    refused,
    success,
)
from plugins.ministry.simulator.transactions.feeds import FEEDS, Feed, Record, Side, stay_values

_HOME_SIDE: Final = "1"
"""dlmode: 参保省; anything else is 就医省."""
_HOME_ONLY: Final = frozenset({"ake174", "ake198"})
_PLACE_ONLY: Final = frozenset({"ake175", "ake199"})
_NOT_COMPARED: Final = frozenset({"dlmode", "aab359", "aae030", "aae031"})


def download(busitype: str) -> Transaction:
    """The transaction of one feed."""
    feed = FEEDS[busitype]

    def answer(context: Context, data: JsonObject) -> Reply:
        asked = _asked(context, feed, data)
        if isinstance(asked, Refusal):
            return refused(context, asked)
        shelf = context.world.shelf(context.access.key, busitype)
        if any(shelf.open_pages):
            return refused(context, Refusal("RE1135"))
        head = _head(context, asked)
        if isinstance(head, Refusal):
            return refused(context, head)
        found = matching(context, feed, asked)
        fresh = found if asked.get("aac002") else (each for each in found if each.key not in shelf.taken)
        own = [one_sided(record, asked) for record in islice(fresh, context.spec.max_rows)]
        page = _page(context, head, own)
        shelf.pages.append(page)
        return Reply(success(**page.head, datalist=[placed.row for placed in page.records.values()]))

    return answer


def by_person(context: Context, data: JsonObject) -> Reply:
    """GYD104: all settlements of a person; no DOWNNO and no confirmation (M39)."""
    asked = read_all(context, data)
    if isinstance(asked, Refusal):
        return refused(context, asked)
    if context.world.person(asked["aac002"], asked["aac003"]) is None:
        return refused(context, Refusal("RE1094"))
    ours = (
        record
        for record in matching(context, Feed(FEEDS["GYD103"].records, Side.NATION), asked)
        if any(same_province(side, context.access.province) for side in (record.home, record.place))
    )
    rows = [shown(_row_fields(context), record.values) for record in ours]
    return Reply(success(datalist=rows))


def matching(context: Context, feed: Feed, asked: JsonObject) -> Iterator[Record]:
    """The records that the caller asked for and may have, in the feed's order."""
    for record in feed.records(context.world, context.today):
        side = _side(feed, asked, record)
        theirs = feed.side is Side.NATION or same_province(side, context.access.province)
        region = _region(context, feed, asked)
        if theirs and (not region or in_region(side, region)) and _fits(asked, record):
            yield record


def one_sided(record: Record, asked: JsonObject) -> Record:
    """Without the amounts and people of the side that the caller did not ask for (M73)."""
    other = _PLACE_ONLY if asked.get("dlmode") == _HOME_SIDE else _HOME_ONLY
    if other.isdisjoint(record.values):
        return record
    return replace(record, values={k: v for k, v in record.values.items() if k not in other})


def shown(fields: Iterable[FieldSpec], values: JsonObject) -> JsonObject:
    """Of ``values`` what the catalog's fields are; what there is none of is "" or [] (M26)."""
    return {spec.code: _shown(spec, values.get(spec.code)) for spec in fields}


def _asked(context: Context, feed: Feed, data: JsonObject) -> JsonObject | Refusal:
    asked = read_all(context, data)
    if isinstance(asked, Refusal):
        return asked
    region = asked.get("aab359")
    foreign = region and feed.side is not Side.NATION and not same_province(region, context.access.province)
    return Refusal("RE1172") if foreign else asked


def _head(context: Context, asked: JsonObject) -> JsonObject | Refusal:
    """The fields beside the list: only GYD102 has some, those of the stay it asks about."""
    fields = [spec for spec in context.spec.response if spec.code != context.spec.answer_list]
    if not fields:
        return {}
    stay = context.world.stay(asked["akb020"], asked["akc190"])
    side = stay and (stay.home if asked["dlmode"] == _HOME_SIDE else stay.place)
    if stay is None or not same_province(side or "", context.access.province):
        return Refusal("RE1068")
    return shown(fields, stay_values(stay))


def _page(context: Context, head: JsonObject, records: Iterable[Record]) -> Page:
    fields = _row_fields(context)
    placed = {}
    for record in records:
        downno = number(context, "downno", 12)
        placed[downno] = Placed(record.key, shown(fields, {**record.values, "downno": downno}))
    return Page(context.refid, context.now, head, placed, set(placed))


def _row_fields(context: Context) -> tuple[FieldSpec, ...]:
    name = context.spec.answer_list or "datalist"
    return next(spec.children for spec in context.spec.response if spec.code == name)


def _side(feed: Feed, asked: JsonObject, record: Record) -> str:
    if feed.side is Side.HOME or asked.get("dlmode") == _HOME_SIDE:
        return record.home
    return record.place


def _region(context: Context, feed: Feed, asked: JsonObject) -> str:
    """aab359, or the envelope's aab301 where the transaction has no filter of its own (M13)."""
    if "aab359" in asked or feed.side is Side.NATION:
        return asked.get("aab359") or ""
    return context.region


def _fits(asked: JsonObject, record: Record) -> bool:
    since, until = asked.get("aae030") or "", asked.get("aae031") or ""
    if (since and record.day < since) or (until and record.day > until):
        return False
    return all(
        str(record.values.get(code) or "").upper() == str(wanted).upper()
        for code, wanted in asked.items()
        if wanted and code not in _NOT_COMPARED
    )


def _shown(spec: FieldSpec, value: Any) -> Any:
    if spec.kind == "list":
        return [shown(spec.children, item) for item in value or ()]
    return as_text(value)
