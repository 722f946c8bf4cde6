"""``his-agent SYSTEM NAME …``: the tools that a protocol brings (``ProtocolSpec.commands``), and what it lets
people ask of the running agent (``ProtocolSpec.acts``)."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from agent.cli.base import Command, Group
from agent.cli.output import write_json, write_line
from agent.cli.session import Session

if TYPE_CHECKING:
    from agent.hookspecs import Act, ProtocolCommand


def commands_of(system: str) -> click.Command | None:
    """The group of a protocol's tools; None where no plugin of that name is installed, or it has none.
    Loads that plugin only."""
    from importlib.metadata import entry_points

    from agent.hookspecs import GROUP
    from agent.registry import Registry

    if not entry_points(group=GROUP, name=system):
        return None
    protocol = Registry().protocol(system)
    if not protocol.commands and not protocol.acts:
        return None
    group = Group(system, help=f"{protocol.title}的工具。")
    for tool in protocol.commands:
        group.add_command(_command(tool))
    for act in protocol.acts:
        group.add_command(_act(system, act))
    return group


def _command(tool: ProtocolCommand) -> click.Command:
    def run(given: tuple[str, ...]) -> None:
        if len(given) != len(tool.arguments):
            raise click.UsageError(f"应给出：{' '.join(tool.arguments)}")
        report = tool.run(given)
        if click.get_current_context().ensure_object(Session).json:
            write_json(report.data)
            return
        for line in report.lines:
            write_line(line)

    arguments = click.Argument(["given"], nargs=-1, metavar=" ".join(tool.arguments))
    return Command(tool.name, help=tool.about, params=[arguments], callback=run)


def _act(system: str, act: Act) -> click.Command:
    def run(given: tuple[str, ...], why: str = "") -> None:
        session = click.get_current_context().ensure_object(Session)
        args = {
            "system": system,
            "name": act.name,
            "words": list(given),
            "who": getpass.getuser(),
            "why": why,
        }
        answer = session.client().call("protocol.act", args)
        if session.json:
            write_json(answer["data"])
            return
        for line in answer["lines"]:
            write_line(line)

    params: list[click.Parameter] = [click.Argument(["given"], nargs=-1, metavar=" ".join(act.arguments))]
    if act.decides:
        why = ["--reason", "--why", "why"]
        params.append(click.Option(why, required=True, metavar="说明", help="原因，写入审计记录"))
    return Command(act.name, help=act.about, params=params, callback=run)
