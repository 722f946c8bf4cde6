"""Shows what became of each file of a demo, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from agent.demo.playing import Played, Player
from agent.demo.processes import Station
from agent.demo.story import Step

_WIDTH = 150
_PLACES = {
    "结果": "results",
    "下载": "downloads",
    "归档": "archive",
    "被拒绝": "rejected",
    "扫码读卡": "scans",
}


def show(players: Sequence[Player], stations: Mapping[str, Station]) -> None:
    """A table per story, the places of all files, and what was not as it should be."""
    from rich.console import Console

    console = Console(width=None if Console().is_terminal else _WIDTH)
    for player in players:
        console.print(_table(player))
        for player_proof in _proofs(player):
            console.print(player_proof, highlight=False)
    for name, station in stations.items():
        data = station.data
        places = {
            "结果": "results",
            "下载": "downloads",
            "归档": "archive",
            "被拒绝": "rejected",
            "扫码读卡": "scans",
        }
        told = "  ".join(f"{what} {data / folder}" for what, folder in places.items())
        console.print(f"{name} 的文件：{told}", soft_wrap=True)
    for player in players:
        for what in player.skipped:
            console.print(f"{player.story.title}·{what}", soft_wrap=True)
        for what in player.broken:
            console.print(f"与预期不符：{player.story.title}·{what}", style="red", soft_wrap=True)


def _table(player: Player) -> Any:
    from rich.table import Table

    table = Table(title=f"his-agent 演示：{player.story.title}", title_justify="left")
    for heading in ("步骤", "文件", "交易", "状态", "平台代码", "发送", "行", "说明"):
        table.add_column(heading, overflow="fold")
    act = None
    for played in player.played:
        table.add_row(played.act.title if played.act is not act else "", *_cells(played))
        act = played.act
    return table


def _cells(played: Played) -> tuple[str, ...]:
    """One line per file: of a file with many submissions, what they have in common and their counts."""
    results = played.results
    if len(results) == 1:
        (result,) = results
        return (
            played.step.file,
            result["transaction"],
            result["state"],
            str(result.get("code", "")),
            str(result.get("attempts", "")),
            str(len(result.get("rows", ()))),
            _remark(played.step, result),
        )
    states = Counter(result["state"] for result in results)
    told = "、".join(f"{state} {count}" for state, count in states.items())
    attempts = sum(int(result.get("attempts", 0)) for result in results)
    transaction = results[0]["transaction"] if results else ""
    return (played.step.file, transaction, told, "", str(attempts), "", f"{len(results)} 个提交")


def _remark(step: Step, result: Mapping[str, Any]) -> str:
    if step.finding and result["state"] == "accepted":
        return f"平台应答后由卡验证：{step.finding}"
    if result.get("errors"):
        return "；".join(f"{fault['field']} {fault['message']}" for fault in result["errors"])
    if result.get("settled_by") == "inquiry":
        return "应答丢失，经查询得知"
    return str(result.get("message") or "")


def _proofs(player: Player) -> list[str]:
    lines = []
    for act, proof in player.proven:
        if proof.ledger:
            calls = "、".join(map(str, proof.calls))
            lines.append(f"{act.title}：{proof.ledger} 在平台上按到达顺序分为 {calls} 行")
        if proof.downloads:
            lines.append(f"{act.title}：{proof.downloads} 下载为 {proof.files} 个文件")
    return lines
