"""Writes what a command has to say: JSON for programs, tables for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import click

from agent.cli.exits import error_code

if TYPE_CHECKING:
    from agent.errors import AgentError
    from agent.events import Json

_COLOURS: Final = {"ok": "green", "warning": "yellow", "error": "red"}


def write_json(value: Json) -> None:
    """One JSON value on standard output, in UTF-8 whatever the console's code page."""
    from agent import jsontext

    sys.stdout.flush()
    data = (jsontext.write_readable(value) + "\n").encode("utf-8")
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(data.decode("utf-8"))
    else:
        buffer.write(data)
        buffer.flush()


def write_line(text: str) -> None:
    click.echo(text)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, grades: Sequence[str] = ()) -> None:
    """A table: drawn by rich on a terminal, tab-separated otherwise. ``grades`` colours rows."""
    listed = [list(row) for row in rows]
    if not sys.stdout.isatty():
        for row in [list(columns), *listed]:
            click.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns)
    for number, row in enumerate(listed):
        style = _COLOURS.get(grades[number]) if grades else None
        table.add_row(*(escape(cell) for cell in row), style=style)
    Console().print(table)


def write_error(error: AgentError, *, as_json: bool) -> None:
    """An error for people on standard error; for programs on standard output."""
    if as_json:
        told = {"code": error_code(error), "message": error.message, "hint": error.hint}
        write_json({"ok": False, "error": told})
        return
    click.echo(f"错误：{error.message}", err=True)
    if error.hint:
        click.echo(f"处理：{error.hint}", err=True)


def write_bug(error: Exception, *, as_json: bool) -> None:
    """A bug: its type and places, never its text, which may quote a person or a key."""
    import traceback

    from agent.errors import AgentError

    places = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    message = f"程序内部出错：{type(error).__name__}"
    told = AgentError(message, hint="请把下面几行和日志一起交给维护人员", details={"places": places})
    write_error(told, as_json=as_json)
    for place in places:
        click.echo(f"  {place}", err=True)


def tolerate_narrow_consoles() -> None:
    """A console whose code page lacks a character shows ``?`` for it instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
