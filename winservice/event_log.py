"""The Windows Event Log: what an administrator's collector should see of the agent's log."""

from __future__ import annotations

import logging
import sys
from typing import Final

from agent.service.host import NAME

INFORMATION: Final = 4
WARNING: Final = 2
ERROR: Final = 1
_EVENT_ID: Final = 1
_LONGEST: Final = 31_000
"""Characters of a string of an event; Windows refuses more than 31,839."""
_TOLD: Final = ("agent started", "agent stopped")


class EventLogHandler(logging.Handler):
    """Warnings and worse, and that the agent has started and stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(worth_an_event)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            report(kind_of(record.levelno), self.format(record)[:_LONGEST])
        except Exception:  # noqa: BLE001 - logging's rule: a handler's failure is its own
            self.handleError(record)


def worth_an_event(record: logging.LogRecord) -> bool:
    event = record.msg.get("event") if isinstance(record.msg, dict) else None
    return record.levelno >= logging.WARNING or event in _TOLD


def kind_of(level: int) -> int:
    if level >= logging.ERROR:
        return ERROR
    return WARNING if level >= logging.WARNING else INFORMATION


def report(kind: int, line: str) -> None:
    """One event of the source that the installation registered. Raises OSError or pywintypes.error."""
    if sys.platform == "win32":
        import win32evtlogutil

        win32evtlogutil.ReportEvent(NAME, _EVENT_ID, eventType=kind, strings=[line])
    else:
        raise OSError("no event log on this system")
