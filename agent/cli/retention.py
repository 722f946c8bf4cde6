"""``his-agent retention``: purge what is older than it is to be kept; the daemon does so daily by itself."""

from __future__ import annotations

import getpass

import click

from agent.cli.base import command as make_command
from agent.cli.base import pass_session
from agent.cli.direct import call
from agent.cli.output import write_json, write_line, write_table
from agent.cli.session import Session

_RULES = {
    "archive": "已受理的原始文件",
    "rejected": "退回的文件",
    "results": "已确认的结果文件",
    "downloads": "已读的下载文件",
    "scans": "已读的扫码和读卡",
    "logs": "旧的日志文件",
    "messages": "已结束业务的内容",
    "audit": "审计记录",
}


@make_command(
    "retention",
    help="清理超过保留期（配置 [retention]）的内容，代理程序每天做一次；没有读过的结果、下载和扫码从不清理。",
)
@click.option("--dry-run", is_flag=True, help="只列出会清理什么，不改变任何东西")
@click.option("--reason", metavar="说明", default="", help="原因，写入审计记录")
@pass_session
def command(session: Session, dry_run: bool, reason: str) -> None:
    args = {"dry_run": dry_run, "who": getpass.getuser(), "why": reason}
    answer = call(session, "retention", args)
    if session.json:
        write_json(answer)
        return
    rows = [
        (_RULES.get(name, name), str(rule["count"]), f"{rule['size'] / 1048576:.1f}", str(rule["failed"]))
        for name, rule in answer["rules"].items()
    ]
    write_table(("内容", "会清理" if dry_run else "已清理", "MB", "没能清理"), rows)
    if dry_run:
        write_line("以上只是预览，没有改变任何东西")
