"""Whether somebody still holds a file open, where the system can tell."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _GENERIC_READ = 0x80000000
    _OPEN_EXISTING = 3
    _SHARING_VIOLATION = 32
    _LOCK_VIOLATION = 33
    _INVALID_HANDLE = wintypes.HANDLE(-1).value

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.CreateFileW.restype = wintypes.HANDLE
    _kernel32.CreateFileW.argtypes = (
        wintypes.LPCWSTR,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.LPVOID,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.HANDLE,
    )
    _kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)

    def in_use(path: str) -> bool:
        """Whether opening the file for oneself alone is a sharing violation."""
        handle = _kernel32.CreateFileW(path, _GENERIC_READ, 0, None, _OPEN_EXISTING, 0, None)
        if handle == _INVALID_HANDLE:
            return ctypes.get_last_error() in (_SHARING_VIOLATION, _LOCK_VIOLATION)
        _kernel32.CloseHandle(handle)
        return False

else:

    def in_use(_path: str) -> bool:
        """POSIX has no sharing violations: a file that still grows is found out by its size."""
        return False
