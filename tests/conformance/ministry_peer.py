"""The ministry's platform as the conformance runner sees it: real keys, real envelopes.

A case's ``response``: ``data`` is sealed and signed (``data_text``: any text instead), ``code`` and
``msg`` stand around it; ``biz_data`` = ``"text"`` writes it as JSON text, ``"null"`` and ``"missing"``
leave it out; ``signer = "stranger"`` signs with another key; ``body`` replaces all of it; ``status``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from agent import jsontext
from agent.crypto import PrivateKey, open_envelope, seal
from agent.crypto.keys import generate
from agent.errors import KeyMissing
from agent.events import Draft, Request, Response
from agent.hookspecs import ProtocolAdapter
from plugins.ministry.adapter import build
from tests.conformance.peers import Opened

URL = "http://127.0.0.1:7009/engine/transport/server/001"
ACCESS_KEY = "519900001"


@cache
def key(name: str) -> PrivateKey:
    return generate()


class Keyring:
    """The workstation's keyring: its own pair and the platform's public key."""

    def get(self, name: str) -> str:
        held = {
            "ministry/own-private": key("agent").to_pem(),
            "ministry/peer-public": key("platform").public.to_pem(),
        }
        if name not in held:
            raise KeyMissing(f"没有密钥 {name}", hint="请导入密钥")
        return held[name]


class MinistryPeer:
    def adapter(self) -> ProtocolAdapter:
        return build({"url": URL, "access_key": ACCESS_KEY}, Keyring())

    def serials(self, draft: Draft) -> Mapping[str, int]:
        return {"refid/519900": 42, f"request/{ACCESS_KEY}": 7}

    def open(self, request: Request, now: datetime) -> Opened:
        assert (request.method, request.url) == ("POST", URL)
        assert dict(request.headers) == {
            "access_key": ACCESS_KEY,
            "request_id": "519900001000000007",
            "timestamp": f"{now:%Y%m%d%H%M%S}123",
            "Content-Type": "application/json;charset=UTF-8",
        }
        body = jsontext.read_object(request.body.decode("utf-8"))
        assert list(body) == ["refid", "busitype", "aab301", "symmetric_key", "sign", "data"]
        assert (body["refid"], body["aab301"]) == (f"519900{now:%Y%m%d}000042", "519900")
        plaintext = open_envelope(
            body["symmetric_key"], body["sign"], body["data"], key("platform"), key("agent").public
        )
        return Opened(body["busitype"], jsontext.read(plaintext.decode("utf-8")))

    def answer(self, told: dict[str, Any]) -> Response:
        body = told["body"] if "body" in told else json.dumps(_outer(told), ensure_ascii=False)
        return Response(told.get("status", 200), {"Content-Type": "application/json"}, body.encode("utf-8"))


def _outer(told: dict[str, Any]) -> dict[str, Any]:
    outer: dict[str, Any] = {"code": told.get("code", "PE0000"), "msg": told.get("msg", "")}
    form = told.get("biz_data", "object")
    if form == "missing" or (form == "object" and "data" not in told and "data_text" not in told):
        return outer
    return {**outer, "biz_data": None if form == "null" else _biz_data(told, form)}


def _biz_data(told: dict[str, Any], form: str) -> Any:
    plaintext = told.get("data_text") or json.dumps(told["data"], ensure_ascii=False)
    signer = key(told.get("signer", "platform"))
    sealed = seal(plaintext.encode("utf-8"), signer, key("agent").public)
    nodes = {"symmetric_key": sealed.symmetric_key, "sign": sealed.sign, "data": sealed.data}
    return json.dumps(nodes) if form == "text" else nodes
