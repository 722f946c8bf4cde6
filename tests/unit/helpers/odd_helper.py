"""A helper process of the tests: does what a vendor's library does on its bad days."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

from agent.helpers.serving import Refusal, serve


def add(arguments: dict[str, Any]) -> Any:
    return {"sum": arguments["a"] + arguments["b"], "process": os.getpid()}


def refuse(_arguments: dict[str, Any]) -> Any:
    raise Refusal("driver", number=-2201, detail="no PSAM")


def fail(_arguments: dict[str, Any]) -> Any:
    raise ValueError("张三 330100199001010013")


def hang(arguments: dict[str, Any]) -> Any:
    Path(arguments["mark"]).write_text(str(os.getpid()))
    threading.Event().wait()


def die(_arguments: dict[str, Any]) -> Any:
    os._exit(3)


def chatter(_arguments: dict[str, Any]) -> Any:
    os.write(1, b"SSCardDriver v2.0 loaded\n")
    return "quiet"


def spoil(arguments: dict[str, Any]) -> Any:
    return arguments["length"] * "x"


def load() -> dict[str, Any]:
    raise Refusal("library_missing", detail="SSCardDriver.dll")


FUNCTIONS = {
    "add": add,
    "refuse": refuse,
    "fail": fail,
    "hang": hang,
    "die": die,
    "chatter": chatter,
    "spoil": spoil,
}

if __name__ == "__main__":
    mode = sys.argv[1] if len(sys.argv) > 1 else ""
    if mode == "deaf":
        threading.Event().wait()
    if mode == "unread":
        sys.stdout.write('{"ready": 1, "helper": "odd"}\n')
        sys.stdout.flush()
        threading.Event().wait()
    if mode == "garbage":
        sys.stdout.write("Loading driver ...\n")
        sys.stdout.flush()
    if mode == "future":
        sys.stdout.write('{"ready": 2}\n')
        sys.stdout.flush()
    serve("odd", load if mode == "missing" else FUNCTIONS)
