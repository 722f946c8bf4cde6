"""``his-agent demo``: the whole way, on this machine, with invented data."""

from __future__ import annotations

from importlib import import_module

import click

from agent.cli.base import command as make_command


@make_command(
    "demo",
    help="在本机启动演练服务器和代理程序，用虚构数据完整演示一遍，不接触真实系统。可只演示指明的系统。",
)
@click.argument("systems", nargs=-1, metavar="[系统]…")
def command(systems: tuple[str, ...]) -> int | None:
    code: int | None = import_module("agent.demo").main(systems)
    return code
