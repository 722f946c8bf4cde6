"""``his-agent stop``."""

from __future__ import annotations

import getpass

import click

from agent.cli.base import command as make_command
from agent.cli.base import pass_session
from agent.cli.output import write_json, write_line
from agent.cli.session import Session


@make_command("stop", help="停止运行中的代理程序：正在发送的等它结束，其余留在磁盘上。")
@click.option("--reason", metavar="说明", default="", help="原因，写入审计记录")
@pass_session
def command(session: Session, reason: str) -> None:
    answer = session.client().call("stop", {"who": getpass.getuser(), "why": reason})
    if session.json:
        write_json(answer)
    else:
        write_line("代理程序正在停止")
