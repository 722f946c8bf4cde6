"""Which names in an inbox are whose, and how they sort."""

from __future__ import annotations

import re

from agent.sources.base import ClaimKind

_UNFINISHED = (".tmp", ".part")
_ATTACHMENTS = (".pdf", ".jpg", ".jpeg", ".png", ".bmp")
_OF_THE_SYSTEM = ("thumbs.db", "desktop.ini")
_CONTROL = (".cancel", ".ack", ".resolve.json")
_DIGITS = re.compile(r"(\d+)", re.ASCII)
_SHORTENED = 80


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
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix.encode("utf-8", "surrogateescape")) > 20:
        stem, suffix = name, ""
    kept = stem.encode("utf-8", "surrogateescape")[:_SHORTENED].decode("utf-8", "ignore")
    return f"{kept}{dot and suffix and dot}{suffix}"
