"""A message of scan-to-pay, both ways: envelope pairs around the business data (document, 1.1.3).

Nothing here holds an opinion about what an answer means, and nothing here signs or verifies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.catalog import TransactionSpec
from agent.errors import AnswerRejected
from agent.events import JsonObject, Request
from agent.protocol.matching import answer_refused
from plugins.scanpay import transdata
from plugins.scanpay.envelopes import SEALED
from plugins.scanpay.forms import CONTENT_TYPE, Received, write_form
from plugins.scanpay.settings import Settings

RESULTS = ("respcode", "aprcode")


def request_pairs(settings: Settings, spec: TransactionSpec, body: JsonObject) -> dict[str, str]:
    """The pairs of a request in the document's order, without signatures."""
    return {
        "version": settings.version,
        "merchantcode": settings.merchantcode,
        "infosyscode": settings.infosyscode,
        "transtype": spec.code,
        "hospcode": settings.hospcode,
        "transdata": transdata.write(spec.request, body),
    }


def write_request(url: str, pairs: Mapping[str, str], answer_s: float) -> Request:
    headers = (("Content-Type", CONTENT_TYPE),)
    return Request(url=url, headers=headers, body=write_form(pairs), answer_s=answer_s)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that verified. ``respcode`` and ``aprcode`` both decide; ``data`` is under the catalog's
    codes, with what stood beside transdata instead of within it (anomalies S06)."""

    respcode: str
    respmsg: str = field(repr=False)
    aprcode: str
    aprtmsg: str = field(repr=False)
    data: JsonObject = field(repr=False)


def is_of_platform(received: Received) -> bool:
    """Whether pairs are an answer, or an encrypted one, at all."""
    return any(name in received.names() for name in (*RESULTS, SEALED))


def read_answer(received: Received, spec: TransactionSpec) -> Answer:
    """Raises AnswerRejected."""
    respcode = received.value("respcode")
    if not respcode:
        raise answer_refused("平台返回内容缺少 respcode", "no respcode")
    if received.value("transtype") not in ("", spec.code):
        raise answer_refused("返回内容不属于本次交易", "answer of another transtype")
    written = received.value("transdata")
    data = transdata.read(written, spec.response) if written else {}
    beside = {field.code: received.value(field.code) for field in spec.response if field.kind == "text"}
    return Answer(
        respcode=respcode,
        respmsg=received.value("respmsg"),
        aprcode=received.value("aprcode"),
        aprtmsg=received.value("aprtmsg"),
        data={**{code: value for code, value in beside.items() if value}, **data},
    )


def no_answer() -> AnswerRejected:
    """The error for pairs that are no answer of the platform."""
    return answer_refused("平台返回内容缺少 respcode", "no result code")
