"""``his-agent restore``: a backup in the place of a lost outbox. The agent must not run."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.cli.base import command as make_command
from agent.cli.base import pass_session
from agent.cli.output import write_json, write_line
from agent.cli.session import Session, key_ring

if TYPE_CHECKING:
    from agent.backup.restoring import Restored

_RISK: Final = """\
备份不知道它之后发生的事：备份里未完成的业务，可能早已发给平台并被受理。重复发送就是重复结算、重复扣款。
因此恢复之后：
  · 备份里每一条未完成的消息都变为“结果不明”，不会自动发送；请向平台逐笔核对后用 outbox resolve 裁定；
  · 备份之后受理的文件（archive 里，以及已取走、还没归档的）登记为“结果不明”，同一编号再次提交不会重发；
  · 备份之后受理、而归档文件已不在的业务，本机没有任何记录，HIS 不要再次提交；
  · 流水号从数据库之外的号段文件继续；该文件丢失时，每个号段跳过一大段。"""


@make_command(
    "restore",
    help="从备份恢复数据库。先停止代理程序，并把现有的数据库移到别的文件夹；用运行代理程序的账户执行。",
)
@click.argument("backup", metavar="目录", type=click.Path(path_type=Path))
@click.option("--reason", metavar="说明", required=True, help="原因，写入审计记录")
@click.option("--yes", is_flag=True, help="已知后果，不再询问")
@pass_session
def command(session: Session, backup: Path, reason: str, yes: bool) -> None:
    from agent.backup.restoring import restore
    from agent.clock import SystemClock
    from agent.registry import Registry

    registry = Registry()
    config = session.load(registry)
    if not yes:
        write_line(_RISK)
        click.confirm("明白以上后果，开始恢复？", abort=True)
    ring = key_ring(config)
    done = restore(config, registry, ring, SystemClock(), backup, getpass.getuser(), reason)
    if session.json:
        write_json(_told(done))
    else:
        _draw(done)


def _told(done: Restored) -> dict[str, object]:
    return {
        "made_at": done.made_at.isoformat(),
        "unknown": done.unknown,
        "bare": done.bare,
        "left": done.left,
        "registered": _texts(done.accepted.registered),
        "registered_bare": _texts(done.accepted.bare),
        "attachments": _texts(done.accepted.attachments),
        "unreadable": _texts(done.accepted.unreadable),
        "numbers_left_out": done.numbers_left_out,
    }


def _texts(paths: tuple[Path, ...]) -> list[str]:
    return [str(path) for path in paths]


def _draw(done: Restored) -> None:
    write_line(f"已恢复 {done.made_at:%Y-%m-%d %H:%M:%S} 的备份")
    write_line(f"结果不明、等待裁定的消息：{done.unknown} 条（his-agent outbox list --state unknown）")
    if done.bare:
        write_line(
            f"备份时还在等附件或扫码、现在只知道编号的业务：{done.bare} 笔（由 HIS 用 .resolve.json 裁定）"
        )
    if done.left:
        write_line(f"不再自动办理的（如超时未确认记账的自动撤销）：{done.left} 笔，请与 HIS 核对后人工办理")
    _list("备份之后受理、现登记为结果不明的文件", done.accepted.registered)
    _list("备份之后受理、只登记了编号的文件（由 HIS 用 .resolve.json 裁定）", done.accepted.bare)
    _list("它们的附件", done.accepted.attachments)
    _list("备份之后归档、读不出业务的文件（控制文件、无主的附件等），请人工核对", done.accepted.unreadable)
    if done.numbers_left_out:
        write_line("号段文件不在，已让每个号段跳过一大段号码，以免与备份之后用过的重复")


def _list(title: str, paths: tuple[Path, ...]) -> None:
    if paths:
        write_line(f"{title}：{len(paths)} 个")
        for path in paths:
            write_line(f"  {path}")
