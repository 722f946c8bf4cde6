"""One text for one value: a HIS and a platform may write ``1001`` or ``"1001 "`` for the same key."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from agent.events import Json, JsonObject


def text_of(value: Json) -> str:
    """The text of a scalar, trimmed; "" for null, lists, objects and booleans, which no key is made of."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def key_of(fields: Iterable[str], *holders: JsonObject) -> tuple[str, ...]:
    """The texts of ``fields``, each from the first of ``holders`` that has it; () unless all are there."""
    key = tuple(
        next((text for holder in holders if (text := text_of(holder.get(code)))), "") for code in fields
    )
    return key if all(key) else ()
