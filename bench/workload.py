"""The messages of a run: the same values for the bare loops, the agent's files and the server's answers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from agent import jsontext
from agent.clock import BEIJING
from agent.crypto import Layout, PrivateKey, PublicKey, load_private, seal
from agent.crypto.keys import generate
from agent.events import JsonObject, Request
from bench import plain
from plugins.ministry import codec

REPOSITORY = Path(__file__).resolve().parent.parent
BODY_BYTES = 1024
ACCESS_KEY = "510000001"
PROVINCE = "510000"
INSTITUTION = "51000000001"
PLAIN_ANSWER = b'{"code":"0","message":"ok"}'


@dataclass(frozen=True)
class Keys:
    """Both ends' SM2 private keys, as PEM."""

    own: str
    platform: str

    @classmethod
    def make(cls) -> Keys:
        return cls(generate().to_pem(), generate().to_pem())

    @cached_property
    def own_key(self) -> PrivateKey:
        return load_private(self.own)

    @cached_property
    def platform_key(self) -> PrivateKey:
        return load_private(self.platform)

    @property
    def platform_public(self) -> PublicKey:
        return self.platform_key.public


def note(number: int) -> JsonObject:
    """Business data whose JSON has BODY_BYTES bytes."""
    data = {"number": f"{number:06d}", "note": ""}
    filler = hashlib.sha256(data["number"].encode()).hexdigest() * 32
    data["note"] = filler[: BODY_BYTES - len(plain.write_body(data))]
    return data


def number_of_note(body: bytes) -> int:
    return int(jsontext.read_object(body.decode("utf-8"))["number"])


def admission(number: int) -> JsonObject:
    """GYU101 with one row in the document's form; the person is invented and the id no valid one."""
    return {
        "datalist": [
            {
                "akb020": INSTITUTION,
                "alc002": "1",
                "aab360": "510100",
                "aac002": "510100190001010000",
                "aac003": "测试人员",
                "aka130": "71",
                "akc190": f"Z{number:09d}",
                "aae030": f"{datetime.now(BEIJING):%Y%m%d}",
                "akc192": "S82.201",
                "akc193": "胫骨骨折",
                "aae013": "",
            }
        ]
    }


def sealed_request(url: str, number: int, data: JsonObject, keys: Keys) -> Request:
    """What the ministry's adapter makes of one admission."""
    now = datetime.now(BEIJING)
    header = {
        "access_key": ACCESS_KEY,
        "request_id": codec.write_request_id(ACCESS_KEY, number),
        "timestamp": codec.write_timestamp(now),
    }
    body = {
        "refid": codec.write_refid(PROVINCE, now, number),
        "busitype": "GYU101",
        "aab301": PROVINCE,
    }
    return codec.write_request(url, header, body, data, keys.own_key, keys.platform_public, Layout.C1C2C3)


def open_answer(body: bytes, keys: Keys) -> JsonObject:
    """The business data of a sealed answer; raises when it is not one."""
    answer = codec.read_answer(body)
    if answer.sealed is None:
        raise ValueError(f"the platform answered {answer.code}")
    return codec.open_data(answer.sealed, keys.own_key, keys.platform_public, Layout.C1C2C3)


def sealed_answer(number: int, keys: Keys) -> bytes:
    """The platform's answer to admission ``number``."""
    row = {
        "akb020": INSTITUTION,
        "aaz515": f"{number:018d}",
        "akc190": f"Z{number:09d}",
        "ret_code": "RE0000",
        "ret_msg": "",
    }
    data = {"busi_code": "RE0000", "busi_msg": "", "datalist": [row]}
    sealed = seal(jsontext.write(data).encode("utf-8"), keys.platform_key, keys.own_key.public)
    biz_data = {"symmetric_key": sealed.symmetric_key, "sign": sealed.sign, "data": sealed.data}
    return jsontext.write({"code": "PE0000", "msg": "", "biz_data": biz_data}).encode("utf-8")


def number_of_admission(body: bytes, keys: Keys) -> int:
    """Opens a sealed request, as the platform would."""
    from agent.crypto import open_envelope

    nodes = jsontext.read_object(body.decode("utf-8"))
    opened = open_envelope(
        nodes["symmetric_key"], nodes["sign"], nodes["data"], keys.platform_key, keys.own_key.public
    )
    return int(jsontext.read_object(opened.decode("utf-8"))["datalist"][0]["akc190"][1:])
