"""Rehearsal codes: what a rehearsed app shows, and what decoding makes of it.

A code is 28 digits as a real one: ``424``, the moment it was shown (YYYYMMDDHHMMSS, Beijing time), the
person's number in 7 digits, ``0000``. Its token is derived from it, so that any decoder of a rehearsal,
in this process or not, gives the token that the platform expects.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from agent import jsontext
from agent.clock import BEIJING
from agent.events import JsonObject
from agent.rehearsal.messages import Answer
from agent.rehearsal.people import MOST, Identity, invented_identity

CODE_LIVES: Final = timedelta(seconds=60)
TOKEN_LIVES: Final = timedelta(seconds=300)
ID_TYPE: Final = "01"

_CODE = re.compile(r"424(\d{14})(\d{7})0000", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shown:
    """A code as it was shown: whose, and when."""

    person: int = field(repr=False)
    at: datetime

    @property
    def identity(self) -> Identity:
        return invented_identity(self.person)


def mint(person: int, now: datetime) -> str:
    """The code that the app of an invented person shows at a moment."""
    return f"424{now.astimezone(BEIJING):%Y%m%d%H%M%S}{person:07d}0000"


def read(code: str) -> Shown | None:
    """Whose code it is; None for one that no rehearsed app shows."""
    found = _CODE.fullmatch(code)
    if found is None or int(found[2]) >= MOST:
        return None
    try:
        at = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=BEIJING)
    except ValueError:
        return None
    return Shown(int(found[2]), at)


def token_of(code: str) -> str:
    """The ecToken of a code."""
    return "EC" + hashlib.sha256(f"rehearsal/{code}".encode()).hexdigest()[:30].upper()


def decoded(body: bytes, now: datetime) -> Answer:
    """What a decoding service answers: ``{"qrCode": …}`` in, the national library's JSON out."""
    try:
        asked = jsontext.read_object(body.decode("utf-8"))
    except ValueError:
        asked = {}
    code = asked.get("qrCode")
    shown = read(code) if isinstance(code, str) else None
    if shown is None:
        told: JsonObject = {"code": 500159, "message": "请使用医保电子凭证二维码"}
    elif now - shown.at > CODE_LIVES:
        told = {"code": 500160, "message": "二维码已失效"}
    else:
        told = {"code": 0, "message": "", "data": holder(str(code), shown)}
    return Answer(body=jsontext.write(told).encode("utf-8"), label=str(told["code"]))


def holder(code: str, shown: Shown) -> JsonObject:
    """The ``data`` of a decoder's answer, with the real library's misspelt key."""
    identity = shown.identity
    return {
        "userName": identity.aac003,
        "idNo": identity.aac002,
        "idType": ID_TYPE,
        "ecToken": token_of(code),
        "ecIidexNo": f"{shown.person:012d}",
        "insuOrg": "519900",
        "ecQrCode": code,
    }
