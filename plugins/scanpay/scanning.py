"""The scanned code of a submission: what decoding it gave, and how long it lives (document, 2.1).

A code lives 60 seconds, its token up to 5 minutes, both from the moment of the scan: what the HIS says
with ``scanned_at``, else when its file arrived. A message that would leave later expires instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from agent.catalog import TransactionSpec
from agent.catalog.spelling import find
from agent.catalog.values import is_absent
from agent.errors import Fault
from agent.events import JsonObject, Submission
from agent.protocol.values import text_of
from plugins.scanpay.settings import Settings

CODE_FIELDS: Final = ("ecqrcode", "ecrcode")
HOLDER_FIELDS: Final = ("ectoken", "idtype", "idno", "username")
_PERSON: Final = ("idno", "username")
_OTHER: Final = "与二维码解码得到的持有人不一致，请核对并重新扫码"
RESCAN: Final = "电子凭证已超过有效时间，未发送，请重新扫码"


@dataclass(frozen=True, slots=True)
class Scanned:
    """``values`` are decoded, ``unread`` the fields that could not be, and why; ``until`` the end of its
    life."""

    values: JsonObject = field(default_factory=dict, repr=False)
    unread: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    until: datetime | None = None


def code_field(spec: TransactionSpec) -> str:
    """The field of the scanned code, "" for a transaction without one (S10)."""
    return next((one.code for one in spec.request if one.code in CODE_FIELDS), "")


def scanned(
    spec: TransactionSpec, submission: Submission, given: JsonObject, today: datetime, settings: Settings
) -> Scanned:
    """What is known of a submission's code; nothing for a transaction without one."""
    code = code_field(spec)
    if not code:
        return Scanned()
    decoded = submission.decoded
    values = dict(decoded.values) if decoded else {}
    faults = decoded.faults if decoded else ()
    faults += tuple(_others(spec, given, values))
    wanted = [one for one in (code, *HOLDER_FIELDS) if not is_given(spec, given, one)]
    values = {one: values[one] for one in wanted if values.get(one)}
    has_token = bool(values.get("ectoken")) or is_given(spec, given, "ectoken")
    lives = settings.token_lives if has_token else settings.code_lives
    return Scanned(
        values=values,
        unread=tuple(one for one in wanted if one not in values) if faults else (),
        faults=faults,
        until=(submission.scanned_at or today) + lives,
    )


def _others(spec: TransactionSpec, given: JsonObject, decoded: JsonObject) -> Iterator[Fault]:
    """What the HIS says of the holder besides, and the code says otherwise: it is another person's."""
    for one in spec.request:
        told, read = text_of(find(given, one.code)), text_of(decoded.get(one.code))
        if one.code in _PERSON and told and read and told.casefold() != read.casefold():
            yield Fault(f"/{one.code}", "value", _OTHER, field=one.code, name=one.name)


def is_given(spec: TransactionSpec, data: JsonObject, code: str) -> bool:
    """Whether the HIS gave a field, under whichever of its names."""
    names = next((one.aliases for one in spec.request if one.code == code), ())
    return any(not is_absent(find(data, name)) for name in (code, *names))
