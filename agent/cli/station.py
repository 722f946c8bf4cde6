"""``his-agent station …``: scanners, card readers, and what waits for them."""

from __future__ import annotations

import getpass
import threading

import click

from agent.cli.base import Group, pass_session
from agent.cli.output import write_json, write_line, write_table
from agent.cli.session import Session
from agent.cli.words import moment
from agent.events import JsonObject

command = Group("station", help="窗口：扫码枪、读卡器和正在等待它们的业务。由运行中的代理程序执行。")

LOOK_S = 0.3
_name = click.argument("name", metavar="窗口")
_WORDS = {
    "taken": "已采用",
    "duplicate": "重复",
    "wrong_kind": "不对",
    "nobody_waits": "没有等待",
    "expired": "超时",
    "undone": "撤销",
}


@command.command("list", help="设备的情况，和正在等待扫码或读卡的业务。")
@pass_session
def list_stations(session: Session) -> None:
    answer = session.client().call("station.list")
    if session.json:
        write_json(answer)
    elif answer["devices"] or answer["waits"]:
        draw(answer)
    else:
        write_line("没有配置扫码枪或读卡器，也没有业务在等待")


def draw(told: JsonObject) -> None:
    """The tables of ``station list`` and ``status``; none where no device is configured."""
    if told["devices"]:
        write_line("\n设备")
        names = ("name", "station", "reason", "label", "delivered", "sentence")
        rows = [tuple(str(one[name]) for name in names) for one in told["devices"]]
        write_table(("名称", "窗口", "状态", "端口", "已送出", "说明"), rows)
    if told["waits"]:
        write_line("\n正在等待")
        rows = [
            (one["station"], one["kind"], one["transaction"], moment(one["until"]), _items(one))
            for one in told["waits"]
        ]
        write_table(("窗口", "等什么", "交易", "至", "已扫"), rows)


@command.command("watch", help="实时显示一个窗口每次扫码、读卡的结果。按 Ctrl-C 结束。")
@_name
@click.option("--once", is_flag=True, help="显示现在在等什么，然后结束")
@pass_session
def watch(session: Session, name: str, once: bool) -> None:
    after, shown, pause = 0, "", threading.Event()
    while True:
        answer = session.client().call("station.events", {"station": name, "after": after})
        after = answer["last"]
        for event in answer["events"]:
            _tell(session, event)
        waits = "；".join(
            f"{one['kind']} {one['transaction']} {_items(one)}".strip() for one in answer["waits"]
        )
        if waits != shown and not session.json:
            write_line(f"等待：{waits or '无'}")
            shown = waits
        if once:
            return
        pause.wait(LOOK_S)


@command.command("undo", help="撤销最后一次扫到的追溯码。")
@_name
@pass_session
def undo(session: Session, name: str) -> None:
    answer = session.client().call("station.undo", {"station": name, "who": getpass.getuser()})
    _done(session, answer, "已撤销最后一次扫码")


@command.command("show", help="指定下一个追溯码归到哪一行（从 0 数起）。")
@_name
@click.argument("row", metavar="行", type=int)
@pass_session
def show(session: Session, name: str, row: int) -> None:
    answer = session.client().call("station.show", {"station": name, "row": row})
    _done(session, answer, f"下一个追溯码归到第 {row} 行")


@command.command("cancel", help="取消正在等待的业务。")
@_name
@click.option("--kind", default="", metavar="等什么", help="同一窗口有几种等待时指明")
@click.option("--reason", "--why", "why", default="", metavar="说明", help="原因，写入审计记录")
@pass_session
def cancel(session: Session, name: str, kind: str, why: str) -> None:
    args = {"station": name, "kind": kind, "why": why, "who": getpass.getuser()}
    _done(session, session.client().call("station.cancel", args), "已取消等待")


def _done(session: Session, answer: JsonObject, sentence: str) -> None:
    if session.json:
        write_json(answer)
    else:
        write_line(sentence)


def _tell(session: Session, event: JsonObject) -> None:
    if session.json:
        write_json(event)
    else:
        verdict = _WORDS.get(event["verdict"], event["verdict"])
        write_line(f"{event['at'][11:19]}  {event['kind']}  {verdict}  {event['says']}")


def _items(wait: JsonObject) -> str:
    return "、".join(
        f"{'▶' if item['shown'] else ''}{item['name']} {item['scanned']}/{item['count']}"
        for item in wait["items"]
    )
