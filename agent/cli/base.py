"""Commands that speak Chinese, and groups that import a command only when it is run."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from agent.cli.session import Session


class _Formatter(click.HelpFormatter):
    """Lines columns up by the cells that characters take on a terminal: two for a Chinese one."""

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        listed = list(rows)
        first = min(max((_cells(left) for left, _ in listed), default=0), col_max) + col_spacing
        margin = " " * self.current_indent
        for left, right in listed:
            room = first - _cells(left)
            gap = " " * room if room >= col_spacing else f"\n{margin}{' ' * first}"
            self.write(f"{margin}{left}{gap if right else ''}{right}\n")


class _Context(click.Context):
    formatter_class = _Formatter


class _Chinese(click.Command):
    """Headings and placeholders of the help text in Chinese."""

    context_class = _Context

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, " ".join(self.collect_usage_pieces(ctx)), prefix="用法：")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        records = [record for option in options if (record := option.get_help_record(ctx))]
        if records:
            with formatter.section("选项"):
                formatter.write_dl([(left, right.replace("[required]", "[必填]")) for left, right in records])

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = "显示帮助"
        return option


class Command(_Chinese):
    """A command with the options that every command has: ``--config``, ``--json``, ``--help``."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        attributes.setdefault("options_metavar", "[选项]")
        super().__init__(*args, **attributes)
        self.params += common_options()


class Group(_Chinese, click.Group):
    """A group whose commands are listed under 命令."""

    command_class = Command

    def __init__(self, *args: Any, **attributes: Any) -> None:
        attributes.setdefault("options_metavar", "[选项]")
        attributes.setdefault("subcommand_metavar", "命令 …")
        super().__init__(*args, **attributes)
        self.params += common_options()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        with formatter.section("命令"):
            formatter.write_dl([(name, self.short_help_of(ctx, name)) for name in self.list_commands(ctx)])

    def short_help_of(self, ctx: click.Context, name: str) -> str:
        """The first sentence of the command's help."""
        command = self.get_command(ctx, name)
        return (command.help or "").partition("。")[0] if command else ""


class LazyGroup(Group):
    """``modules`` maps a command's name to its module and its one line of help. The module is imported
    when the command is run; its ``command`` attribute is the command. ``hidden`` ones run unlisted.
    ``others`` finds commands of any other name."""

    def __init__(
        self,
        *args: Any,
        modules: Mapping[str, tuple[str, str]],
        hidden: frozenset[str] = frozenset(),
        others: Callable[[str], click.Command | None] = lambda _: None,
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **attributes)
        self._modules = modules
        self._hidden = hidden
        self._others = others

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in self._modules if name not in self._hidden]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._modules:
            return self._others(cmd_name)
        command: click.Command = import_module(self._modules[cmd_name][0]).command
        return command

    def short_help_of(self, ctx: click.Context, name: str) -> str:
        return self._modules[name][1]


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def common_options() -> list[click.Parameter]:
    """Accepted before and after a command's name; the later one counts."""
    return [
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path),
            metavar="文件",
            help="配置文件；也可用环境变量 HIS_AGENT_CONFIG 指定",
            expose_value=False,
            callback=_set_config,
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            help="以 JSON 输出，供程序读取",
            expose_value=False,
            callback=_set_json,
        ),
    ]


def _set_config(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(Session).config = value


def version_option() -> click.Parameter:
    """Tells the program's version and ends."""
    return click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        help="显示版本",
        callback=_tell_version,
    )


def _tell_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"his-agent {version('his-agent')}")
        ctx.exit()


def _set_json(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Session).json = True


def command(name: str, **attributes: Any) -> Callable[[Callable[..., Any]], Command]:
    return click.command(name, cls=Command, **attributes)


pass_session = click.make_pass_decorator(Session, ensure=True)
