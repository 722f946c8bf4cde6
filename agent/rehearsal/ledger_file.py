"""The ledger's file: one JSON object a line, appended, readable by its owner only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from agent import jsontext
from agent.errors import ConfigurationError
from agent.events import JsonObject


class LedgerFile:
    """Appends lines without a buffer of our own, so that a killed process loses nothing it has written."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._file = FileIO(os.open(path, flags, 0o600), "a")

    def write(self, line: JsonObject) -> None:
        left = memoryview(jsontext.write(line).encode("utf-8") + b"\n")
        while left:
            left = left[self._file.write(left) :]

    def close(self) -> None:
        self._file.close()


def mend(path: Path) -> None:
    """Cut off the line that was being written when its server was killed."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)


def read_lines(path: Path) -> Iterator[JsonObject]:
    """Every whole line. Raises ValueError for one that is no JSON object."""
    for line in path.read_bytes().split(b"\n")[:-1]:
        yield jsontext.read_object(line.decode("utf-8"))


def unreadable(path: Path) -> ConfigurationError:
    return ConfigurationError(
        "台账文件无法读取", hint="请换一个台账文件，或删除旧文件后重新开始演练", details={"file": path.name}
    )
