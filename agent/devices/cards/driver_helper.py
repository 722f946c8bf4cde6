"""The helper process that loads a vendor's SSCardDriver library (社会保障卡读写机具规范 2.0).

``python -m agent.devices.cards.driver_helper PATH`` with a Python of the library's own width: these
libraries are mostly 32-bit. Standard library only; see :mod:`agent.helpers` for the protocol. Calls:
``read_card {"type": 1}``, ``step_one {"type": 1}``, ``step_two {"proofs": "…|…|"}``; each answers
``{"fields": [...]}`` or refuses with ``driver`` and the library's number.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.helpers.serving import Function, Refusal, serve

ANSWER_BYTES = 8192
"""The specification asks for 1024; some drivers write more."""


def load(path: str) -> dict[str, Function]:
    """The calls of the library at ``path``. Raises Refusal."""
    library = _library(path)
    return {
        "read_card": lambda arguments: _called(_function(library, "iReadCardBas"), arguments["type"]),
        "step_one": lambda arguments: _called(
            _function(library, "iReadCardBas_HSM_Step1"), arguments["type"]
        ),
        "step_two": lambda arguments: _called(
            _function(library, "iReadCardBas_HSM_Step2"), arguments["proofs"].encode("ascii")
        ),
    }


def _library(path: str) -> Any:
    """Its companions (SSSE32.dll) lie in its own folder."""
    folder = str(Path(path).resolve().parent)
    try:
        os.chdir(folder)
        if sys.platform == "win32":
            os.add_dll_directory(folder)
            return ctypes.WinDLL(path)
        else:  # noqa: RET505 - what mypy knows of a platform, it knows by branches
            return ctypes.CDLL(path)
    except OSError as error:
        number = getattr(error, "winerror", None) or error.errno
        raise Refusal("library", number=number, detail=type(error).__name__) from None


def _function(library: Any, name: str) -> Callable[[Any, Any], int]:
    try:
        function = getattr(library, name)
    except AttributeError:
        raise Refusal("function_missing", detail=name) from None
    function.restype = ctypes.c_long
    found: Callable[[Any, Any], int] = function
    return found


def _called(function: Callable[[Any, Any], int], argument: int | bytes) -> dict[str, list[str]]:
    out = ctypes.create_string_buffer(ANSWER_BYTES)
    given = ctypes.c_int(argument) if isinstance(argument, int) else ctypes.c_char_p(argument)
    number = function(given, out)
    if number != 0:
        raise Refusal("driver", number=number)
    return {"fields": out.value.decode("gb18030", errors="replace").split("|")}


if __name__ == "__main__":
    serve("sscard", lambda: load(sys.argv[1]))
