"""Scan-to-pay's platform as the conformance runner sees it: real keys, real signatures, XML read by the
standard library.

A case's ``response``: ``data`` is written as XML and signed, ``respcode``, ``respmsg``, ``aprcode`` and
``aprtmsg`` stand around it ("00" and "" if not given); ``transdata`` is any text instead; ``beside`` are
pairs beside it; ``signer = "stranger"`` signs with another key; ``body`` replaces all of it; ``status``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from agent.events import Draft, Request, Response
from agent.hookspecs import ProtocolAdapter
from plugins.scanpay.building import build
from plugins.scanpay.simulator.key_files import read_sealing
from plugins.scanpay.simulator.sealing import Hash, Sealing
from plugins.scanpay.simulator.wire import write_form, write_xml
from tests.conformance.peers import Opened
from tests.unit.scanpay import till

URL = "http://127.0.0.1:7017/"
PAIRS = (
    *("version", "merchantcode", "infosyscode", "transtype", "hospcode", "transdata"),
    *("merchantsignature", "infosyssignature"),
)


@cache
def sealing() -> Sealing:
    return read_sealing(till.key_folder(Hash.SHA1_HEX), Hash.SHA1_HEX, till.NOW)


class ScanpayPeer:
    def adapter(self) -> ProtocolAdapter:
        return build(till.options(URL), till.Keyring())

    def serials(self, draft: Draft) -> Mapping[str, int]:
        return {"request/04010089": 7}

    def open(self, request: Request, now: datetime) -> Opened:
        assert (request.method, request.url) == ("POST", URL)
        assert dict(request.headers) == {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
        pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        form = dict(pairs)
        assert [name for name, _ in pairs] == list(PAIRS)
        assert (form["version"], form["merchantcode"]) == ("1.0", "DD04010089")
        assert (form["infosyscode"], form["hospcode"]) == ("SYS100361", "04010089")
        sealing().verify(form)
        root = ElementTree.fromstring(form["transdata"])
        assert root.tag == "transdata"
        return Opened(form["transtype"], _value(root) or {})

    def answer(self, told: dict[str, Any]) -> Response:
        if "body" in told:
            return Response(told.get("status", 200), {}, told["body"].encode("utf-8"))
        pairs = {
            "respcode": told.get("respcode", "00"),
            "respmsg": told.get("respmsg", ""),
            "aprcode": told.get("aprcode", "00"),
            "aprtmsg": told.get("aprtmsg", ""),
            **told.get("beside", {}),
        }
        if "data" in told or "transdata" in told:
            pairs["transdata"] = told.get("transdata") or write_xml(told["data"])
        signed = sealing().signed(pairs, badly=told.get("signer") == "stranger")
        return Response(told.get("status", 200), {}, write_form(signed))


def _value(element: ElementTree.Element) -> Any:
    children = list(element)
    if not children:
        return element.text or ""
    if all(child.tag == "row" for child in children):
        return [_value(child) for child in children]
    return {child.tag: _value(child) for child in children}
