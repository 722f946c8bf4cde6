"""The named statements of ``queries.sql``, read once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n?", re.MULTILINE)


def resource(name: str) -> str:
    """A text file of this package."""
    return files("agent.outbox").joinpath(name).read_text(encoding="utf-8")


def load(text: str) -> Mapping[str, str]:
    """Statements by name, without their descriptions. Raises ValueError for a name given twice."""
    parts = _NAME.split(text)[1:]
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError("a statement's name is given twice")
    return MappingProxyType(
        {name: _COMMENT.sub("", body).strip() for name, body in zip(names, bodies, strict=True)}
    )


STATEMENTS = load(resource("queries.sql"))
