"""Durable file acts, the same on both systems."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o700
"""Folders of the agent's own."""
SHARED: Final = 0o770
"""Folders that accounts of the HIS write and read, by the folder's group."""

_REASONS: Final[dict[int, str]] = {
    errno.ENOENT: "不存在",
    errno.EACCES: "没有权限",
    errno.EPERM: "没有权限",
    errno.EEXIST: "已经存在",
    errno.EISDIR: "是文件夹，不是文件",
    errno.ENOTDIR: "路径中有一段不是文件夹",
    errno.ENOTEMPTY: "文件夹不是空的",
    errno.ENOSPC: "磁盘已满",
    errno.EDQUOT: "超出磁盘配额",
    errno.EROFS: "只读的磁盘或共享",
    errno.EBUSY: "正被占用",
    errno.EIO: "磁盘读写出错",
    errno.EMFILE: "打开的文件太多",
    errno.ENFILE: "打开的文件太多",
    errno.ENAMETOOLONG: "路径太长",
    errno.ELOOP: "链接互相指向",
    errno.ETIMEDOUT: "超时",
    errno.EADDRINUSE: "端口已被占用",
    errno.ESTALE: "共享已断开",
}


def make_folder(path: Path, mode: int) -> None:
    """Make ``path`` and its missing parents with ``mode`` whatever the umask; what exists keeps its own,
    and a set-group-ID bit that a new folder inherits stays, together with the sticky bit of its parent: what
    keeps the members of a group apart there does so here. Windows' new folders inherit their parent's access
    list. Raises OSError."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=mode, exist_ok=True)
        given = stat.S_IMODE(folder.stat().st_mode)
        wanted = mode | _handed_down(folder.parent, given)
        if sys.platform != "win32" and given != wanted:
            folder.chmod(wanted)


def _handed_down(parent: Path, given: int) -> int:
    """The bits beside the mode of a new folder that came to be with ``given``."""
    if not given & stat.S_ISGID:
        return 0
    return stat.S_ISGID | stat.S_IMODE(parent.stat().st_mode) & stat.S_ISVTX


def write_all(files: Iterable[tuple[Path, bytes]], mode: int = 0o640) -> None:
    """Write many files, then flush them all: the first flush pays for the journal, the others hardly.
    Raises OSError; some files may be there then, none of them is to be relied on."""
    descriptors: list[int] = []
    try:
        for path, data in files:
            descriptors.append(_written(path, data, mode))
        for descriptor in descriptors:
            os.fsync(descriptor)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def write_flushed(path: Path, data: bytes, mode: int = 0o640) -> None:
    """Write a file whole and flush it to the disk. Raises OSError."""
    write_all([(path, data)], mode)


def _written(path: Path, data: bytes, mode: int) -> int:
    """An open descriptor of a file that was written, not flushed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def flush_folder(folder: Path) -> None:
    """Make renames in a folder durable. Windows journals them and has no such call."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def replace_durably(path: Path, data: bytes, mode: int = 0o640) -> None:
    """Write aside, flush, rename, flush the folder: a reader sees the old file or the new one."""
    aside = path.with_name(f".{path.name}.writing")
    write_flushed(aside, data, mode)
    aside.replace(path)
    flush_folder(path.parent)


def reason(error: OSError) -> str:
    """Why the operating system refused: Chinese for the common causes, else its own words."""
    known = _REASONS.get(error.errno or 0)
    return known or error.strerror or "原因不明"
