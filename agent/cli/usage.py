"""Usage errors in Chinese."""

from __future__ import annotations

import re

import click

from agent.cli.output import write_json

_SURPLUS = re.compile(r"Got unexpected extra arguments? \((.*)\)")
"""How click says it; it has no class of its own for it."""


def explain(error: click.UsageError) -> str:
    """What is wrong with the command line, in Chinese."""
    if isinstance(error, click.NoSuchOption):
        return f"没有选项 {error.option_name}{_possibly(error.possibilities or ())}"
    if isinstance(error, click.exceptions.NoSuchCommand):
        return f"没有命令 {error.command_name}{_possibly(error.possibilities or ())}"
    if isinstance(error, click.MissingParameter):
        return f"缺少{_parameter(error)}"
    if isinstance(error, click.BadParameter):
        return f"{_parameter(error)} 的值不对：{_demand(error)}"
    if isinstance(error, click.BadOptionUsage):
        return f"选项 {error.option_name} 用法不对：缺少值或多了值"
    if isinstance(error, click.BadArgumentUsage):
        return f"参数用法不对：{error.message}"
    surplus = _SURPLUS.match(error.format_message())
    return f"多了参数：{surplus[1]}" if surplus else f"命令行有误：{error.format_message()}"


def write(error: click.UsageError, *, as_json: bool = False) -> None:
    """The explanation and the usage line on standard error; for programs on standard output."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    message, hint = explain(error), _hint(error.ctx)
    if as_json:
        write_json({"ok": False, "error": {"code": "usage", "message": message, "hint": hint}})
        return
    click.echo(f"错误：{message}", err=True)
    if error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
        click.echo(f"处理：{hint}", err=True)


def _hint(context: click.Context | None) -> str:
    return f"{context.command_path} --help 可查看说明" if context is not None else ""


def _demand(error: click.BadParameter) -> str:
    """What the parameter's type wants; click says it in English."""
    kind = error.param.type if error.param is not None else None
    if isinstance(kind, click.Choice):
        return f"应为 {'、'.join(map(str, kind.choices))} 之一"
    if isinstance(kind, click.IntRange):
        most = "" if kind.max is None else f"，不大于 {kind.max}"
        return f"应为整数，不小于 {kind.min}{most}"
    if isinstance(kind, click.Path):
        return "文件不存在，或不是可读的文件"
    if kind is click.FLOAT:
        return "应为数字"
    return error.message


def _parameter(error: click.BadParameter) -> str:
    if isinstance(error.param, click.Argument):
        return f"参数 {error.param.metavar or error.param.name}"
    if error.param is None and error.param_hint:
        return f"参数 {error.param_hint}"
    return f"选项 {error.param.opts[0]}" if error.param is not None else "参数"


def _possibly(names: object) -> str:
    listed = [str(name) for name in names] if isinstance(names, list | tuple | set) else []
    return f"，是否想用 {'、'.join(sorted(listed))}" if listed else ""
