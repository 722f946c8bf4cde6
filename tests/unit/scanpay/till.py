"""What scan-to-pay's tests share: rehearsal keys made once, orders of invented people, a served rehearsal,
and a whole daemon in this process that works against it."""

from __future__ import annotations

import http.client
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.catalog import normalise
from agent.clock import BEIJING, Clock, SystemClock
from agent.config import load
from agent.daemon import Daemon
from agent.demo.stage import eventually
from agent.errors import KeyMissing
from agent.events import Draft, Outcome, Request, Response
from agent.keys import KeyRing
from agent.keys_memory import MemoryKeyring
from agent.registry import Registry
from agent.rehearsal.people import invented_identity
from agent.rehearsal.server import RehearsalServer
from plugins.scanpay.building import build as build_adapter
from plugins.scanpay.simulator import codes
from plugins.scanpay.simulator.key_files import read_sealing
from plugins.scanpay.simulator.sealing import Hash
from plugins.scanpay.simulator.serve import Built, build

NOW = datetime(2026, 1, 2, 9, 0, 0, tzinfo=BEIJING)
HOSPCODE, OPERATOR = "04010089", "0401008999"
PATIENCE_S = 20.0


@cache
def key_folder(hash_: Hash) -> Path:
    """Rehearsal keys, made once in this process: RSA keys take their time."""
    folder = Path(tempfile.mkdtemp(prefix="scanpay-keys-"))
    read_sealing(folder, hash_, datetime.now(BEIJING))
    return folder


def key_texts(hash_: Hash = Hash.SHA1_HEX) -> dict[str, str]:
    folder = key_folder(hash_)
    public = "platform-public.pem" if hash_ is Hash.SM3 else "platform.cer"
    return {
        "scanpay/merchant-private": (folder / "merchant-private.pem").read_text("ascii"),
        "scanpay/infosys-private": (folder / "infosys-private.pem").read_text("ascii"),
        "scanpay/platform-public": (folder / public).read_text("ascii"),
    }


class Keyring:
    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        self._texts = key_texts() if texts is None else texts

    def get(self, name: str) -> str:
        if name not in self._texts:
            raise KeyMissing(f"没有密钥 {name}")
        return self._texts[name]


def options(url: str = "http://127.0.0.1:7017/", **others: Any) -> dict[str, Any]:
    return {
        "url": url,
        "hospcode": HOSPCODE,
        "merchantcode": "DD04010089",
        "infosyscode": "SYS100361",
        "hospname": "演练医院",
        "operators": [OPERATOR],
        "backurl": "http://127.0.0.1:9/callback",
        **others,
    }


# -- what a HIS drops -------------------------------------------------------------------------------
def scan(person: int, now: datetime, *, field: str = "ecqrcode", token: bool = True) -> dict[str, str]:
    """The code of a person, with its token and holder unless a decoder is to read them."""
    code = codes.mint(person, now)
    if not token:
        return {field: code}
    identity = invented_identity(person)
    return {
        field: code,
        "ectoken": codes.token_of(code),
        "idtype": codes.ID_TYPE,
        "idno": identity.aac002,
        "username": identity.aac003,
    }


def orderdata(amount: str = "25.00", **others: Any) -> dict[str, Any]:
    """One prescription of two items: the first costs 10.00, the second the rest."""
    rest = f"{float(amount) - 10:.2f}"
    items = [item("1", "5.0000", "2", "10.00"), item("2", rest, "1", rest)]
    return {
        "operatorid": OPERATOR,
        "medicaltype": "11",
        "outpatientno": "MZ0001",
        "bkc012": "BL0001",
        "ake010": "20260102",
        "outpatienttime": "20260102",
        "prescriptionlistinfo": [
            {"prescriptionno": "CF1", "prescriptionfee": amount, "prescriptionitemlistinfo": items}
        ],
        **others,
    }


def item(number: str, price: str, quantity: str, amount: str, **others: Any) -> dict[str, Any]:
    return {
        "prescriptionorderno": number,
        "hoschargeprocode": f"H{number}",
        "hoschargeproname": "演练药品",
        "chargeprocode": f"C{number}",
        "chargepromame": "演练药品",
        "chargesort": "11",
        "chargesort111": "01",
        "unitprice": price,
        "num": quantity,
        "amount": amount,
        "unit": "盒",
        "days": "1",
        "prescribetime": "20260102",
        "prescribedeptcode": "K01",
        **others,
    }


def order(orderid: str, person: int, amount: str = "25.00", **others: Any) -> dict[str, Any]:
    """An order for ST007 and ST021; a scan is added for ST007."""
    identity = invented_identity(person)
    return {
        "ordertype": "hissscan",
        "orderid": orderid,
        "orderamt": amount,
        "pname": identity.aac003,
        "pidno": identity.aac002,
        "orderdata": orderdata(amount),
        **others,
    }


def admission(orderid: str, person: int, now: datetime, **others: Any) -> dict[str, Any]:
    return {
        **scan(person, now),
        "ordertype": "hishospzed",
        "orderid": orderid,
        "medicaltype": "21",
        "outpatientno": "ZY0001",
        "diseasecode": "J18.9",
        "indate": "20260102",
        **others,
    }


