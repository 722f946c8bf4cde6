"""What a decoder's answer says: whose code it is, and the token for the second check (domain facts: the
national library's JSON). Pure.

Answers come in GBK or UTF-8, ``data`` as an object or as JSON text, and one real library misspells a key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from agent import jsontext
from agent.errors import AgentError
from agent.events import Json, JsonObject
from agent.protocol.values import text_of

MOST_BYTES: Final = 64 * 1024


class NotDecoded(AgentError):
    """The code could not be read; ``message`` is Chinese, for the person at the till."""

    code = "not_decoded"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose code it is. ``index`` is the national index number of the credential."""

    code: str = field(repr=False)
    token: str = field(repr=False)
    id_type: str
    id_number: str = field(repr=False)
    name: str = field(repr=False)
    index: str = field(default="", repr=False)


class Decoder(Protocol):
    """Both raise NotDecoded, within a bounded time."""

    def decode(self, code: str) -> Holder:
        """Read a code that somebody scanned."""
        ...

    def acquire(self) -> Holder:
        """Drive the scan pad and read what it sees."""
        ...

    def close(self) -> None: ...


def read_holder(answer: bytes, code: str = "") -> Holder:
    """The holder in a decoder's answer; ``code`` is what was scanned, unless the decoder scanned it: one that
    drives a scan pad itself may have seen another person's. Raises NotDecoded."""
    told = _object(answer)
    number = text_of(told.get("code"))
    if number not in ("0", "0000"):
        raise failed(f"{number} {text_of(told.get('message'))[:100]}".strip())
    data = _data(told.get("data"))
    seen = text_of(data.get("ecQrCode"))
    if code and seen and seen != code:
        raise failed("解码结果是另一个二维码的")
    holder = Holder(
        code=code or seen,
        token=text_of(data.get("ecToken")),
        id_type=text_of(data.get("idType")) or "01",
        id_number=text_of(data.get("idNo")),
        name=text_of(data.get("userName")),
        index=text_of(data.get("ecIndexNo")) or text_of(data.get("ecIidexNo")),
    )
    if not (holder.code and holder.token and holder.id_number and holder.name):
        raise failed("解码结果不完整")
    return holder


def failed(reason: str) -> NotDecoded:
    return NotDecoded(f"电子凭证解码失败：{reason}，请重新扫码", hint="请患者刷新二维码后重新扫码")


def _object(answer: bytes) -> JsonObject:
    if len(answer) > MOST_BYTES:
        raise failed("应答过大")
    for charset in ("utf-8", "gb18030"):
        try:
            return jsontext.read_object(answer.decode(charset).strip("\x00 \r\n\t"))
        except ValueError:
            continue
    raise failed("应答无法识别")


def _data(value: Json) -> JsonObject:
    if isinstance(value, dict):
        return value
    try:
        return jsontext.read_object(value) if isinstance(value, str) else {}
    except jsontext.JsonTextError:
        return {}
