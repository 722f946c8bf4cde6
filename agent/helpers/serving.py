"""The helper's end of the protocol (see :mod:`agent.helpers`). Standard library only, and nothing of
the agent, so that any Python 3.11, also a 32-bit one without packages, runs a helper."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any, TypeAlias

PROTOCOL = 1
Function: TypeAlias = Callable[[dict[str, Any]], Any]


class Refusal(Exception):
    """A call that the library answered with an error; ``detail`` must hold nothing of a person."""

    def __init__(self, error: str, *, number: int | None = None, detail: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.number = number
        self.detail = detail


def serve(name: str, functions: Mapping[str, Function] | Callable[[], Mapping[str, Function]]) -> None:
    """Answer calls until standard input ends; then the process ends, whatever it is doing.

    ``functions`` may be a callable that loads the library and returns them; a :class:`Refusal` from
    there says why the helper cannot serve. Calls run on the calling thread, one after the other.
    """
    out = _take_standard_output()
    try:
        table = functions() if callable(functions) else functions
    except Refusal as refusal:
        _write(out, {"failed": refusal.error, "number": refusal.number, "detail": refusal.detail})
        return
    _write(out, {"ready": PROTOCOL, "helper": name})
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_lines, args=(lines,), daemon=True).start()
    while True:
        _write(out, _answer(table, json.loads(lines.get())))


def _take_standard_output() -> IO[bytes]:
    """The protocol's own copy of standard output; what a library prints goes to standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _read_lines(lines: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin.buffer:
        lines.put(line.decode("ascii"))
    os._exit(0)


def _answer(functions: Mapping[str, Function], call: dict[str, Any]) -> dict[str, Any]:
    function = functions.get(call["call"])
    if function is None:
        return {"id": call["id"], "error": "unknown_call"}
    try:
        return {"id": call["id"], "value": function(call["arguments"])}
    except Refusal as refusal:
        return {
            "id": call["id"],
            "error": refusal.error,
            "number": refusal.number,
            "detail": refusal.detail,
        }
    except Exception as error:  # noqa: BLE001 - the border of the process: told by its type, never its text
        return {"id": call["id"], "error": "defect", "detail": type(error).__name__}


def _write(out: IO[bytes], message: dict[str, Any]) -> None:
    out.write(json.dumps(message, ensure_ascii=True).encode("ascii") + b"\n")
    out.flush()