# -- the platform -----------------------------------------------------------------------------------
@dataclass
class Served:
    """A served rehearsal."""

    built: Built
    server: RehearsalServer

    @property
    def url(self) -> str:
        return f"{self.server.url}/"

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

    def effects(self) -> list[tuple[str, int]]:
        entries = self.admin("GET", "ledger?limit=10000")["entries"]
        return [(entry["key"], entry["change"]) for entry in entries]

    def calls(self) -> list[str]:
        return [call["transaction"] for call in self.admin("GET", "calls?limit=10000")["calls"]]


@contextmanager
def served(clock: Clock | None = None, hash_: Hash = Hash.SHA1_HEX, **given: Any) -> Iterator[Served]:
    clock = clock or SystemClock()
    built = build({"keys": str(key_folder(hash_)), "hash": hash_.value, "port": 0, **given}, clock)
    server = RehearsalServer(built.rehearsal, 0, clock=clock)
    built.rehearsal.stopping = server.stopping
    try:
        with server:
            yield Served(built, server)
    finally:
        built.callbacks.stop()
        built.rehearsal.ledger.close()


class Client:
    """A till without an agent: one request, its answer judged. ``changed`` are options of the adapter."""

    def __init__(self, url: str, hash_: Hash = Hash.SHA1_HEX, **changed: Any) -> None:
        given = options(url, **{"signature_hash": hash_.value, **changed})
        self.adapter = build_adapter(given, Keyring(key_texts(hash_)))
        self._url = urlsplit(url)
        self._number = 0

    def send(self, transaction: str, data: Mapping[str, Any]) -> Outcome:
        """Straight to the wire: nothing is validated or filled in."""
        spec = self.adapter.catalog.transaction(transaction)
        draft = Draft(transaction, HOSPCODE, normalise(spec, dict(data)))
        self._number += 1
        ids = self.adapter.stamp(draft, {f"request/{HOSPCODE}": self._number}, NOW)
        return self.adapter.interpret(draft, ids, self.post(self.adapter.encode(draft, ids, NOW)))

    def post(self, request: Request) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self._url.port, timeout=30)
        try:
            connection.request("POST", "/", request.body, dict(request.headers))
            answer = connection.getresponse()
            return Response(answer.status, {}, answer.read())
        finally:
            connection.close()


# -- the agent --------------------------------------------------------------------------------------
class Hospital:
    """A daemon in this process, configured for one served rehearsal; ``settings`` are TOML lines of the
    system, ``answer_within_s`` when a HIS is told that there is no final result yet."""

    def __init__(
        self,
        root: Path,
        url: str,
        *settings: str,
        hash_: Hash = Hash.SHA1_HEX,
        answer_within_s: float = 20.0,
    ) -> None:
        path = self.path = root / "his-agent.toml"
        given = options(url)
        lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in given.items()]
        path.write_text(
            "\n".join(
                [
                    "[agent]",
                    'data = "data"',
                    f"answer_within_s = {answer_within_s}",
                    "[control]",
                    'path = "c.sock"',
                    "[systems.scanpay]",
                    *lines,
                    *settings,
                    "[folders.scanpay]",
                    'system = "scanpay"',
                    "",
                ]
            ),
            encoding="utf-8",
        )
        self.config = load(path, Registry().options)
        self.ring = KeyRing(backend=MemoryKeyring(), held=key_texts(hash_))
        self.daemon: Daemon | None = None
        self._number = 0

    def configure(self, *changes: tuple[str, str]) -> None:
        """Change settings for the next start: what stands there, and what is to stand there instead."""
        text = self.path.read_text("utf-8")
        for old, new in changes:
            assert text.count(old) == 1
            text = text.replace(old, new)
        self.path.write_text(text, encoding="utf-8")
        self.config = load(self.path, Registry().options)

    def start(self) -> None:
        self.daemon = Daemon(self.config, Registry(), self.ring)
        self.daemon.start()

    def stop(self) -> None:
        if self.daemon is not None:
            self.daemon.stop()
            self.daemon = None

    def drop(self, transaction: str, data: Mapping[str, Any], **keys: Any) -> Path:
        """One file; where its result will be."""
        folder = self.config.folders[0]
        self._number += 1
        name = f"{self._number:04d}.json"
        his_id = keys.pop("id", f"HIS-{self._number}")
        content = {"transaction": transaction, "id": his_id, "data": data, **keys}
        folder.inbox.mkdir(parents=True, exist_ok=True)
        aside = folder.inbox / f"{name}.tmp"
        aside.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        aside.replace(folder.inbox / name)
        return folder.results / f"{name}.{his_id}.result.json"

    def result(self, path: Path, *, final: bool = True) -> dict[str, Any]:
        """The final result at its place, or the first interim one."""
        found: dict[str, Any] = {}

        def told() -> bool:
            if path.exists():
                found.update(json.loads(path.read_text("utf-8")))
            return bool(found.get("final")) is final and bool(found)

        eventually(told, f"result {path.name}", PATIENCE_S)
        return found

    def send(self, transaction: str, data: Mapping[str, Any], **keys: Any) -> dict[str, Any]:
        return self.result(self.drop(transaction, data, **keys))


@contextmanager
def hospital(
    root: Path, url: str, *settings: str, hash_: Hash = Hash.SHA1_HEX, answer_within_s: float = 20.0
) -> Iterator[Hospital]:
    running = Hospital(root, url, *settings, hash_=hash_, answer_within_s=answer_within_s)
    running.start()
    try:
        yield running
    finally:
        running.stop()
