"""The process that loads NationECCode: ``python library_helper.py LIBRARY``. Standard library only, so that
a 32-bit Python beside the agent runs it; the agent hands it ``agent/helpers/serving.py``'s folder.

``char* __stdcall NationEcTrans(const char* url, const char* in, char* out)``: "0000" is returned when all
went well, the answer stands in ``out``, in GBK mostly. Companions of the library lie in its own folder.
"""

from __future__ import annotations

import base64
import ctypes
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from agent.helpers.serving import Function, Refusal, serve

OUT_BYTES = 64 * 1024


def functions(library: str) -> dict[str, Function]:
    """Load the library. Raises Refusal."""
    folder = Path(library).resolve().parent
    try:
        if sys.platform == "win32":
            os.add_dll_directory(str(folder))
            loaded: Any = ctypes.WinDLL(library)
        else:
            loaded = ctypes.CDLL(library)
        os.chdir(folder)
        trans = loaded.NationEcTrans
    except (OSError, AttributeError) as error:
        raise Refusal("library_missing", detail=type(error).__name__) from None
    trans.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p]
    trans.restype = ctypes.c_char_p

    def query(arguments: dict[str, Any]) -> dict[str, str]:
        out = ctypes.create_string_buffer(OUT_BYTES)
        url, asked = arguments["url"].encode("utf-8"), arguments["in"].encode("utf-8")
        returned = trans(url, asked, out) or b""
        if returned != b"0000":
            raise Refusal("library", detail=returned[:8].decode("ascii", "replace"))
        return {"out": base64.b64encode(out.value).decode("ascii")}

    return {"query": query}


if __name__ == "__main__":
    serve("scanpay-decoder", lambda: functions(sys.argv[1]))
