"""Bytes on the ministry's wire, both ways (document, chapter 2): headers, body, sealed business data.

``write_request`` and ``read_answer`` are one side of the exchange and hold no opinion about what an
answer means. Keys and values of answers are trimmed and numbers become their text, since the
platform writes both ways (anomalies M11, M23–M25).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from agent import jsontext
from agent.clock import BEIJING
from agent.crypto import Layout, OwnKey, PublicKey, open_envelope, seal
from agent.events import Json, JsonObject, Request
from agent.protocol.answers import parse_object, read_embedded, tidy, trim_keys
from agent.protocol.matching import answer_refused
from agent.protocol.serials import write_serial
from agent.protocol.values import text_of

REFID_SERIAL_DIGITS: Final = 6
REQUEST_SERIAL_DIGITS: Final = 9


def write_refid(province: str, now: datetime, serial: int) -> str:
    """REFID: province, date, 6-digit serial: 20 digits (anomalies M01)."""
    return f"{province}{now.astimezone(BEIJING):%Y%m%d}{write_serial(serial, REFID_SERIAL_DIGITS)}"


def write_request_id(access_key: str, serial: int) -> str:
    """REQUEST_ID: access key and 9-digit serial: 18 digits."""
    return access_key + write_serial(serial, REQUEST_SERIAL_DIGITS)


def write_timestamp(now: datetime) -> str:
    """TIMESTAMP: YYYYMMDDHH24MISSFF3, Beijing time."""
    moment = now.astimezone(BEIJING)
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}"


def write_request(
    url: str,
    header: Mapping[str, str],
    body: Mapping[str, str],
    data: JsonObject,
    own: OwnKey,
    peer: PublicKey,
    layout: Layout,
) -> Request:
    """One sealed request: ``header`` as HTTP headers, ``body`` the plain nodes around the sealed ones."""
    sealed = seal(jsontext.write_bytes(data), own, peer, layout=layout)
    nodes = {**body, "symmetric_key": sealed.symmetric_key, "sign": sealed.sign, "data": sealed.data}
    return Request(
        url=url,
        headers=(*header.items(), ("Content-Type", "application/json;charset=UTF-8")),
        body=jsontext.write_bytes(nodes),
    )


@dataclass(frozen=True, slots=True)
class Sealed:
    """BIZ_DATA as received."""

    symmetric_key: str = field(repr=False)
    sign: str = field(repr=False)
    data: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """The outer nodes of an answer; ``sealed`` is None when not all of it is there."""

    code: str
    message: str = field(repr=False)
    sealed: Sealed | None


def read_answer(body: bytes) -> Answer:
    """The outer nodes. Raises AnswerRejected for anything but the platform's form."""
    nodes = trim_keys(parse_object(body))
    code = text_of(nodes.get("code"))
    if not code:
        raise answer_refused("平台返回内容缺少 code", "no code")
    return Answer(code, text_of(nodes.get("msg")), _sealed(nodes.get("biz_data")))


def open_data(sealed: Sealed, own: OwnKey, peer: PublicKey, layout: Layout) -> JsonObject:
    """The business data of an answer. Raises SignatureRejected, CiphertextRejected, AnswerRejected, and
    ConfigurationError for a key in a device that cannot be used now."""
    data: JsonObject = tidy(
        parse_object(open_envelope(sealed.symmetric_key, sealed.sign, sealed.data, own, peer, layout=layout))
    )
    return data


def _sealed(value: Json) -> Sealed | None:
    """Values untrimmed: the signature covers ``data`` exactly as received."""
    nodes = trim_keys(read_embedded(value) or {})
    symmetric_key, sign, data = (nodes.get(name) for name in ("symmetric_key", "sign", "data"))
    if not (isinstance(symmetric_key, str) and isinstance(sign, str) and isinstance(data, str)):
        return None
    return Sealed(symmetric_key, sign, data) if symmetric_key and sign and data else None
