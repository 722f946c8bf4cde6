"""Files that a submission's data names (``"@plan.pdf"``): their names, and what their content says they are.

A name is a plain name of a file in the submission's own folder; whatever could lead out of it, or is no
name on some system, is refused. What a file is, its first bytes say, never its name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final

from agent.events import FILE, Attachment, Json, JsonObject

MARK: Final = "@"

_LONGEST: Final = 200
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]')
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.ASCII | re.IGNORECASE)

_MAGIC: Final = (
    ("pdf", b"%PDF-"),
    ("jpg", b"\xff\xd8\xff"),
    ("png", b"\x89PNG\r\n\x1a\n"),
    ("bmp", b"BM"),
)
_ENDINGS: Final = {"pdf": "pdf", "jpg": "jpg", "jpeg": "jpg", "png": "png", "bmp": "bmp"}


def type_of(content: bytes) -> str:
    """``pdf``, ``jpg``, ``png`` or ``bmp`` by the first bytes; "" for anything else."""
    return next((kind for kind, magic in _MAGIC if content.startswith(magic)), "")


def beginning(kind: str) -> bytes:
    """The first bytes of a file of a type; of a PDF where the type is none."""
    return dict(_MAGIC).get(kind, b"%PDF-")


def attachment_of(content: bytes) -> Attachment:
    return Attachment(type_of(content), len(content), hashlib.sha256(content).hexdigest())


def named(value: Json) -> str | None:
    """The file name in ``"@name"``; None for a value that names no file."""
    if not isinstance(value, str) or not value.strip().startswith(MARK):
        return None
    return value.strip()[len(MARK) :].strip()


def is_plain(name: str) -> bool:
    """Whether a name can only mean a visible file of the folder itself, on every system."""
    if not name or len(name) > _LONGEST or name != name.strip() or name.startswith((".", "~")):
        return False
    return not (_FORBIDDEN.search(name) or _DEVICES.fullmatch(name) or name.endswith("."))


def stand_for(digest: str) -> JsonObject:
    """What a body carries instead of a file's content."""
    return {FILE: digest}


def named_type(name: str) -> str:
    """The type that a file's ending promises; "" for an ending of none of them."""
    return _ENDINGS.get(name.rpartition(".")[2].lower(), "")


def unfit(name: str, file: Attachment, most_bytes: int) -> Iterator[tuple[str, str]]:
    """What is wrong with a file as ``(rule, message)``: its type, its ending, its size."""
    if not file.type:
        yield "attachment_type", f"附件 {name} 的内容不是 JPG、PNG、BMP、JPEG 或 PDF"
    elif named_type(name) != file.type:
        yield "attachment_type", f"附件 {name} 的后缀与内容不符（内容为 {file.type.upper()}）"
    if file.size > most_bytes:
        yield "size", f"附件 {name} 有 {file.size} 字节，超过上限 {most_bytes} 字节（500KB）"


def digests(value: Json) -> frozenset[str]:
    """The digests of all files that a body stands in for."""
    return frozenset(_digests(value))


def _digests(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        if value.keys() == {FILE}:
            yield value[FILE]
            return
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            if isinstance(child, dict | list):
                yield from _digests(child)
