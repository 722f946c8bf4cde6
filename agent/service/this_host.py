"""Which host there is: the one of this operating system."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.errors import ConfigurationError
from agent.service.host import ServiceHost


def this_host(root: Path | None) -> ServiceHost:
    """The host of this operating system; ``root`` (Linux) is a folder that stands for ``/``."""
    if sys.platform == "win32":
        if root is not None:
            raise ConfigurationError("Windows 没有 --root", hint="--root 只用于 Linux")
        from agent.service.windows_port import host

        return host()
    else:  # noqa: RET505 - so that type checking for Windows sees one branch only
        from agent.service.linux import LinuxHost, run_command

        return LinuxHost(root or Path("/"), run_command)
