"""A result in the form that a folder asks for (his-contract, "A result"). Pure.

JSON is the form; the others serve a HIS that reads nothing else and carry the same values. XML has
one element per member, ``<item>`` per list element. INI has the scalars in ``[result]``, those of
``data`` in ``[data]``, rows and errors as ``[row.N]`` and ``[error.N]``. CSV has the scalars as
``#key=value`` lines, then the rows (or, for an invalid submission, the errors) as a table.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from html import escape

from agent import courtesy, jsontext
from agent.events import Json, JsonObject


def render(result: JsonObject, form: str = "json", encoding: str = "utf-8") -> bytes:
    """The bytes of a result file. What an encoding cannot hold becomes ``?`` only outside codes:
    every code and identifier of the documents is ASCII."""
    text = _FORMS[form](result)
    if form == "xml":
        text = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig").upper()}"?>\n{text}'
    return text.encode(encoding, "replace")


def suffix(form: str) -> str:
    return f".result.{form}"


def _json(result: JsonObject) -> str:
    return jsontext.write_readable(result) + "\n"


def _xml(result: JsonObject) -> str:
    return f"{_element('result', result)}\n"


def _element(name: str, value: Json) -> str:
    if isinstance(value, Mapping):
        inner = "".join(_element(str(key), child) for key, child in value.items())
    elif isinstance(value, list):
        inner = "".join(_element("item", child) for child in courtesy.politely(value))
    else:
        inner = escape(_printable(_text(value)), quote=False)
    return f"<{name}>{inner}</{name}>"


def _printable(text: str) -> str:
    """XML 1.0 has no way to write control characters."""
    return "".join(c if c in "\t\n\r" or ord(c) >= 0x20 else " " for c in text)


def _ini(result: JsonObject) -> str:
    lines = ["[result]", *_ini_lines(result)]
    data = result.get("data")
    if isinstance(data, Mapping):
        lines += ["", "[data]", *_ini_lines(data)]
    for member, section in (("rows", "row"), ("errors", "error"), ("warnings", "warning")):
        for number, row in enumerate(courtesy.politely(result.get(member) or []), start=1):
            lines += ["", f"[{section}.{number}]", *_ini_lines(row)]
    return "\r\n".join(lines) + "\r\n"


def _ini_lines(values: Mapping[str, Json]) -> list[str]:
    flat = _flat(values)
    return [f"{key}={_one_line(value)}" for key, value in flat.items()]


def _csv(result: JsonObject) -> str:
    out = io.StringIO()
    scalars = {**_flat(result), **{f"data.{k}": v for k, v in _flat(result.get("data") or {}).items()}}
    for key, value in scalars.items():
        out.write(f"#{key}={_one_line(value)}\r\n")
    table = result.get("rows") or result.get("errors") or []
    rows = [_flat(row) for row in courtesy.politely(table)]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if columns:
        writer = csv.DictWriter(out, columns, lineterminator="\r\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()


def _flat(values: Mapping[str, Json]) -> dict[str, str]:
    """Scalars as they are; nested objects with dotted names; lists are left to their own sections."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            if key != "data":
                flat.update({f"{key}.{inner}": text for inner, text in _flat(value).items()})
        elif not isinstance(value, list):
            flat[key] = _text(value)
    return flat


def _text(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")


_FORMS: dict[str, Callable[[JsonObject], str]] = {"json": _json, "xml": _xml, "csv": _csv, "ini": _ini}
