"""Exit codes of the command line; ``docs/cli.md`` explains them to users."""

from __future__ import annotations

from typing import Final

from agent.errors import AgentError, ConfigurationError, ControlError, KeyRejected, StoreError

OK: Final = 0
FAILURE: Final = 1
USAGE: Final = 2
CONFIGURATION: Final = 3
NOT_RUNNING: Final = 4
REFUSED: Final = 5
STORE: Final = 6
TOO_LATE: Final = 7
INTERRUPTED: Final = 130


def exit_code(error: AgentError) -> int:
    """What a command ends with when ``error`` stops it."""
    if isinstance(error, ControlError):
        return {"not_running": NOT_RUNNING, "timeout": TOO_LATE}.get(error_code(error), REFUSED)
    if isinstance(error, ConfigurationError | KeyRejected):
        return CONFIGURATION
    if isinstance(error, StoreError):
        return STORE
    return FAILURE


def error_code(error: AgentError) -> str:
    """The stable English code: of a ControlError the daemon's own."""
    return str(error.details.get("code", error.code)) if isinstance(error, ControlError) else error.code
