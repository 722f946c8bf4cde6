"""``his-agent backup``: a consistent copy of the outbox while the agent runs."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from agent.cli.base import command as make_command
from agent.cli.base import pass_session
from agent.cli.direct import call
from agent.cli.output import write_json, write_line
from agent.cli.session import Session


@make_command(
    "backup",
    help="把数据库备份到一个新的文件夹，运行中也可以做。内容仍是加密的；数据密钥不在备份里，须另行保管。",
)
@click.argument("target", metavar="目录", type=click.Path(path_type=Path))
@click.option("--reason", metavar="说明", default="", help="原因，写入审计记录")
@pass_session
def command(session: Session, target: Path, reason: str) -> None:
    args = {"target": str(target.absolute()), "who": getpass.getuser(), "why": reason}
    answer = call(session, "backup", args)
    if session.json:
        write_json(answer)
        return
    write_line(f"已备份到 {answer['target']}，{answer['bytes'] / 1048576:.1f} MB")
    write_line("恢复时还需要数据密钥 agent/data-key：它不在备份里，请确认另有保管")
