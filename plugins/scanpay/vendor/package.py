"""The agent's end of the vendor's signing package: a helper process that seals and opens messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from agent.clock import Clock
from agent.errors import CryptoError, HelperError, HelperRefused, NotSent, SignatureRejected
from agent.events import Json
from agent.helpers.client import HelperProcess
from agent.helpers.process import HelperSettings
from agent.protocol.matching import answer_refused
from plugins.scanpay.forms import Received, received

NAME: Final = "scanpay-signer"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_UNTRUSTED: Final = ("signature", "decrypt")
"""Refusals of ``open`` that say something of the answer, not of the package."""


class PackageSealing:
    """Seals and opens through the helper (``plugins.scanpay.sealing.Sealing``). Nothing starts before the
    first message; several lanes take turns."""

    def __init__(self, command: tuple[str, ...], timeout_s: float, clock: Clock) -> None:
        self._helper = HelperProcess(
            HelperSettings(NAME, command, start_within_s=15.0, answer_within_s=timeout_s), clock
        )

    def seal(self, pairs: Mapping[str, str], session: str) -> Mapping[str, str]:
        try:
            value = self._helper.call("seal", {"pairs": _listed(tuple(pairs.items())), "session": session})
            return dict(_pairs(value))
        except (HelperError, ValueError) as error:
            reason = error.code if isinstance(error, HelperError) else "not pairs"
            raise NotSent(
                "签名程序没有给出签名，尚未发送",
                hint="请检查 signer_command 和厂商辅助包；修正后自动继续",
                details={"reason": reason},
            ) from None

    def open(self, received_: Received, session: str) -> Received:
        try:
            value = self._helper.call("open", {"pairs": _listed(received_.pairs), "session": session})
            return received_ if value == {} else received(_pairs(value))
        except HelperRefused as refused:
            if refused.reason in _UNTRUSTED:
                raise SignatureRejected(
                    "平台应答验签失败",
                    hint="请核对厂商辅助包中的平台证书",
                    details={"reason": refused.reason},
                ) from None
            raise _unverified(refused) from None
        except HelperError as error:
            raise _unverified(error) from None
        except ValueError:
            raise answer_refused("签名程序返回的内容不正确", "signer gave no pairs") from None

    def close(self) -> None:
        self._helper.close()


def _unverified(error: HelperError) -> CryptoError:
    return CryptoError(
        "收到应答，但签名程序不能验签",
        hint="请检查 signer_command 和厂商辅助包",
        details={"reason": error.code},
    )


def _listed(pairs: tuple[tuple[str, str], ...]) -> list[Json]:
    return [list(pair) for pair in pairs]


def _pairs(value: Json) -> tuple[tuple[str, str], ...]:
    """The pairs of a helper's value. Raises ValueError."""
    listed = value.get("pairs") if isinstance(value, dict) else None
    if not isinstance(listed, list) or not listed:
        raise ValueError("no pairs")
    return tuple(_pair(one) for one in listed)


def _pair(one: Json) -> tuple[str, str]:
    """Something that can go on the wire: a plain name, and text without half characters."""
    if not isinstance(one, list) or len(one) != 2 or not all(isinstance(text, str) for text in one):
        raise ValueError("no pair")
    name, value = one
    if not _NAME.fullmatch(name):
        raise ValueError("no name")
    value.encode("utf-8")
    return name, value
