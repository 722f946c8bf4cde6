"""What the ministry's unit tests share: an adapter with real keys, invented people, a fixed morning."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from agent.clock import BEIJING
from agent.crypto import PrivateKey
from agent.crypto.keys import generate
from agent.errors import KeyMissing
from agent.events import JsonObject, Submission
from plugins.ministry.adapter import MinistryAdapter, build

NOW = datetime(2026, 1, 2, 9, 0, 0, 7000, tzinfo=BEIJING)
URL = "http://127.0.0.1:7009/engine/transport/server/001"


@cache
def key(name: str) -> PrivateKey:
    return generate()


class Keyring:
    """Key texts by name; a name that is not there raises KeyMissing, as the real one does."""

    def __init__(self, **texts: str) -> None:
        self.texts = {
            "ministry/own-private": key("agent").to_pem(),
            "ministry/peer-public": key("platform").public.to_pem(),
            **texts,
        }

    def get(self, name: str) -> str:
        if name not in self.texts:
            raise KeyMissing(f"没有密钥 {name}")
        return self.texts[name]


def options(**others: Any) -> dict[str, Any]:
    return {"url": URL, "access_key": "519900001", **others}


def adapter(keyring: Keyring | None = None, **others: Any) -> MinistryAdapter:
    return build(options(**others), keyring or Keyring())


def submission(transaction: str, data: Any) -> Submission:
    return Submission("ministry", transaction, "HIS-1", data)


def admission(**others: Any) -> JsonObject:
    row = {
        "akb020": "510000123456",
        "alc002": "1",
        "aab360": "510104",
        "aac002": "519900199901011234",
        "aac003": "测试甲",
        "aka130": "72",
        "akc190": "ZY20260001",
        "aae030": "20260101",
    }
    return {"datalist": [{**row, **others}]}


def fees(count: int, **others: Any) -> JsonObject:
    row = {
        "ala012": "02",
        "ala002": "YP1",
        "ala020": "药品",
        "aka068": "10",
        "aae185": "0.8",
        "akc226": "1",
        "akc225": "12.5",
        "aae058": "12.5",
        "aae020": "8",
        "aae022": "4.5",
        "aae229": "20260101",
        **others,
    }
    return {
        "aac002": "519900199901011234",
        "aac003": "测试甲",
        "akb020": "510000123456",
        "alc002": "1",
        "akc190": "ZY20260001",
        "aka130": "72",
        "datalist": [{**row, "aaz213_s": f"MX{number:06d}"} for number in range(count)],
    }
