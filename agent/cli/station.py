"""``his-agent station …``: scanners, card readers, and what waits for them."""

from __future__ import annotations

import getpass
import threading

import click

from agent.cli.base import Group, pass_session
from agent.cli.output import write_json, write_line, write_table
from agent.cli.session import Session
from agent.cli.words import moment
from agent.control.client import error_code
from agent.errors import ControlError
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
    "genuine": "认证通过",
    "false": "认证未过",
    "refused": "认证被拒",
    "removed": "已拔卡",
    "late": "应答太晚",
    "released": "没有认证",
}
_KINDS = {
    "ecredential": "医保电子凭证",
    "esscard": "电子社会保障卡",
    "tracecode": "药品追溯码",
    "card": "社会保障卡",
    "ean13": "商品条码",
    "unknown": "不认识的码",
}
_STOPPED = "代理程序没有运行；等它启动后接着显示"
_GONE = frozenset({"not_running", "cut_off", "timeout"})


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
        answer = _events(session, name, after)
        for event in answer["events"] if answer else ():
            _tell(session, event)
        now = _waiting(answer["waits"]) if answer else _STOPPED
        if now != shown and not session.json:
            write_line(now)
        if once and answer and session.json:
            write_json({"waits": answer["waits"]})
        if once:
            return
        after, shown = answer["last"] if answer else after, now
        pause.wait(LOOK_S)


def _events(session: Session, name: str, after: int) -> JsonObject | None:
    """None while an agent that was watched is being started again."""
    try:
        return session.client().call("station.events", {"station": name, "after": after})
    except ControlError as error:
        if after and error_code(error) in _GONE:
            return None
        raise


def _waiting(waits: list[JsonObject]) -> str:
    told = (
        f"{_KINDS.get(one['kind'], '')} {one['kind']} {one['transaction']} {_items(one)}".strip()
        for one in waits
    )
    return f"等待：{'；'.join(told) or '无'}"


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
        kind = _KINDS.get(event["kind"], event["kind"])
        write_line(f"{event['at'][11:19]}  {kind}  {verdict}  {event['says']}")


def _items(wait: JsonObject) -> str:
    return "、".join(map(_item, wait["items"]))


def _item(item: JsonObject) -> str:
    name = item["name"] or f"第 {item['row']} 行"
    return f"{'▶' if item['shown'] else ''}{name} {item['scanned']}/{item['count']}"
