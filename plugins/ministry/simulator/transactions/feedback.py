"""GYU008 信息下载结果反馈, GYD008 未反馈下载结果信息查询 and GYR005 接口重复下载申请."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.ministry.simulator.refusals import BAD_PARAMETER, Refusal
from plugins.ministry.simulator.shelves import Page
from plugins.ministry.simulator.transactions.base import (
    Context,
    Reply,
    RowDone,
    read_all,
    refused,
    row_by_row,
    success,
)


def confirm(context: Context, data: JsonObject) -> Reply:
    """GYU008: only this marks a record as downloaded. Confirming one twice says the same thing."""
    return row_by_row(context, data, ("busitype", "downno"), lambda row: _confirm(context, row))


def unconfirmed(context: Context, data: JsonObject) -> Reply:
    """GYD008: the page as its download gave it, with the rows that are not confirmed (M41)."""
    asked = read_all(context, data)
    if isinstance(asked, Refusal):
        return refused(context, asked)
    page = next(_open_pages(context, asked["hisbusitype"], asked["hisrefid"]), None)
    if page is None:
        return Reply(success(cqdata={}))
    rows = [placed.row for downno, placed in page.records.items() if downno in page.open]
    return Reply(success(cqdata={**page.head, "datalist": rows}))


def offer_again(context: Context, data: JsonObject) -> Reply:
    """GYR005: by the call's number, by its time, or everything. It changes nothing that counts."""
    asked = read_all(context, data)
    if isinstance(asked, Refusal):
        return refused(context, asked)
    shelf = context.world.shelf(context.access.key, asked["txno"])
    wanted = _wanted(asked)
    pages = [page for page in shelf.pages if wanted(page)]
    if asked["refidhis"] and not pages:
        return refused(context, Refusal("RE1106"))
    shelf.offer_again(iter(pages))
    return Reply(success())


def _confirm(context: Context, row: JsonObject) -> RowDone | Refusal:
    fresh = context.world.shelf(context.access.key, row["busitype"]).confirm(row["downno"])
    if fresh is None:
        return Refusal(BAD_PARAMETER, detail="下载流水号不存在")
    confirmed = Effect(f"confirmed:{context.access.key}/{row['busitype']}/{row['downno']}")
    return RowDone({}, (confirmed,) if fresh else ())


def _open_pages(context: Context, busitype: str, refid: str) -> Iterator[Page]:
    for (key, of_busitype), shelf in context.world.shelves.items():
        if key == context.access.key and busitype in ("", of_busitype):
            yield from (page for page in shelf.open_pages if refid in ("", page.refid))


def _wanted(asked: JsonObject) -> Callable[[Page], bool]:
    since, until = asked["aae030"], asked["aae031"]

    def wanted(page: Page) -> bool:
        moment = f"{page.at:%Y%m%d%H%M%S}"
        return asked["refidhis"] in ("", page.refid) and (not since or since <= moment <= until)

    return wanted
