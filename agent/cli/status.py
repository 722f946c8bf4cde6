"""``his-agent status``: what the daemon says of itself."""

from __future__ import annotations

from collections.abc import Iterator

from agent.cli.base import command as make_command
from agent.cli.base import pass_session
from agent.cli.output import write_json, write_line
from agent.cli.session import Session
from agent.events import Json


@make_command("status", help="显示运行状态：各系统、通道、收件文件夹和消息数。")
@pass_session
def command(session: Session) -> None:
    answer = session.client().call("status")
    if session.json:
        write_json(answer)
        return
    for line in outline(answer):
        write_line(line)


def outline(value: Json, depth: int = 0) -> Iterator[str]:
    """A JSON value as indented lines, empty members left out."""
    indent = "  " * depth
    if isinstance(value, dict):
        for name, member in value.items():
            if member in (None, "", [], {}):
                continue
            if isinstance(member, dict | list):
                yield f"{indent}{name}:"
                yield from outline(member, depth + 1)
            else:
                yield f"{indent}{name}: {member}"
    elif isinstance(value, list):
        for number, member in enumerate(value):
            if isinstance(member, dict) and number:
                yield f"{indent}-"
            yield from outline(member, depth)
    else:
        yield f"{indent}{value}"
