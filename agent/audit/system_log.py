"""A line in the operating system's log: on Linux the journal or syslog, on Windows the Event Log.

What stands there is in other hands than the database, and is usually collected on another machine.
"""

from __future__ import annotations

import sys
from typing import Final

IDENT: Final = "his-agent"

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _INFORMATION: Final = 4
    _EVENT_ID: Final = 1

    def write(line: str) -> bool:
        """Whether the Event Log took it. Its source needs no registration: without one the line is shown
        behind a remark that the description is not found."""
        advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
        advapi32.RegisterEventSourceW.restype = wintypes.HANDLE
        advapi32.RegisterEventSourceW.argtypes = (wintypes.LPCWSTR, wintypes.LPCWSTR)
        advapi32.ReportEventW.argtypes = (
            *(wintypes.HANDLE, wintypes.WORD, wintypes.WORD, wintypes.DWORD, ctypes.c_void_p),
            *(wintypes.WORD, wintypes.DWORD, ctypes.POINTER(wintypes.LPCWSTR), ctypes.c_void_p),
        )
        advapi32.DeregisterEventSource.argtypes = (wintypes.HANDLE,)
        source = advapi32.RegisterEventSourceW(None, IDENT)
        if not source:
            return False
        try:
            texts = (wintypes.LPCWSTR * 1)(line)
            return bool(advapi32.ReportEventW(source, _INFORMATION, 0, _EVENT_ID, None, 1, 0, texts, None))
        finally:
            advapi32.DeregisterEventSource(source)

else:
    import syslog

    def write(line: str) -> bool:
        """Handed to the system; where nobody listens at its log's socket it is lost without a word."""
        syslog.openlog(IDENT, syslog.LOG_PID, syslog.LOG_DAEMON)
        try:
            syslog.syslog(syslog.LOG_NOTICE, line)
        finally:
            syslog.closelog()
        return True
