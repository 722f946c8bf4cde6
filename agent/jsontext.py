"""JSON as every part of the agent reads and writes it.

Reading is strict: no duplicate keys, no NaN or infinity, a bounded depth, and exact numbers:
integers stay ``int``, everything with a point or an exponent becomes ``Decimal``. Writing never
loses a digit: a ``Decimal`` goes out as a string of its plain form, as the documents write amounts.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from agent import courtesy
from agent.events import Json

MAX_DEPTH = 32
LONG = 64 * 1024
"""Characters from which on a text is written apart."""

_MARK = "long."
_PLAIN = re.compile(r"[A-Za-z0-9+/=]*", re.ASCII)

MAX_NUMBER = 64
"""Characters of a number: beyond the longest field of any document, far below what costs time."""


class JsonTextError(ValueError):
    """Not JSON that the agent accepts; the message is Chinese and holds no content."""


def read(text: str) -> Json:
    """Parse strictly. Raises :class:`JsonTextError`."""
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise JsonTextError(
            f"不是有效的 JSON：第 {error.lineno} 行第 {error.colno} 列附近有语法错误"
        ) from None
    except RecursionError:
        raise JsonTextError(f"JSON 嵌套超过 {MAX_DEPTH} 层") from None
    _refuse_depth(value)
    return value


def read_object(text: str) -> dict[str, Any]:
    """Parse strictly what must be an object. Raises :class:`JsonTextError`."""
    value = read(text)
    if not isinstance(value, dict):
        raise JsonTextError("JSON 的最外层必须是对象 {…}")
    return value


def write(value: Json) -> str:
    """Compact JSON, keys in their order, Chinese as itself."""
    return _compact.encode(value)


def write_bytes(value: Json) -> bytes:
    """As :func:`write`, in UTF-8. Long Base64 texts are put in as they are, one by one: encoding some
    megabytes in one go would keep every other thread waiting."""
    long: list[str] = []
    mark = f"{_MARK}{secrets.token_hex(8)}."
    short = _without_long(value, mark, long)
    if not long:
        return _compact.encode(value).encode("utf-8")
    pieces = _compact.encode(short).split(mark)
    parts = [pieces[0].encode("utf-8")]
    for text, piece in zip(long, pieces[1:], strict=True):
        parts += (text.encode("ascii"), piece.encode("utf-8"))
    return b"".join(parts)


def _without_long(value: Json, mark: str, long: list[str]) -> Json:
    if isinstance(value, str):
        if len(value) < LONG or not _is_plain(value):
            return value
        long.append(value)
        return mark
    if isinstance(value, dict):
        return {key: _without_long(child, mark, long) for key, child in value.items()}
    if isinstance(value, list):
        return [_without_long(child, mark, long) for child in value]
    return value


def _is_plain(text: str) -> bool:
    return all(_PLAIN.fullmatch(text, start, start + LONG) for start in range(0, len(text), LONG))


def write_canonical(value: Json) -> bytes:
    """One text for one value: sorted keys, no blanks. UTF-8."""
    return _canonical.encode(value).encode("utf-8")


def canonical_parts(value: Json, levels: int = 3) -> Iterator[bytes]:
    """:func:`write_canonical` in pieces, those of large lists one by one: for a digest of what need not be
    in memory twice."""
    if levels and isinstance(value, dict):
        yield b"{"
        for place, key in enumerate(sorted(value)):
            yield (b"," if place else b"") + _canonical.encode(key).encode("utf-8") + b":"
            yield from canonical_parts(value[key], levels - 1)
        yield b"}"
    elif levels and isinstance(value, list):
        yield b"["
        for place, child in enumerate(value):
            yield (b"," if place else b"") + write_canonical(child)
        yield b"]"
    else:
        yield write_canonical(value)


def write_readable(value: Json) -> str:
    """An object with a line for each member and for each row of its lists, plain members first: readable,
    and quick to write where an indented text of ten thousand rows is neither."""
    if not isinstance(value, dict) or not value:
        return _member(value)
    plain = {key: child for key, child in value.items() if not isinstance(child, dict | list)}
    members = [_lines.encode(plain)[1:-1]] if plain else []
    members += [f"{_compact.encode(key)}: {_member(value[key])}" for key in value if key not in plain]
    return "{\n  " + ",\n  ".join(members) + "\n}"


def _member(value: Json) -> str:
    if not isinstance(value, list) or not value or not isinstance(value[0], dict | list):
        return _compact.encode(value)
    return "[\n    " + ",\n    ".join(map(_compact.encode, courtesy.politely(value))) + "\n  ]"


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise JsonTextError("JSON 对象中有重复的键")
    return result


def _refuse_constant(name: str) -> Any:
    raise JsonTextError(f"JSON 中不允许出现 {name}")


def _bounded(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def read_number(text: str) -> Any:
        if len(text) > MAX_NUMBER:
            raise JsonTextError(f"JSON 数字超过 {MAX_NUMBER} 个字符")
        value = kind(text)
        if isinstance(value, Decimal) and abs(value.adjusted()) > MAX_NUMBER:
            raise JsonTextError("JSON 数字的指数过大")
        return value

    return read_number


def _refuse_depth(value: Json) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = (
            [
                child
                for parent in level
                for child in (parent.values() if isinstance(parent, dict) else parent)
                if isinstance(child, dict | list)
            ]
            if isinstance(value, dict | list)
            else []
        )
        if not level:
            return
    raise JsonTextError(f"JSON 嵌套超过 {MAX_DEPTH} 层")


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} is not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_pairs,
    parse_float=_bounded(Decimal),
    parse_int=_bounded(int),
    parse_constant=_refuse_constant,
)
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)
_lines = json.JSONEncoder(ensure_ascii=False, separators=(",\n  ", ": "), allow_nan=False, default=_plain)
_canonical = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain, sort_keys=True
)
