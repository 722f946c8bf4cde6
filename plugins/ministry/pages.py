"""What downloads hand out, as files for the HIS, and the little that a result repeats of it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final

from agent.events import Download, Json, JsonObject
from agent.protocol.matching import answer_refused
from agent.protocol.values import text_of

_PLAIN: Final = re.compile(r"[A-Za-z0-9]{1,20}")
_SUFFIXES: Final = ((b"%PDF", ".pdf"), (b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"BM", ".bmp"))


def page_file(
    transaction: str, wire_id: str, data: JsonObject, *, page: int, recovered: bool = False
) -> Download:
    """A page under the number of the call that brought it. ``recovered``: GYD008 brought it."""
    business = {code: value for code, value in data.items() if code not in ("busi_code", "busi_msg")}
    content = {"wire_id": wire_id, "page": page, "recovered": recovered, "data": business}
    return Download(transaction, f"{transaction}-{wire_id}.json", len(rows_of(data)), content)


def attachment_file(transaction: str, number: str, wire_id: str, data: JsonObject) -> Download:
    """The file itself, named by its 附件ID; what is none, or no Base64, is kept as the answer had it."""
    name = f"{transaction}-{number if _PLAIN.fullmatch(number) else wire_id}"
    text = text_of(data.get("filecont"))
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        return Download(transaction, f"{name}.json", 1, {"wire_id": wire_id, "data": data})
    suffix = next((suffix for mark, suffix in _SUFFIXES if content.startswith(mark)), ".bin")
    return Download(transaction, name + suffix, attachment=text)


def rows_of(data: JsonObject) -> list[JsonObject]:
    """The records of a page. Raises AnswerRejected for what are none."""
    return _objects(data.get("datalist"))


def record_number(row: JsonObject) -> str:
    """DOWNNO, by which a record is confirmed."""
    return text_of(row.get("downno"))


def attachment_numbers(rows: Iterable[JsonObject]) -> list[str]:
    """The 附件ID of every attachment of these records, each once."""
    files = [file for row in rows for file in _objects(row.get("filedata"))]
    return list(dict.fromkeys(number for file in files if (number := text_of(file.get("aaa726")))))


def told(data: JsonObject, records: int, file: Download | None = None) -> JsonObject:
    """The data of a result: what came and where it lies, not the page once more."""
    about: JsonObject = {code: data[code] for code in ("busi_code", "busi_msg") if code in data}
    return {**about, "records": records, "file": f"{file.transaction}/{file.name}" if file else ""}


def _objects(value: Json) -> list[JsonObject]:
    if value in (None, ""):
        return []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise answer_refused("返回的明细列表格式不正确", "answer list is no list of objects")
    return value
