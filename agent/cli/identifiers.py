"""``his-agent identifiers …``: the numbers that the systems gave, beside the HIS's own keys."""

from __future__ import annotations

import click

from agent.cli.base import Group, pass_session
from agent.cli.direct import call
from agent.cli.output import write_json, write_line, write_table
from agent.cli.session import Session
from agent.cli.words import cell
from agent.events import JsonObject

command = Group(
    "identifiers",
    help="查找各平台返回的编号（备案、结算、附件、扣款流水号等）及其对应的 HIS 编号。",
)


@command.command("find", help="按 HIS 的编号（如住院号、省级流水号）或平台返回的编号查找，须写全。")
@click.argument("text", metavar="编号")
@click.option("--system", default="", metavar="系统", help="只在某个系统里找")
@click.option("--limit", type=click.IntRange(1, 10000), default=100, metavar="条数", help="最多列出多少条")
@pass_session
def find(session: Session, text: str, system: str, limit: int) -> None:
    answer = call(session, "identifiers.find", {"text": text, "system": system, "limit": limit})
    if session.json:
        write_json(answer)
        return
    if not answer["identifiers"]:
        write_line("没有找到；编号须写全，平台应答之前没有平台编号")
        return
    columns = ("系统", "种类", "HIS 编号", "明细", "平台编号", "来自消息")
    write_table(columns, [_row(fact) for fact in answer["identifiers"]])


def _row(fact: JsonObject) -> tuple[str, ...]:
    key = " / ".join(map(str, fact["key"]))
    return cell(fact["system"]), fact["kind"], key, fact["member"], fact["value"], cell(fact["message"])
