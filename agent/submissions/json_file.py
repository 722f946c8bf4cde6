"""JSON submissions: the full form, or the bare business object when the file name carries the rest."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from agent import jsontext
from agent.events import JsonObject, Submission
from agent.submissions.damage import MAX_FAULTS, damages, suspicious
from agent.submissions.options import OPTIONS
from agent.submissions.reading import Reading
from agent.submissions.shape import shape_of

_KEYS = ("transaction", "id", "data", *OPTIONS)
_SALVAGED_KEYS = 64


def read_json(text: str, reading: Reading) -> tuple[Submission, ...]:
    """Raises ReadFailure with every fault."""
    document = _document(text, reading)
    if reading.file.carries and not {"data", "transaction"} & document.keys():
        reading.note_key(None, None)
        data: object = document
    else:
        data = _full_form(document, reading)
    if not isinstance(data, dict):
        raise reading.failure()
    whole = len(reading.faults)
    if suspicious(text):
        _note_damage(data, reading)
    reading.finish(data if len(reading.faults) == whole else None)
    return (reading.submission(data),)


def _document(text: str, reading: Reading) -> JsonObject:
    try:
        document = jsontext.read(text)
    except jsontext.JsonTextError as error:
        salvaged = _salvage(text)
        reading.note_key(salvaged.get("transaction"), salvaged.get("id"))
        raise reading.stop("json_syntax", str(error)) from None
    if not isinstance(document, dict):
        reading.note_key(None, None)
        raise reading.stop("json_not_object", "JSON 的最外层必须是对象 {…}")
    return document


def _full_form(document: JsonObject, reading: Reading) -> object:
    """The business object, or None with a fault noted."""
    reading.note_key(document.get("transaction"), document.get("id"))
    for key in OPTIONS:
        reading.note_option(key, document.get(key))
    data = document.get("data")
    if not isinstance(data, dict):
        rule, problem = ("missing_data", "缺少 data") if data is None else ("data_type", "data 应为对象 {…}")
        hint = "；只写业务数据时，文件名须为 交易编号__提交编号.json"
        reading.fault(rule, problem + hint, pointer="/data", code="data", name="业务数据")
    if {"data", "transaction"} & document.keys():
        _refuse_unknown(document, reading)
    return data


def _refuse_unknown(document: JsonObject, reading: Reading) -> None:
    for key in islice((key for key in document if key not in _KEYS), MAX_FAULTS):
        label = key.encode("utf-8", "replace").decode("utf-8")[:64]
        reading.fault("unknown_key", f"最外层有不认识的键 {label}，业务数据应放在 data 里", code=label)


def _note_damage(data: JsonObject, reading: Reading) -> None:
    known = reading.transaction in reading.rules.vocabulary
    shape = shape_of(reading.transaction, reading.rules) if known else None
    reading.faults.extend(islice(damages(data, shape), MAX_FAULTS))


def _salvage(text: str) -> dict[str, Any]:
    """The whole members at the beginning of a broken object: enough to know whose it is."""
    found: dict[str, Any] = {}
    decoder = json.JSONDecoder()
    space = json.decoder.WHITESPACE.match  # type: ignore[attr-defined]
    place = text.find("{") + 1
    try:
        while place and len(found) < _SALVAGED_KEYS:
            key, place = decoder.raw_decode(text, space(text, place).end())
            place = space(text, place).end()
            if not isinstance(key, str) or text[place : place + 1] != ":":
                break
            found[key], place = decoder.raw_decode(text, space(text, place + 1).end())
            place = space(text, place).end()
            if text[place : place + 1] != ",":
                break
            place += 1
    except (ValueError, RecursionError):
        return found
    return found
