"""``his-agent download …``: what the agent downloads for the HIS, by itself and on request."""

from __future__ import annotations

import getpass
from datetime import datetime

import click

from agent.cli.base import Group, pass_session
from agent.cli.output import write_json, write_line, write_table
from agent.cli.session import Session
from agent.cli.words import cell
from agent.events import JsonObject

command = Group(
    "download",
    help="下载：查看定时和未读文件，立即下载，申请重新下载。由运行中的代理程序执行。",
)

_FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y%m%d%H%M%S", "%Y-%m-%d")
_SCHEDULES = ("系统", "交易", "说明", "每隔（分）", "上次（分钟前）", "下次（分钟后）")
_FILES = ("系统", "交易", "待写", "未读", "最早", "注意")
_name = click.argument("name", metavar="交易")
_system = click.option("--system", default="", metavar="系统", help="有几个系统时指明是哪个")
_why = click.option("--reason", metavar="说明", default="", help="原因，写入审计记录")


@command.command("list", help="定时下载的情况，和还没有被 HIS 取走的文件。")
@pass_session
def list_downloads(session: Session) -> None:
    answer = session.client().call("download.list")
    if session.json:
        write_json(answer)
        return
    draw(answer)
    if not any(answer[part] for part in ("schedules", "files", "trouble")):
        write_line("没有定时下载，也没有未取走的文件；定时下载须在该系统的配置里填 download_roles")


def draw(downloads: JsonObject) -> None:
    """The tables of ``download list`` and ``status``; none where nothing is downloaded."""
    if downloads["schedules"]:
        write_line("\n定时下载")
        write_table(_SCHEDULES, [_schedule(one) for one in downloads["schedules"]])
    if downloads["files"]:
        write_line("\n下载的文件")
        write_table(_FILES, [_file(one) for one in downloads["files"]])
    if downloads["trouble"]:
        write_line(
            f"下载文件夹无法写入（错误 {downloads['trouble']}），恢复前不会向平台确认，请检查磁盘和权限"
        )


@command.command("run", help="立即下载。可带查询字段，如 GYD102 akb020=… akc190=…；不带时与定时下载相同。")
@_name
@click.argument("fields", nargs=-1, metavar="[字段=值]…")
@_system
@_why
@pass_session
def run(session: Session, name: str, fields: tuple[str, ...], system: str, reason: str) -> None:
    args = {"name": name, "system": system, "fields": _given(fields)}
    args |= {"who": getpass.getuser(), "why": reason}
    _tell(session, session.client().call("download.run", args), f"{name} 已开始下载，文件在 downloads/ 下")


@command.command("again", help="申请重新下载（GYR005）。三种形式任选一种；申请成功后再下载即可得到。")
@_name
@click.option("--wire-id", default="", metavar="流水号", help="当时那次下载的交易流水号")
@click.option("--since", type=click.DateTime(_FORMATS), metavar="时间", help="下载开始时间，与 --until 同用")
@click.option("--until", type=click.DateTime(_FORMATS), metavar="时间", help="下载结束时间，与 --since 同用")
@click.option("--all", "everything", is_flag=True, help="该交易以往下载过的全部数据")
@_system
@_why
@pass_session
def again(
    session: Session,
    name: str,
    wire_id: str,
    since: datetime | None,
    until: datetime | None,
    everything: bool,
    system: str,
    reason: str,
) -> None:
    forms = [bool(wire_id), bool(since and until), everything]
    if sum(forms) != 1 or (since is None) != (until is None):
        raise click.UsageError("请在 --wire-id、--since 加 --until、--all 中选一种")
    args = {
        "name": name,
        "system": system,
        "wire_id": wire_id,
        "since": since.isoformat() if since else "",
        "until": until.isoformat() if until else "",
        "who": getpass.getuser(),
        "why": reason,
    }
    answer = session.client().call("download.again", args)
    _tell(session, answer, f"已申请重新下载 {name}；申请成功后执行 his-agent download run {name}")


def _given(fields: tuple[str, ...]) -> JsonObject:
    given: JsonObject = {}
    for field in fields:
        code, mark, value = field.partition("=")
        if not mark or not code:
            raise click.UsageError("查询字段的格式是 字段=值，例如 akb020=51010000001")
        given[code] = value
    return given


def _tell(session: Session, answer: JsonObject, sentence: str) -> None:
    if session.json:
        write_json(answer)
    else:
        write_line(sentence)


def _file(one: JsonObject) -> tuple[str, ...]:
    names = ("system", "transaction", "waiting", "unread", "oldest_at")
    return (*(cell(one[name]) for name in names), "久未取走" if one["late"] else "")


def _schedule(one: JsonObject) -> tuple[str, ...]:
    minutes = (one["every_s"], one["ran_s_ago"], one["due_in_s"])
    shown = ("" if seconds is None else cell(round(seconds / 60)) for seconds in minutes)
    return (one["system"], one["name"], one["about"], *shown)
