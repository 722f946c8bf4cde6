"""A running ministry rehearsal and a province that talks to it: real HTTP, real cryptography.

The keys are those of the BouncyCastle-made vectors.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from agent.clock import BEIJING, Clock, ManualClock
from agent.crypto import PrivateKey, PublicKey, load_private, load_public, open_envelope, seal
from agent.rehearsal.server import RehearsalServer
from plugins.ministry.simulator.serve import Built, build

VECTORS = Path(__file__).parents[3] / "vectors" / "sm-vectors.json"
NOW = datetime(2026, 3, 15, 10, 0, 0, tzinfo=BEIJING)
PATH = "/engine/transport/server/001"


@cache
def vectors() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))
    return content


def private_pem(name: str) -> str:
    return str(vectors()["keys"][name]["pkcs8_pem"])


def public_pem(name: str) -> str:
    return str(vectors()["keys"][name]["spki_pem"])


@dataclass
class Told:
    """An answer: ``code`` of the envelope, the opened DATA ({} when there is none)."""

    status: int
    headers: dict[str, str]
    code: str
    message: str
    data: dict[str, Any]

    @property
    def busi(self) -> str:
        return str(self.data.get("busi_code", ""))

    @property
    def rows(self) -> list[str]:
        return [row["ret_code"] for row in self.data.get("datalist", []) if "ret_code" in row]


@dataclass
class Province:
    """A province's client: seals, numbers, posts on a new connection, opens and verifies."""

    port: int
    access_key: str = "510000001"
    province: str = "510000"
    own: PrivateKey = field(default_factory=lambda: load_private(private_pem("province")))
    platform: PublicKey = field(default_factory=lambda: load_public(public_pem("platform")))
    number: int = 0

    def send(self, busitype: str, data: Any, /, **changes: Any) -> Told:
        """Send business DATA; ``changes`` replace nodes or headers, None removes one."""
        headers, body = self.request(busitype, data, **changes)
        return self.told(*self.post(headers, json.dumps(body).encode()))

    def request(self, busitype: str, data: Any, /, **changes: Any) -> tuple[dict[str, str], dict[str, Any]]:
        self.number += 1
        plaintext = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()
        sealed = seal(plaintext, self.own, self.platform)
        headers: dict[str, Any] = {
            "access_key": self.access_key,
            "request_id": f"{self.access_key}{self.number:09d}",
            "timestamp": "20260315100000123",
        }
        body: dict[str, Any] = {
            "refid": self.refid(self.number),
            "busitype": busitype,
            "symmetric_key": sealed.symmetric_key,
            "aab301": self.province,
            "sign": sealed.sign,
            "data": sealed.data,
        }
        for name, value in changes.items():
            (headers if name in headers else body)[name] = value
        return _given(headers), _given(body)

    def refid(self, number: int) -> str:
        return f"{self.province}20260315{number:06d}"

    def post(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", PATH, body, dict(headers))
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def told(self, status: int, headers: dict[str, str], content: bytes) -> Told:
        """Open an answer. Raises SignatureRejected or CiphertextRejected as the agent would."""
        if status != 200:
            return Told(status, headers, "", "", {})
        body = json.loads(content)
        biz = body["biz_data"]
        data: dict[str, Any] = {}
        if biz:
            plaintext = open_envelope(biz["symmetric_key"], biz["sign"], biz["data"], self.own, self.platform)
            data = json.loads(plaintext)
        return Told(status, headers, body["code"], body["msg"], data)

    def ask(self, busitype: str, refid: str) -> Told:
        return self.send("GYD053", {"hisrefid": refid, "busitype": busitype})


@dataclass
class Rehearsed:
    """A served rehearsal."""

    built: Built
    server: RehearsalServer
    clock: Clock
    province: Province

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request(method, f"/_rehearsal/{path}", None if body is None else json.dumps(body))
            response = connection.getresponse()
            content = json.loads(response.read())
            assert response.status == 200, content
            return content
        finally:
            connection.close()

    def faults(self, *switches: Any) -> None:
        self.admin("PUT", "faults", list(switches))

    def effects(self) -> list[str]:
        return [entry["key"] for entry in self.admin("GET", "ledger?limit=10000")["entries"]]


@contextmanager
def rehearsed(clock: Clock | None = None, **options: Any) -> Iterator[Rehearsed]:
    """Serve a rehearsal with the vectors' keys and the sample data, unless the options say otherwise."""
    clock = clock or ManualClock(NOW)
    keys = {"own_private": private_pem("platform"), "peer_public": public_pem("province")}
    built = build({**keys, "port": 0, **options}, clock)
    server = RehearsalServer(built.rehearsal, built.common.port, clock=clock)
    built.rehearsal.stopping = server.stopping
    with server:
        yield Rehearsed(built, server, clock, Province(server.port))
    built.rehearsal.ledger.close()


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
