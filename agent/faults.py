"""Named points at which a test lets the process die.

``HIS_AGENT_CRASH_AT=name`` kills the process with SIGKILL (on Windows: TerminateProcess) when it
reaches the point for the first time, ``name:N`` when it reaches it for the N-th time. Without the
variable a point costs one comparison.
"""

from __future__ import annotations

import itertools
import os
import signal

_NAME, _, _NTH = os.environ.get("HIS_AGENT_CRASH_AT", "").partition(":")
_VISITS = itertools.count(1)


def crash_point(name: str) -> None:
    """Die here if the environment says so."""
    if name == _NAME and next(_VISITS) >= int(_NTH or 1):
        _die()


def _die() -> None:
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
