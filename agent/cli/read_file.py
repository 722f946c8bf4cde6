"""``his-agent read-file``: the helper process for large files; started by the daemon only."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from agent.cli.base import command as make_command
from agent.errors import KeyMissing

if TYPE_CHECKING:
    from agent.events import JsonObject
    from agent.hookspecs import ProtocolAdapter
    from agent.submissions import ReadingRules


@make_command("read-file", help="读取一个大文件（由代理程序自己启动）。")
def command() -> None:
    from agent.intake.reader import give_way, serve

    give_way()
    serve(sys.stdin.buffer, sys.stdout.buffer, _build)


class NoKeys:
    """Planning needs no key, and this process is given none."""

    def get(self, name: str) -> str:
        raise KeyMissing("读取进程不持有密钥", hint="请将日志交给开发商", details={"key": name})


def _build(order: JsonObject) -> tuple[ProtocolAdapter, ReadingRules]:
    from agent.intake.rules import reading_rules
    from agent.registry import Registry

    adapter = Registry().protocol(order["system"]).build(order["options"], NoKeys())
    return adapter, reading_rules(order["system"], adapter.catalog, order["rules"])
