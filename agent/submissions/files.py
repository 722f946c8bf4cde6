"""The one way in: a file's bytes and name become submissions."""

from __future__ import annotations

from datetime import datetime

from agent.events import Submission
from agent.submissions.csv_file import read_csv
from agent.submissions.encoding import EncodingRefused, decode
from agent.submissions.json_file import read_json
from agent.submissions.names import read_file_name
from agent.submissions.reading import Reading
from agent.submissions.rules import ReadingRules
from agent.submissions.xml_file import declared_encoding, read_xml

_BY_SUFFIX = {".json": "json", ".csv": "csv", ".tsv": "csv", ".xml": "xml"}
_BY_FIRST = {"{": "json", "#": "csv", "<": "xml"}


def read(
    raw: bytes, file_name: str, rules: ReadingRules, received_at: datetime, *, atomic: bool = False
) -> tuple[Submission, ...]:
    """The submissions of one file, in its order; more than one only with CSV's ``#visit_key``.

    The format follows from the name (``.json``, ``.csv``, ``.tsv``, ``.xml``; ``.txt``: from the first
    character). ``atomic``: renamed into place or marked, so that it cannot be a part of a file.
    ``occurred_at`` is None where the file does not say. Raises ReadFailure with every fault.
    """
    name = read_file_name(file_name)
    reading = Reading(rules, name, received_at, transaction=name.transaction, id=name.id)
    text = _text(raw, reading)
    match _format(name.suffix, text):
        case "json":
            return read_json(text, reading)
        case "csv":
            return read_csv(text, reading, atomic=atomic)
        case "xml":
            return read_xml(text, reading)
        case _:
            raise reading.stop("unknown_format", "文件类型应为 .json、.csv、.tsv、.xml 或 .txt")


def _text(raw: bytes, reading: Reading) -> str:
    limit = reading.rules.max_bytes
    if len(raw) > limit:
        raise reading.stop("too_large", f"文件有 {len(raw)} 字节，超过上限 {limit} 字节，请拆分后提交")
    encoding = reading.rules.encoding
    if encoding == "auto" and reading.file.suffix == ".xml":
        encoding = declared_encoding(raw) or encoding
    try:
        text = decode(raw, encoding)
    except EncodingRefused as refused:
        raise reading.stop(refused.rule, refused.message) from None
    if not text.strip():
        raise reading.stop("empty_file", "文件是空的")
    return text


def _format(suffix: str, text: str) -> str:
    if suffix == ".txt":
        return _BY_FIRST.get(text.lstrip()[:1], "")
    return _BY_SUFFIX.get(suffix, "")
