"""Reading a claimed file: whole, unchanged while it is read, never through a link."""

from __future__ import annotations

import os
import stat

from agent.errors import Fault, SubmissionInvalid
from agent.sources.base import Claimed, SourceError
from agent.sources.event_ids import Mark


def read_claimed(claimed: Claimed, max_bytes: int) -> bytes:
    """Raises SourceError, and SubmissionInvalid for a file that nobody will ever want to read."""
    if claimed.size > max_bytes:
        message = f"文件有 {claimed.size} 字节，超过上限 {max_bytes} 字节，请拆分后提交"
        raise SubmissionInvalid([Fault("", "too_large", message)])
    if claimed.event_id.endswith(Mark.NAME_TOO_LONG):
        raise SubmissionInvalid([Fault("", "name_too_long", "文件名太长，请缩短后重新提交")])
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        with open(os.open(claimed.path, flags), "rb") as file:  # noqa: PTH123 - needs the flags
            before = os.fstat(file.fileno())
            raw = file.read(claimed.size + 1)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise SourceError(
            "取走的文件现在读不出来",
            hint="请检查文件权限，以及是否被别的程序占用",
            details={"event_id": claimed.event_id, "errno": error.errno},
        ) from None
    changed = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
    if changed or len(raw) != claimed.size or not stat.S_ISREG(after.st_mode):
        raise SourceError(
            "取走的文件还在变化",
            hint="HIS 应先写临时文件再改名，或写完后不再改动",
            details={"event_id": claimed.event_id},
        )
    return raw
