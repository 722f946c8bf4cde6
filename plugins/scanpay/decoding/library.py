"""NationECCode's decoder: the library in a helper process, 32- or 64-bit, one call at a time."""

from __future__ import annotations

import sys
from base64 import b64decode
from binascii import Error as Base64Error
from pathlib import Path
from typing import Final

from agent import jsontext
from agent.clock import Clock
from agent.errors import ConfigurationError, HelperError, HelperRefused
from agent.events import JsonObject
from agent.helpers.client import HelperProcess
from agent.helpers.process import HelperSettings
from plugins.scanpay.decoding.holders import Holder, failed, read_holder
from plugins.scanpay.settings import DecoderSettings

NAME: Final = "scanpay-decoder"
_HELPER: Final = Path(__file__).with_name("library_helper.py")


class LibraryDecoder:
    """Nothing starts before the first code. Raises ConfigurationError where no Python is there to run the
    helper."""

    def __init__(self, settings: DecoderSettings, hospcode: str, clock: Clock) -> None:
        command = (*(settings.command or _own_python()), str(_HELPER), settings.library)
        self._url = settings.url
        self._hospcode = hospcode
        self._business = settings.business
        self._helper = HelperProcess(
            HelperSettings(NAME, command, answer_within_s=float(settings.timeout_s)), clock
        )

    def decode(self, code: str) -> Holder:
        return self._query(code)

    def acquire(self) -> Holder:
        return self._query("")

    def close(self) -> None:
        self._helper.close()

    def _query(self, code: str) -> Holder:
        asked = jsontext.write(query(self._hospcode, self._business, code))
        try:
            value = self._helper.call("query", {"url": self._url, "in": asked})
            answer = b64decode(value["out"], validate=True)
        except HelperRefused as refused:
            raise failed(f"动态库返回 {refused.number or refused.reason}") from None
        except HelperError as error:
            raise failed(error.message) from None
        except (TypeError, KeyError, Base64Error):
            raise failed("解码助手的应答不正确") from None
        return read_holder(answer, code)


def _own_python() -> tuple[str, ...]:
    """The installed program is frozen: it runs itself only."""
    if getattr(sys, "frozen", False):
        raise ConfigurationError(
            "decoder_command 不能为空：安装包里的程序不能运行解码助手",
            hint="请安装与动态库位数相同的 Python，并在 decoder_command 中填写其路径",
        )
    return (sys.executable,)


def query(hospcode: str, business: str, code: str) -> JsonObject:
    """The library's ``ec.query``; with a code it is asked about that one instead of scanning."""
    data: JsonObject = {
        "orgId": hospcode,
        "businessType": business,
        "operatorId": hospcode,
        "operatorName": hospcode,
        "officeId": "",
        "officeName": "",
        "deviceType": "",
    }
    if code:
        data["ecQrCode"] = code
    return {"data": data, "transType": "ec.query", "orgId": hospcode}
