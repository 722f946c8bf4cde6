"""The border between the program and its database: nothing personal passes it unsealed.

A sealed value is bound to its place (``table|column|row``), so that one copied to another row does
not open there. What is searched by is a keyed hash over an injective form of its parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from agent.errors import CiphertextRejected
from agent.events import Json


class Sealer(Protocol):
    """What the outbox asks of a data key (``agent.crypto.at_rest.DataKey``)."""

    def seal(self, plaintext: bytes, context: bytes) -> bytes: ...

    def open(self, blob: bytes, context: bytes) -> bytes:
        """Raises CiphertextRejected for any other key, context or changed bit."""
        ...

    def keyed_hash(self, value: str | bytes, domain: str, size: int = 16) -> bytes: ...

    def near_hash(self, value: str | bytes, near: str | bytes, domain: str) -> bytes:
        """As ``keyed_hash``; hashes of values with one ``near`` begin alike."""
        ...


@dataclass(frozen=True, slots=True)
class Border:
    """Seals and opens columns, and hashes what is searched by."""

    sealer: Sealer

    def seal(self, place: str, row: object, value: Json) -> bytes:
        """``place`` is ``table|column``; ``row`` identifies the row and never changes."""
        return self.sealer.seal(pack(value), f"{place}|{row}".encode())

    def open(self, place: str, row: object, blob: bytes) -> Any:
        """Raises CiphertextRejected, which names the place, for a value that was changed or is not of it."""
        return unpack(self.open_bytes(place, row, blob))

    def seal_bytes(self, place: str, row: object, content: bytes) -> bytes:
        """As :meth:`seal`, of bytes that are no JSON."""
        return self.sealer.seal(content, f"{place}|{row}".encode())

    def open_bytes(self, place: str, row: object, blob: bytes) -> bytes:
        try:
            return self.sealer.open(blob, f"{place}|{row}".encode())
        except CiphertextRejected as error:
            raise CiphertextRejected(
                f"数据库里的一处加密内容（{place}，{row}）无法解开",
                hint=error.hint,
                details={**error.details, "place": place, "row": str(row)},
            ) from None

    def key(self, domain: str, parts: Iterable[str]) -> bytes:
        """The keyed hash of a tuple: each part preceded by its length, so that no two tuples meet."""
        return self.sealer.keyed_hash(_injective(parts), domain)

    def near_key(self, domain: str, *parts: str) -> bytes:
        """The same, with those of texts that differ at their end only beside one another in an index."""
        near = (*parts[:-1], parts[-1][:-_COUNTED])
        return self.sealer.near_hash(_injective(parts), _injective(near), domain)

    def digest(self, content: bytes) -> bytes | None:
        """What stands for a content digest: a plain one would tell who guesses the content."""
        return self.sealer.keyed_hash(content, "digest") if content else None


_COUNTED = 3
"""Numbers that are given in a row differ in these last characters."""


def _injective(parts: Iterable[str]) -> str:
    return "".join([f"{len(part)}:{part}" for part in parts])


_DECIMAL = "$decimal"


def pack(value: Json) -> bytes:
    """Compact JSON. A Decimal keeps every digit and its kind, unlike in the files for people."""
    return _encoder.encode(value).encode()


def unpack(data: bytes) -> Any:
    text = data.decode()
    if _DECIMAL in text:
        return json.loads(text, object_hook=_revive)
    return json.loads(text)


def _tagged(value: object) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {_DECIMAL: str(value)}
    raise TypeError(f"{type(value).__name__} is not JSON")


def _revive(value: dict[str, Any]) -> Any:
    return Decimal(value[_DECIMAL]) if value.keys() == {_DECIMAL} else value


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_tagged)
