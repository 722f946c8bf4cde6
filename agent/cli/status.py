"""``his-agent status``: what the daemon says of itself."""

from __future__ import annotations

from collections.abc import Iterable

from agent.cli.base import command as make_command
from agent.cli.base import pass_session
from agent.cli.download import draw as draw_downloads
from agent.cli.output import write_json, write_line, write_table
from agent.cli.session import Session
from agent.cli.station import draw as draw_stations
from agent.cli.words import CONDITIONS, MESSAGE_STATES, TROUBLES, WORKERS, cell, moment
from agent.events import JsonObject


@make_command("status", help="显示运行状态：各系统的通道、收件文件夹、消息数、将到期限的消息。")
@pass_session
def command(session: Session) -> None:
    answer = session.client().call("status")
    if session.json:
        write_json(answer)
    else:
        _draw(answer)


def _draw(status: JsonObject) -> None:
    write_line(f"代理程序运行中，时间 {moment(status['now'])}，SM2 实现 {status['sm2']}")
    _table("通道", ("系统", "通道", "情况", "怎么处理"), _lanes(status["systems"]))
    for line in _clocks(status["systems"]):
        write_line(line)
    _table("收件文件夹", ("名称", "情况", "说明"), _folders(status["folders"]))
    _table("消息", ("通道", "状态", "条数"), _counts(status["messages"]))
    columns = ("编号", "系统", "交易", "HIS 编号", "状态", "期限", "要求")
    draw_downloads(status["downloads"])
    draw_stations(status["stations"])
    if status["scans_unread"]:
        write_line(f"\n注意：scans 文件夹里有 {status['scans_unread']} 个文件长时间没有取走")
    _table("将到期限", columns, _deadlines(status["deadlines"]))
    _table("将到期的证书", ("名称", "到期", "剩余天数"), _certificates(status["certificates"]))
    _table("出过错的工作线程", ("名称", "情况", "次数", "最近一次"), _workers(status["workers"]))


def _table(title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    listed = list(rows)
    if listed:
        write_line(f"\n{title}")
        write_table(columns, listed)


def _lanes(systems: list[JsonObject]) -> Iterable[tuple[str, ...]]:
    for system in systems:
        if not system["lanes"]:
            yield system["name"], "", "空闲", ""
        for lane in system["lanes"]:
            name = lane["lane"] + ("（查询）" if lane["queries"] else "")
            yield system["name"], name, _lane_state(lane), (lane["halt"] or {}).get("hint", "")


def _clocks(systems: list[JsonObject]) -> Iterable[str]:
    for system in systems:
        ahead = system["clock_ahead_s"]
        if ahead:
            word = "快" if ahead > 0 else "慢"
            yield f"注意：本机时间比 {system['name']} 平台{word} {abs(ahead)} 秒，请校准并开启自动对时"


def _lane_state(lane: JsonObject) -> str:
    if lane["halt"]:
        return f"已停止：{lane['halt']['message']}"
    if lane["trouble"]:
        trouble = str(lane["trouble"])
        return f"{TROUBLES.get(trouble, trouble)}，{lane['rest_s']} 秒后重试"
    return "正常"


def _folders(folders: list[JsonObject]) -> Iterable[tuple[str, ...]]:
    for folder in folders:
        condition = str(folder["condition"])
        yield folder["name"], CONDITIONS.get(condition, condition), cell(folder["sentence"])


def _counts(messages: list[JsonObject]) -> Iterable[tuple[str, ...]]:
    for entry in messages:
        state = str(entry["state"])
        yield cell(entry["lane"]), MESSAGE_STATES.get(state, state), cell(entry["count"])


def _deadlines(messages: list[JsonObject]) -> Iterable[tuple[str, ...]]:
    for message in messages:
        state = str(message["state"])
        words = {"state": MESSAGE_STATES.get(state, state), "deadline_at": moment(message["deadline_at"])}
        shown = {**message, **words}
        names = ("message", "system", "transaction", "his_id", "state", "deadline_at", "deadline")
        yield tuple(cell(shown[name]) for name in names)


def _certificates(certificates: list[JsonObject]) -> Iterable[tuple[str, ...]]:
    for one in certificates:
        yield one["name"], cell(one["valid_until"]), cell(one["days_left"])


def _workers(workers: list[JsonObject]) -> Iterable[tuple[str, ...]]:
    for worker in workers:
        if worker["failures"]:
            state = str(worker["state"])
            yield (
                worker["name"],
                WORKERS.get(state, state),
                cell(worker["failures"]),
                cell(worker["last_failure"]),
            )
