"""``his-agent outbox …``: messages, and the decisions that only a person can take."""

from __future__ import annotations

import getpass

import click

from agent.cli.base import Group, pass_session
from agent.cli.direct import call
from agent.cli.output import write_json, write_line, write_table
from agent.cli.session import Session
from agent.cli.words import ACTS, ATTEMPT_STATES, MESSAGE_STATES, cell, moment
from agent.events import JsonObject

command = Group(
    "outbox",
    help="查看和处置待发消息。代理程序运行时由它执行；没有运行时直接操作数据库。每次处置都有审计记录。",
)

_SHOWN = ("message", "system", "transaction", "his_id", "state", "code", "tries", "blocked_by", "received_at")
_LABELS = {
    "message": "编号",
    "submission": "提交",
    "system": "系统",
    "transaction": "交易",
    "his_id": "HIS 编号",
    "lane": "通道",
    "state": "状态",
    "code": "代码",
    "tries": "发送次数",
    "wire_id": "交易流水号",
    "blocked_by": "被哪条消息挡住",
    "blocked_by_submission": "被哪次提交挡住",
    "received_at": "收到时间",
    "deadline_at": "办理期限",
    "deadline": "期限的要求",
}
_message = click.argument("message", type=click.IntRange(min=1), metavar="编号")


_why = click.option("--reason", metavar="说明", required=True, help="原因，写入审计记录")
_why_or_not = click.option("--reason", metavar="说明", default="", help="原因，写入审计记录")


@command.command("list", help="列出消息，可按状态和系统筛选。")
@click.option("--state", type=click.Choice(list(MESSAGE_STATES)), help="只看某个状态的消息")
@click.option("--system", default="", metavar="系统", help="只看某个系统的消息")
@click.option("--limit", type=click.IntRange(1, 10000), default=100, metavar="条数", help="最多列出多少条")
@pass_session
def list_messages(session: Session, state: str | None, system: str, limit: int) -> None:
    answer = call(session, "outbox.list", {"state": state or "", "system": system, "limit": limit})
    if session.json:
        write_json(answer)
        return
    columns = ("编号", "系统", "交易", "HIS 编号", "状态", "代码", "次数", "被谁挡住", "收到时间")
    write_table(columns, [_row(message) for message in answer["messages"]])


@command.command("show", help="显示一条消息和它的经过。")
@_message
@pass_session
def show(session: Session, message: int) -> None:
    answer = call(session, "outbox.show", {"message": message})
    if session.json:
        write_json(answer)
        return
    shown = _in_words(answer["message"])
    for name, label in _LABELS.items():
        if shown.get(name) not in (None, ""):
            write_line(f"{label}：{shown[name]}")
    if answer["history"]:
        write_line("\n经过")
        write_table(("时间", "事项", "流水号", "代码", "谁", "说明"), map(_step, answer["history"]))


@command.command("retry", help="把结果不明或暂停的消息重新发送。确认对方没有收到时才可以这样做。")
@_message
@_why_or_not
@pass_session
def retry(session: Session, message: int, reason: str) -> None:
    answer = _act(session, "outbox.retry", message, reason)
    _tell(session, answer, f"消息 {message} 已重新排队")


@command.command("skip", help="放行被一条失败消息挡住的后续消息；这条消息本身不再发送。")
@_message
@_why
@pass_session
def skip(session: Session, message: int, reason: str) -> None:
    answer = _act(session, "outbox.skip", message, reason)
    _tell(session, answer, f"已放行 {answer.get('released', 0)} 条后续消息")


@command.command("cancel", help="取消一条消息所属的提交中尚未发出的部分。")
@_message
@_why
@pass_session
def cancel(session: Session, message: int, reason: str) -> None:
    answer = _act(session, "outbox.cancel", message, reason)
    if answer["whole"]:
        sentence = f"消息 {message} 所属的提交已取消"
    else:
        sentence = f"消息 {message} 所属的提交中尚未发出的部分已取消；已经发出的部分以平台的结果为准"
    _tell(session, answer, sentence)


@command.command("resolve", help="裁定结果不明或暂停的消息：对方已受理、已拒绝，或重新发送。")
@_message
@click.option(
    "--as",
    "verdict",
    type=click.Choice(("accepted", "rejected", "resend")),
    required=True,
    help="accepted 已受理；rejected 已拒绝；resend 重新发送",
)
@click.option("--data", default="{}", metavar="JSON", help='对方给出的编号等，例如 {"akc190": "…"}')
@_why
@pass_session
def resolve(session: Session, message: int, verdict: str, data: str, reason: str) -> None:
    answer = _act(session, "outbox.resolve", message, reason, **{"as": verdict, "data": _object(data)})
    _tell(session, answer, f"消息 {message} 已裁定为 {verdict}")


def _act(session: Session, verb: str, message: int, reason: str, **more: object) -> JsonObject:
    args: JsonObject = {"message": message, "who": getpass.getuser(), "why": reason, **more}
    return call(session, verb, args)


def _tell(session: Session, answer: JsonObject, sentence: str) -> None:
    if session.json:
        write_json(answer)
    else:
        write_line(sentence)


def _object(text: str) -> JsonObject:
    from agent import jsontext

    try:
        return jsontext.read_object(text)
    except jsontext.JsonTextError as error:
        raise click.BadParameter(str(error), param_hint="--data") from None


def _row(message: JsonObject) -> tuple[str, ...]:
    shown = _in_words(message)
    return tuple(cell(shown.get(name)) for name in _SHOWN)


def _in_words(message: JsonObject) -> JsonObject:
    times = {name: moment(message.get(name)) for name in ("received_at", "deadline_at")}
    return {**message, **times, "state": MESSAGE_STATES.get(str(message.get("state")), message.get("state"))}


def _step(entry: JsonObject) -> tuple[str, ...]:
    """An attempt or an act of a message's history."""
    if "act" in entry:
        act = ACTS.get(str(entry["act"]), cell(entry["act"]))
        return moment(entry["at"]), act, "", "", cell(entry["who"]), cell(entry["why"])
    state = ATTEMPT_STATES.get(str(entry["state"]), cell(entry["state"]))
    attempt = f"第 {entry['attempt']} 次发送：{state}"
    return (
        moment(entry["started_at"]),
        attempt,
        entry["wire_id"],
        cell(entry["code"]),
        "",
        cell(entry["note"]),
    )
