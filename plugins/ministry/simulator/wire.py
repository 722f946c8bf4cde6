"""The outside of a request: HTTP headers and the nodes of the body, before anything is opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agent import jsontext
from agent.rehearsal.messages import Call

HEADERS: Final = ("access_key", "request_id", "timestamp")
NODES: Final = ("refid", "busitype", "symmetric_key", "aab301", "sign", "data")

_PRINTABLE = re.compile(r"[0-9A-Za-z_-]{1,64}")
_STAMP = r"[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9][0-9]{3}"
_SHAPES: Final[Mapping[str, re.Pattern[str]]] = {
    "access_key": re.compile(r"[0-9]{9}"),
    "request_id": re.compile(r"[0-9]{18}"),
    "timestamp": re.compile(_STAMP),
    # 6 + 8 + 6 digits by the table, 6 + 8 + 7 in every example (M01)
    "refid": re.compile(r"[0-9]{6}[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{6,7}"),
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What could be read: headers, and those nodes of the body that are texts."""

    headers: Mapping[str, str]
    body: Mapping[str, str] = field(repr=False)

    @property
    def access_key(self) -> str:
        return self.headers.get("access_key", "")

    def echo(self, name: str) -> str:
        """A header to send back: only what cannot break the answer's own head."""
        value = self.headers.get(name, "")
        return value if _PRINTABLE.fullmatch(value) else ""


def read_envelope(call: Call) -> Envelope:
    """Whatever is there; a body that is no JSON object has no nodes."""
    try:
        body = jsontext.read_object(call.body.decode("utf-8"))
    except ValueError:
        body = {}
    texts = {name: body[name] for name in NODES if isinstance(body.get(name), str)}
    return Envelope({name: call.headers.get(name, "") for name in HEADERS}, texts)


def first_missing(envelope: Envelope) -> str:
    """The first node that is absent or empty, "" when all are there."""
    for name in HEADERS:
        if not envelope.headers[name]:
            return name
    return next((name for name in NODES if not envelope.body.get(name)), "")


def misshapen(envelope: Envelope, province: str) -> str:
    """What is wrong with the shape of headers or refid, in Chinese; "" when nothing is."""
    values = {**envelope.headers, "refid": envelope.body["refid"]}
    for name, shape in _SHAPES.items():
        if not shape.fullmatch(values[name]):
            return f"{name} 格式错误"
    if not values["request_id"].startswith(values["access_key"]):
        return "request_id 应以 access_key 开头"
    if not values["refid"].startswith(province):
        return "refid 应以省级行政区划代码开头"
    return ""
