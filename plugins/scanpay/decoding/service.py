"""A decoding service over HTTP: ``{"qrCode", "orgId", "businessType"}`` as JSON in, the national library's
JSON out. Without a code (``""``) the service scans by itself."""

from __future__ import annotations

from http import HTTPStatus

import requests

from agent import jsontext
from plugins.scanpay.decoding.holders import MOST_BYTES, Holder, failed, read_holder
from plugins.scanpay.settings import DecoderSettings


class ServiceDecoder:
    """Redirects are not followed and proxies not used: the service is a neighbour."""

    def __init__(self, settings: DecoderSettings, hospcode: str) -> None:
        self._settings = settings
        self._hospcode = hospcode
        self._session = requests.Session()
        self._session.trust_env = False

    def decode(self, code: str) -> Holder:
        asked = {"qrCode": code, "orgId": self._hospcode, "businessType": self._settings.business}
        body = jsontext.write(asked).encode("utf-8")
        headers = {"Content-Type": "application/json;charset=UTF-8"}
        try:
            with self._session.post(
                self._settings.url,
                data=body,
                headers=headers,
                timeout=self._settings.timeout_s,
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = answer.raw.read(MOST_BYTES + 1, decode_content=True)
                status = answer.status_code
        except (requests.RequestException, OSError):
            raise failed("解码服务没有应答") from None
        if status != HTTPStatus.OK:
            raise failed(f"解码服务返回 HTTP {status}")
        return read_holder(content, code)

    def acquire(self) -> Holder:
        return self.decode("")

    def close(self) -> None:
        self._session.close()
