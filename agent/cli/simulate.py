"""``his-agent simulate SYSTEM``: a protocol's rehearsal server."""

from __future__ import annotations

from collections.abc import Iterable

import click

from agent.cli.base import command as make_command
from agent.errors import ConfigurationError


@make_command(
    "simulate",
    help="启动某个系统的演练服务器，直到 Ctrl-C。选项写成 名称=值，例如 port=7015；同名选项可写多次。",
)
@click.argument("system", metavar="系统")
@click.argument("options", nargs=-1, metavar="[名称=值]…")
def command(system: str, options: tuple[str, ...]) -> None:
    from agent.registry import Registry

    protocol = Registry().protocol(system)
    if protocol.simulate is None:
        raise ConfigurationError(f"系统 {system} 没有演练服务器", hint="请询问这个插件的作者")
    protocol.simulate(collect(options))


def collect(options: Iterable[str]) -> dict[str, str | list[str]]:
    """``name=value`` pairs as a mapping; a name given several times has a list."""
    collected: dict[str, list[str]] = {}
    for option in options:
        name, separator, value = option.partition("=")
        if not separator or not name:
            raise click.BadParameter("应写成 名称=值", param_hint="[名称=值]")
        collected.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in collected.items()}
