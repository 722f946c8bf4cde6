"""Since when a file lies where it lies, as far as the file system tells."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    import pywintypes
    import win32file

    _READ_ATTRIBUTES = 0x0080
    _SHARED_WITH_ALL = 0x0007
    _OPEN_EXISTING = 3
    _NO_LINKS_FOLLOWED = 0x0020_0000
    _BASIC_INFO = 0

    def came_at(path: Path) -> float:
        """The HIS's own time of a file, or when it was moved here, the later; in seconds of the epoch. What
        Python calls a change time is the creation time on Windows, so the file system is asked itself.
        Raises OSError."""
        written = path.lstat().st_mtime
        try:
            handle = win32file.CreateFile(
                str(path), _READ_ATTRIBUTES, _SHARED_WITH_ALL, None, _OPEN_EXISTING, _NO_LINKS_FOLLOWED, None
            )
            try:
                changed = win32file.GetFileInformationByHandleEx(int(handle), _BASIC_INFO)["ChangeTime"]
            finally:
                handle.Close()
        except pywintypes.error as error:
            raise OSError(0, error.strerror, str(path), error.winerror) from error
        return max(written, float(changed.timestamp()))

else:

    def came_at(path: Path) -> float:
        """The HIS's own time of a file, or when it was moved here, the later; in seconds of the epoch.
        Raises OSError."""
        info = path.lstat()
        return max(info.st_mtime, info.st_ctime)
