"""Which names in an inbox are whose, and how they sort."""

from __future__ import annotations

import hashlib
import re

from agent.sources.base import ClaimKind

_UNFINISHED = (".tmp", ".part")
_ATTACHMENTS = (".pdf", ".jpg", ".jpeg", ".png", ".bmp")
_OF_THE_SYSTEM = ("thumbs.db", "desktop.ini")
_CONTROL = (".cancel", ".ack", ".resolve.json")
_DIGITS = re.compile(r"(\d+)", re.ASCII)
_SHORTENED = 80
_LONGEST_SUFFIX = 20

LONGEST = 255
"""Bytes of a file name on Linux, and, counted as UTF-16, characters of one on Windows."""


def is_candidate(name: str, marker: str) -> bool:
    """Whether a file of that name is a submission or a control file.

    Unfinished and hidden files are never touched, attachments are fetched by the submission that
    names them, markers belong to the file that they mark.
    """
    folded = name.casefold()
    return not (
        folded.startswith((".", "~"))
        or folded.endswith(_UNFINISHED + _ATTACHMENTS)
        or folded in _OF_THE_SYSTEM
        or (marker and folded.endswith(marker.casefold()))
    )


def kind_of(name: str) -> ClaimKind:
    return ClaimKind.CONTROL if name.casefold().endswith(_CONTROL) else ClaimKind.FILE


def natural_key(name: str) -> tuple[object, ...]:
    """Sorts ``a2`` before ``a10``."""
    return tuple(int(part) if odd % 2 else part for odd, part in enumerate(_DIGITS.split(name.casefold())))


def shortened(name: str) -> str:
    """A name short enough to carry an event id, of the same kind as ``name``."""
    stem, ending = parted(name)
    return _cut(stem, _SHORTENED) + ending


def fitted(stem: str, ending: str) -> str:
    """``stem + ending`` as a file name that every file system takes: of a longer one the stem is cut,
    and a digest of it keeps the name apart from others that begin alike."""
    if len(_bytes(stem + ending)) <= LONGEST:
        return stem + ending
    mark = "~" + hashlib.sha256(_bytes(stem)).hexdigest()[:12]
    return _cut(stem, LONGEST - len(_bytes(mark + ending))) + mark + ending


def parted(name: str) -> tuple[str, str]:
    """A name's stem and its suffix with the dot; an overlong suffix is none."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(_bytes(suffix)) > _LONGEST_SUFFIX:
        return name, ""
    return stem, dot + suffix


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _cut(text: str, room: int) -> str:
    return _bytes(text)[:room].decode("utf-8", "ignore")
