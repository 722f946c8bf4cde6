"""Passwords of key files: from the terminal or standard input, never from the command line, which every
process of the machine can read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import click

from agent.errors import KeyRejected

_LONGEST: Final = 1024


def asker(*, from_stdin: bool) -> Callable[[], str]:
    """What gives the password when a file turns out to need one. Raises KeyRejected without a terminal."""
    return _first_line if from_stdin else _ask


def _first_line() -> str:
    """Exactly what stands before the first line end: spaces may belong to a password."""
    data = sys.stdin.buffer.readline(_LONGEST)
    try:
        return data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise KeyRejected("口令不是 UTF-8 文本", hint="请以 UTF-8 编码传入口令") from None


def _ask() -> str:
    if not sys.stdin.isatty():
        raise KeyRejected(
            "这个文件有口令保护", hint="请在终端里执行，或加 --password-stdin 从标准输入传入口令"
        )
    return str(click.prompt("密钥文件的口令", hide_input=True, err=True))
