"""``his-agent rekey``: a new data key; the daemon must not run meanwhile."""

from __future__ import annotations

import getpass

import click

from agent.cli.base import command as make_command
from agent.cli.base import pass_session
from agent.cli.direct import database
from agent.cli.output import write_json, write_line
from agent.cli.session import Session, key_ring
from agent.errors import StoreError


@make_command(
    "rekey",
    help="更换数据密钥，把数据库重新加密。先停止代理程序；用运行代理程序的账户执行。中断后再执行一次会继续。",
)
@click.option("--reason", metavar="说明", required=True, help="原因，写入审计记录")
@pass_session
def command(session: Session, reason: str) -> None:
    from agent.clock import SystemClock
    from agent.rekeying import rekey

    config = session.load()
    path = database(config)
    if not path.exists():
        raise StoreError(f"还没有数据库 {path}", hint="没有数据，不需要更换数据密钥")

    def progress(table: str) -> None:
        if not session.json:
            write_line(f"正在重新加密：{table}")

    number = rekey(path, key_ring(config), SystemClock(), getpass.getuser(), reason, progress)
    if session.json:
        write_json({"key": number})
        return
    write_line(f"已更换数据密钥，现在是第 {number} 个")
    write_line("以前的备份只能用以前的数据密钥打开；请现在重新备份：his-agent backup")
