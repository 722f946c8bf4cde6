"""What a hospital sends in bulk through the ministry's plugin: files of 500 KB, and a day's fees as one CSV.

The platform's side as well: answers by transaction, made before a run; what it was sent is opened after it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from asyncio import run as run_loop
from base64 import b64decode
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from agent import jsontext
from agent.clock import BEIJING
from agent.crypto import open_envelope, seal
from agent.events import JsonObject
from bench.server import Run, http, serve
from bench.workload import INSTITUTION, Keys

FILES = 10
FILE_BYTES = 500_000
BATCH = 500

PERSON = {"aac002": "510100190001010000", "aac003": "测试人员"}
STAY = {"akb020": INSTITUTION, "akc190": "Z000000001"}


def file_content(number: int) -> bytes:
    """A file of FILE_BYTES that begins as a PDF does; no two are alike, and none can be compressed."""
    seed = hashlib.sha256(str(number).encode()).digest()
    return b"%PDF-1.7\n" + (hashlib.shake_256(seed).digest(FILE_BYTES - 9))


def upload(number: int) -> JsonObject:
    """GYU002 that names FILES files of the folder."""
    files = [
        {
            "aaa726_s": f"A{number:05d}{place}",
            "filetype": "02",
            "filename": "",
            "filecont": f"@{upload_file(number, place)}",
        }
        for place in range(FILES)
    ]
    data = {**PERSON, **STAY, "alc002": "1", "filelist": files}
    return {"transaction": "GYU002", "id": f"FILES-{number:05d}", "data": data}


def upload_file(upload_number: int, place: int) -> str:
    return f"plan-{upload_number}-{place}.pdf"


def question(number: int) -> JsonObject:
    """GYD051: may this person be admitted?"""
    data = {
        **PERSON,
        "calltype": "1",
        "aae030": f"{datetime.now(BEIJING):%Y%m%d}",
        "akb020": INSTITUTION,
        "alc002": "1",
        "aab360": "510100",
    }
    return {"transaction": "GYD051", "id": f"ASK-{number:05d}", "data": data, "now": True}


def fees_id(stay: int) -> str:
    return f"FEES-{stay}"


def fees_csv(rows: int, stay: int = 1) -> Iterator[str]:
    """The lines of a CSV with ``rows`` fees of one stay."""
    fixed = {"transaction": "GYU102", "id": fees_id(stay), "rows": str(rows), **PERSON, **STAY}
    fixed["akc190"] = f"Z{stay:09d}"
    fixed |= {"alc002": "1", "aka130": "72"}
    yield from (f"#{key}={value}" for key, value in fixed.items())
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
        "aae229": f"{datetime.now(BEIJING):%Y%m%d}",
    }
    yield ",".join(["aaz213_s", *row])
    tail = ",".join(row.values())
    yield from (f"{fee_number(number)},{tail}" for number in range(rows))


def fee_number(number: int) -> str:
    return f"MX{number:08d}"


COUNTED = (b"GYU002", b"GYU102")
"""Transactions of which each call has an answer of its own, and is kept."""


# -- the platform ----------------------------------------------------------------------------------------
class Ministry(Run):
    """Answers by transaction, each in its order."""

    def __init__(self, keys: Keys, rows: int, uploads: int) -> None:
        self._keys = keys
        self.made = {
            b"GYU000": [_sealed({}, keys)],
            b"GYD051": [_sealed({**PERSON}, keys)],
            b"GYU002": [_sealed({"filelist": _files_taken(one)}, keys) for one in range(uploads)],
            b"GYU102": [
                _sealed({"datalist": _fees_taken(start, min(start + BATCH, rows))}, keys)
                for start in range(0, rows, BATCH)
            ],
        }
        super().__init__([], lambda _: 0)

    def begin(self) -> None:
        super().begin()
        self._sent = dict.fromkeys(self.made, 0)

    def answer(self, arrived: int, body: bytes) -> bytes:
        place = body.index(b'"busitype":"') + 12
        code = body[place : place + 6]
        number = self._sent[code]
        self._sent[code] += 1
        if code in COUNTED:
            self.bodies.append(body)
        self.arrived.append(arrived)
        made = self.made[code]
        return made[number % len(made)] if code in COUNTED else made[0]

    def report(self) -> bytes:
        """What was sent: the fees' numbers in order, the files' digests in order."""
        fees: list[str] = []
        files: list[str] = []
        for body in self.bodies:
            data = self._opened(body)
            fees += [row["aaz213_s"] for row in data.get("datalist", ())]
            files += [
                hashlib.sha256(b64decode(one["filecont"])).hexdigest() for one in data.get("filelist", ())
            ]
        return http(json.dumps({"fees": fees, "files": files}).encode())

    def _opened(self, body: bytes) -> JsonObject:
        nodes = jsontext.read_object(body.decode("utf-8"))
        keys = self._keys
        opened = open_envelope(
            nodes["symmetric_key"], nodes["sign"], nodes["data"], keys.platform_key, keys.own_key.public
        )
        return jsontext.read_object(opened.decode("utf-8"))


def _files_taken(number: int) -> list[JsonObject]:
    return [
        {
            "aaa726_s": f"A{number:05d}{place}",
            "filename": upload_file(number, place),
            "aaa726": f"{number:08d}{place}",
            "ret_code": "RE0000",
            "ret_msg": "",
        }
        for place in range(FILES)
    ]


def _fees_taken(start: int, end: int) -> list[JsonObject]:
    return [
        {"aaz213_s": fee_number(number), "aaz213": f"9{number:012d}", "ret_code": "RE0000", "ret_msg": ""}
        for number in range(start, end)
    ]


def _sealed(data: dict[str, Any], keys: Keys) -> bytes:
    whole = {"busi_code": "RE0000", "busi_msg": "", **data}
    sealed = seal(jsontext.write(whole).encode("utf-8"), keys.platform_key, keys.own_key.public)
    nodes = {"symmetric_key": sealed.symmetric_key, "sign": sealed.sign, "data": sealed.data}
    return http(jsontext.write({"code": "PE0000", "msg": "", "biz_data": nodes}).encode("utf-8"))


def main() -> None:
    """The platform's process: rows and uploads to answer as arguments, keys on standard input."""
    keys = Keys(**json.loads(sys.stdin.readline()))
    run_loop(serve(Ministry(keys, int(sys.argv[1]), int(sys.argv[2])), 0.0))


if __name__ == "__main__":
    main()
