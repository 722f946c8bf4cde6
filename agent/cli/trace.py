"""``his-agent trace …``: drug trace codes."""

from __future__ import annotations

import click

from agent.cli.base import Group, pass_session
from agent.cli.direct import call
from agent.cli.output import write_json, write_line, write_table
from agent.cli.session import Session
from agent.events import JsonObject

command = Group("trace", help="药品追溯码：哪些已结算的就诊还没有上传。")


@command.command("owed", help="列出已结算而追溯码没有上传齐的就诊，最早的在前。")
@click.option("--system", default="", metavar="系统", help="只看某个系统")
@pass_session
def owed(session: Session, system: str) -> None:
    answer = call(session, "trace.owed", {"system": system})
    if session.json:
        write_json(answer)
        return
    if not answer["owed"]:
        write_line("没有欠传追溯码的就诊")
        return
    columns = ("系统", "机构", "业务流水号", "医院编号", "结算日期", "已过天数", "缺少的明细")
    write_table(columns, [_row(debt) for debt in answer["owed"]])


def _row(debt: JsonObject) -> tuple[str, ...]:
    items = "；".join(f"{item['detail']} {item['name']} {item['left']}" for item in debt["items"])
    named = [str(debt[name]) for name in ("system", "lane", "visit", "own", "since", "days")]
    return (*named, items)
