"""The outside of a request, read in any case (J01), and of an answer, written as the manners say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agent import jsontext
from agent.events import JsonObject
from agent.rehearsal.messages import Answer, Call

DONE: Final = "000000"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What could be read; ``input`` None: there is none, or it is no object."""

    safeinfo: str = ""
    ywlx: str = ""
    jylsh: str = ""
    input: JsonObject | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Spelling:
    """``camel``: iReturn and msgReturn, as the second sample has them. ``text``: output as JSON text."""

    camel: bool = False
    text: bool = False


def read_envelope(call: Call) -> Envelope:
    """Whatever is there; a body that is no JSON object has nothing."""
    try:
        nodes = {key.lower(): value for key, value in jsontext.read_object(call.body.decode("utf-8")).items()}
    except ValueError:
        return Envelope()
    given = nodes.get("input")
    return Envelope(
        _text(nodes, "safeinfo"),
        _text(nodes, "ywlx"),
        _text(nodes, "jylsh"),
        given if isinstance(given, dict) else None,
    )


def write_answer(envelope: Envelope, code: str, text: str, output: Any, spelling: Spelling) -> Answer:
    """An answer repeats what was asked (J04)."""
    if spelling.text and output != "":
        output = jsontext.write(output)
    ireturn, msgreturn = ("iReturn", "msgReturn") if spelling.camel else ("ireturn", "msgreturn")
    nodes = {
        "safeinfo": envelope.safeinfo,
        "ywlx": envelope.ywlx,
        "jylsh": envelope.jylsh,
        ireturn: code,
        msgreturn: text,
        "input": envelope.input if envelope.input is not None else "",
        "output": output,
    }
    return Answer(body=jsontext.write(nodes).encode("utf-8"), label=code)


def _text(nodes: Mapping[str, Any], name: str) -> str:
    value = nodes.get(name)
    return value.strip() if isinstance(value, str) else ""
