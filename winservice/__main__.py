"""The program of the frozen build: the command line, or, started by the service manager with
``service-host CONFIGURATION``, the service.

One program for both, because the daemon starts its own program again for helper processes.
"""

from __future__ import annotations

import sys
from pathlib import Path

HOST = "service-host"


def main(arguments: list[str]) -> int:
    if arguments[:1] != [HOST]:
        from agent.cli import execute

        return execute(arguments)
    if sys.platform == "win32":
        from winservice.service import host

        host(Path(arguments[1]))
        return 0
    else:  # noqa: RET505 - so that type checking for Windows sees one branch only
        sys.stderr.write("service-host is for Windows\n")
        return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
