"""Finds fields under the keys a HIS really wrote: other case, blanks around them, old names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent.catalog.model import FieldSpec


class Spelled(NamedTuple):
    """An object under the document's codes, the keys as written by code, and what did not fit."""

    values: dict[str, Any]
    written: Mapping[str, str]
    unknown: tuple[str, ...]
    doubled: tuple[str, ...]


class Spelling:
    """The keys of one level of a message."""

    def __init__(self, fields: Sequence[FieldSpec]) -> None:
        self.codes = frozenset(spec.code for spec in fields)
        self._code_of = {name.lower(): spec.code for spec in fields for name in (*spec.aliases, spec.code)}

    def read(self, content: Mapping[str, Any]) -> Spelled:
        """``content`` under the document's codes; an exact key wins over another spelling of it."""
        values = {key: value for key, value in content.items() if key in self.codes}
        written: dict[str, str] = {}
        unknown: list[str] = []
        doubled: list[str] = []
        for key, value in content.items():
            if key in self.codes:
                continue
            code = self._code_of.get(key.strip().lower())
            if code is None:
                unknown.append(key)
            elif code in values:
                doubled.append(key)
            else:
                values[code], written[code] = value, key
        return Spelled(values, written, tuple(unknown), tuple(doubled))


def find(content: Mapping[str, Any], code: str) -> Any:
    """The value of ``code`` in one object, in whatever case its key is written; None when absent."""
    if code in content:
        return content[code]
    return next((value for key, value in content.items() if key.strip().lower() == code.lower()), None)
