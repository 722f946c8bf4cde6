"""``his-agent demo``: the whole way on this machine, with sample files and invented people."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from agent.demo.stage import Stage, fresh

WHERE = Path("demo-data")


def main() -> int:
    """Play the story and show what became of each file; 0 when all became what they should."""
    stage = Stage(fresh(WHERE.absolute()))
    try:
        results = play(stage)
        batches = fee_batches(stage)
        code = stage.stop_agent()
    finally:
        stage.close()
    show(stage, results, batches)
    return 0 if code == 0 and as_expected(results, batches) else 1


def play(stage: Stage) -> dict[str, dict[str, Any]]:
    """Start both sides, drop every sample in its order, wait for all final results."""
    stage.start_platform()
    stage.start_agent()
    dropped = samples()
    for name, content in dropped:
        stage.drop(name, content)
    return stage.wait_for_results(len(dropped))


def samples() -> list[tuple[str, bytes]]:
    folder = files("agent.demo") / "samples"
    found = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return [(entry.name, entry.read_bytes()) for entry in found]


def fee_batches(stage: Stage) -> list[int]:
    """How many fee rows each call brought to the platform, in the order in which they arrived; a row out
    of its place ends a batch."""
    entries = stage.admin("ledger?transaction=GYU102&limit=10000")["entries"]
    batches: list[int] = []
    last = ("", 0)
    for entry in entries:
        number = int(entry["key"].rpartition("/F")[2])
        follows = entry["wire_id"] == last[0] and number == last[1] + 1
        if follows:
            batches[-1] += 1
        else:
            batches.append(1)
        last = (entry["wire_id"], number)
    return batches


BATCHES = [500, 500, 200]
EXPECTED = {
    "DEMO-0001": "accepted",
    "DEMO-0002": "accepted",
    "DEMO-0003": "accepted",
    "DEMO-0004": "accepted",
    "DEMO-0005": "invalid",
    "DEMO-0007": "accepted",
}


def as_expected(results: dict[str, dict[str, Any]], batches: list[int]) -> bool:
    states = {result["id"]: result["state"] for result in results.values()}
    return len(results) == len(samples()) and states == EXPECTED and batches == BATCHES


def show(stage: Stage, results: dict[str, dict[str, Any]], batches: list[int]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="his-agent 演示：每个文件的去向", title_justify="left")
    for heading in ("文件", "交易", "状态", "平台代码", "发送", "行", "说明"):
        table.add_column(heading, overflow="fold")
    for name, result in results.items():
        table.add_row(
            name.removesuffix(".result.json").removesuffix(f".{result['id']}"),
            result["transaction"],
            result["state"],
            result["code"],
            str(result["attempts"]),
            str(len(result["rows"])),
            _remark(result),
        )
    console = Console(width=None if Console().is_terminal else 150)
    console.print(table)
    console.print(f"1200 行费用明细在平台上的批次，按到达顺序：{'、'.join(map(str, batches))}")
    console.print(f"结果文件：{stage.results}", soft_wrap=True)
    for name in results:
        console.print(f"  {name}", soft_wrap=True, highlight=False)
    console.print(f"已归档：{stage.data / 'archive'}  被拒绝：{stage.data / 'rejected'}", soft_wrap=True)


def _remark(result: dict[str, Any]) -> str:
    if result.get("errors"):
        return "；".join(f"{e['field']} {e['message']}" for e in result["errors"])
    return str(result.get("message") or "")
