"""The names that carry a submission: the file's and the HIS's own id."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePath

MAX_ID = 64
ID_RULE = (
    f' 1 至 {MAX_ID} 个可见字符，不含空白和 \\ / : * ? " < > |，不以 . 或 ~ 开头，不是 Windows 保留的设备名'
)
"""An id becomes part of file names on Windows and Linux (results, control files)."""

_FORBIDDEN = frozenset('\\/:*?"<>|')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE | re.ASCII)
_CARRIES = re.compile(r"([A-Za-z0-9]+)__(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FileName:
    """``GYU101__HIS-1.json``: what the name says of transaction, id and format; "" where nothing."""

    suffix: str
    transaction: str = ""
    id: str = field(default="", repr=False)

    @property
    def carries(self) -> bool:
        return bool(self.transaction)


def read_file_name(name: str) -> FileName:
    path = PurePath(name)
    return FileName(path.suffix.lower(), *carried(path.stem))


def carried(stem: str) -> tuple[str, str]:
    """``GYU101__HIS-1`` as ``(transaction, id)``; both "" for a name of another form."""
    found = _CARRIES.fullmatch(stem)
    return (found[1], found[2]) if found else ("", "")


def is_id(text: str) -> bool:
    """Whether ``text`` obeys :data:`ID_RULE`."""
    return (
        0 < len(text) <= MAX_ID
        and text.isprintable()
        and not any(character.isspace() or character in _FORBIDDEN for character in text)
        and text[0] not in ".~"
        and _DEVICE.fullmatch(text) is None
    )
