"""Bytes on the province's wire, both ways (document, 报文结构): one JSON object around input and output.

A request says ireturn 000000 and nothing in msgreturn and output, as the samples do (anomalies J04). Keys
of answers are read in any case (J01), output as an object or as JSON text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from agent import jsontext
from agent.catalog.model import FieldSpec, TransactionSpec
from agent.catalog.values import Unreadable, read_number, write_number
from agent.clock import BEIJING
from agent.events import Json, JsonObject, Request
from agent.protocol.answers import parse_object, read_embedded, tidy
from agent.protocol.matching import answer_refused
from agent.protocol.serials import write_serial
from agent.protocol.values import text_of

SERIAL_DIGITS: Final = 7
DETAIL_DIGITS: Final = 9
"""bke384 has 10 digits after the day; ours begin with 9, so that they never meet those that a HIS counts."""
DETAIL_FORM: Final = "{day:%Y%m%d}9{serial:09d}"
DONE: Final = "000000"


def write_jylsh(akb020: str, now: datetime, serial: int) -> str:
    """交易流水号: institution (5), day (8), serial number (7)."""
    return f"{akb020}{now.astimezone(BEIJING):%Y%m%d}{write_serial(serial, SERIAL_DIGITS)}"


def write_request(url: str, safeinfo: str, ywlx: str, jylsh: str, data: JsonObject) -> Request:
    nodes = {
        "safeinfo": safeinfo,
        "ywlx": ywlx,
        "jylsh": jylsh,
        "ireturn": DONE,
        "msgreturn": "",
        "input": data,
        "output": "",
    }
    return Request(
        url=url,
        headers=(("Content-Type", "application/json;charset=UTF-8"),),
        body=jsontext.write(nodes).encode("utf-8"),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """``output`` under the document's codes, texts trimmed, numbers as text; {} when there is none."""

    code: str
    message: str = field(repr=False)
    output: JsonObject = field(repr=False)
    ywlx: str = ""
    jylsh: str = ""


def read_answer(body: bytes, spec: TransactionSpec) -> Answer:
    """Raises AnswerRejected for anything but the document's form."""
    nodes = _lowered(parse_object(body))
    code = text_of(nodes.get("ireturn"))
    if not code:
        raise answer_refused("平台返回内容缺少 ireturn", "no ireturn")
    return Answer(
        code,
        text_of(nodes.get("msgreturn")),
        _output(nodes.get("output"), spec),
        text_of(nodes.get("ywlx")),
        text_of(nodes.get("jylsh")),
    )


def demand_own(answer: Answer, ywlx: str, jylsh: str) -> None:
    """Raises AnswerRejected when an answer names another call. A jylsh in another form than ours is the
    platform's own and says nothing."""
    ours = len(answer.jylsh) == len(jylsh) and answer.jylsh[:5] == jylsh[:5]
    if (answer.ywlx and answer.ywlx != ywlx) or (ours and answer.jylsh != jylsh):
        raise answer_refused("返回内容不属于本次请求", "answer of another call")


def _lowered(nodes: JsonObject) -> JsonObject:
    lowered: JsonObject = {}
    for key, value in nodes.items():
        name = key.strip().lower()
        if name in lowered and lowered[name] != value:
            raise answer_refused("平台返回内容中有重复的节点", "keys equal but for case")
        lowered[name] = value
    return lowered


def _output(value: Json, spec: TransactionSpec) -> JsonObject:
    if value is None or (isinstance(value, str) and not value.strip()):
        return {}
    output = read_embedded(value)
    if output is None:
        raise answer_refused("平台返回的 output 不是 JSON 对象", "output is no object")
    coded: JsonObject = _coded(tidy(output), spec.response)
    return coded


def _coded(value: Any, fields: Sequence[FieldSpec]) -> Any:
    """Keys in the document's spelling; what it does not know stays as it is."""
    if isinstance(value, list):
        return [_coded(item, fields) for item in value]
    if not isinstance(value, dict):
        return value
    known: Mapping[str, FieldSpec] = {spec.code.lower(): spec for spec in fields}
    coded: JsonObject = {}
    for key, child in value.items():
        spec = known.get(key.lower())
        coded[spec.code if spec else key] = _valued(child, spec) if spec else child
    return coded


def _valued(value: Any, spec: FieldSpec) -> Any:
    """Amounts with both decimals, whether they came as numbers or texts."""
    if spec.kind != "number" or not value:
        return _coded(value, spec.children)
    try:
        return write_number(read_number(value), spec.decimals)
    except Unreadable:
        return value
