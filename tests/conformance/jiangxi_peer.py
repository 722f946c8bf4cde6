"""The province as the conformance runner sees it.

A case's ``response``: ``data`` is the output (``output = "text"``: as JSON text), ``ireturn`` and
``msgreturn`` stand around it (``camel``: iReturn and msgReturn), ``ywlx`` and ``jylsh`` replace those of
the request; ``body`` replaces all of it; ``status``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent import jsontext
from agent.events import Draft, Request, Response
from agent.hookspecs import ProtocolAdapter
from plugins.jiangxi.adapter import build
from tests.conformance.peers import Opened

URL = "http://127.0.0.1:7016/gsyl/rest/service"
INSTITUTION, SAFEINFO = "Y0400", "Y6XL0"
NODES = ["safeinfo", "ywlx", "jylsh", "ireturn", "msgreturn", "input", "output"]


class NoKeys:
    """The province signs and seals nothing."""

    def get(self, name: str) -> str:
        raise AssertionError(name)


class JiangxiPeer:
    def __init__(self) -> None:
        self._asked: dict[str, Any] = {}

    def adapter(self) -> ProtocolAdapter:
        return build({"url": URL, "institutions": [f"{INSTITUTION}={SAFEINFO}"]}, NoKeys())

    def serials(self, draft: Draft) -> Mapping[str, int]:
        return {f"jylsh/{INSTITUTION}": 42}

    def open(self, request: Request, now: datetime) -> Opened:
        assert (request.method, request.url) == ("POST", URL)
        assert request.headers == (("Content-Type", "application/json;charset=UTF-8"),)
        body = self._asked = jsontext.read_object(request.body.decode("utf-8"))
        assert list(body) == NODES
        assert (body["safeinfo"], body["jylsh"]) == (SAFEINFO, f"{INSTITUTION}{now:%Y%m%d}0000042")
        assert (body["ireturn"], body["msgreturn"], body["output"]) == ("000000", "", "")
        return Opened(body["ywlx"], body["input"])

    def answer(self, told: dict[str, Any]) -> Response:
        body = told["body"] if "body" in told else json.dumps(self._nodes(told), ensure_ascii=False)
        return Response(told.get("status", 200), {"Content-Type": "application/json"}, body.encode("utf-8"))

    def _nodes(self, told: dict[str, Any]) -> dict[str, Any]:
        output = told.get("data", "")
        if told.get("output") == "text":
            output = json.dumps(output, ensure_ascii=False)
        ireturn, msgreturn = ("iReturn", "msgReturn") if told.get("camel") else ("ireturn", "msgreturn")
        return {
            "safeinfo": SAFEINFO,
            "ywlx": told.get("ywlx", self._asked["ywlx"]),
            "jylsh": told.get("jylsh", self._asked["jylsh"]),
            ireturn: told.get("ireturn", "000000"),
            msgreturn: told.get("msgreturn", ""),
            "input": "",
            "output": output,
        }
