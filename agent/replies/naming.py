"""What a result file is called, and that none takes the place of another submission's."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from itertools import count
from pathlib import Path

from agent.events import JsonObject
from agent.replies.render import suffix

LONGEST_NAME = 255
"""Bytes; no file system takes more."""


def result_name(file_name: str, his_id: str, form: str, number: int = 1) -> str:
    """``<full input name>.<id>.result.json``; without the id where none could be read.

    ``number`` from 2 on stands before ``.result``. Of a name that is too long the input's part is cut,
    and a digest of the whole keeps it apart from others that begin alike.
    """
    ending = (f".{his_id}" if his_id else "") + (f".{number}" if number > 1 else "") + suffix(form)
    if len((file_name + ending).encode()) <= LONGEST_NAME:
        return file_name + ending
    mark = "~" + hashlib.sha256(file_name.encode()).hexdigest()[:12]
    room = LONGEST_NAME - len((mark + ending).encode())
    return file_name.encode()[: max(0, room)].decode("utf-8", "ignore") + mark + ending


def place(folder: Path, file_name: str, form: str, result: JsonObject, taken: Collection[Path]) -> Path:
    """Where a result goes: the plain name, or the next number while another submission's result, which
    the HIS has not taken yet, is there. ``taken`` are the places of results written together with it."""
    for number in count(1):
        path = folder / result_name(file_name, str(result["id"]), form, number)
        if path not in taken and (not path.exists() or is_of(path, result)):
            return path
    raise AssertionError("unreachable: count() does not end")


def placed(folder: Path, file_name: str, form: str, result: JsonObject) -> Path | None:
    """Where a submission's result lies; None when the HIS has taken it away."""
    for number in count(1):
        path = folder / result_name(file_name, str(result["id"]), form, number)
        if not path.exists():
            return None
        if is_of(path, result):
            return path
    raise AssertionError("unreachable: count() does not end")


def is_of(path: Path, result: JsonObject) -> bool:
    """Whether a result file on disk tells of the same submission. Every form carries the transaction and
    the time of arrival, which is exact to the microsecond."""
    try:
        there = path.read_bytes()
    except FileNotFoundError:
        return True
    return all(str(result[key]).encode() in there for key in ("received_at", "transaction"))
