"""A decoding service over HTTP: ``{"qrCode", "orgId", "businessType"}`` as JSON in, the national library's
JSON out. Without a code (``""``) the service scans by itself."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import requests
from urllib3.exceptions import HTTPError

from agent import courtesy, jsontext
from agent.clock import Clock
from plugins.scanpay.decoding.holders import MOST_BYTES, Holder, failed, read_holder
from plugins.scanpay.settings import DecoderSettings


class ServiceDecoder:
    """Redirects are not followed and proxies not used: the service is a neighbour."""

    def __init__(self, settings: DecoderSettings, hospcode: str, clock: Clock) -> None:
        self._settings = settings
        self._hospcode = hospcode
        self._clock = clock
        self._session = requests.Session()
        self._session.trust_env = False

    def decode(self, code: str) -> Holder:
        asked = {"qrCode": code, "orgId": self._hospcode, "businessType": self._settings.business}
        body = jsontext.write(asked).encode("utf-8")
        headers = {"Content-Type": "application/json;charset=UTF-8"}
        try:
            with courtesy.waiting():
                content, status = self._asked(body, headers)
        except (requests.RequestException, HTTPError, OSError):
            raise failed("解码服务没有应答") from None
        if status != HTTPStatus.OK:
            raise failed(f"解码服务返回 HTTP {status}")
        return read_holder(content, code)

    def _asked(self, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, int]:
        with self._session.post(
            self._settings.url,
            data=body,
            headers=headers,
            timeout=self._settings.timeout_s,
            allow_redirects=False,
            stream=True,
        ) as answer:
            return self._content(answer), answer.status_code

    def _content(self, answer: requests.Response) -> bytes:
        """The body, as far as it is of any use; one that trickles in is given up after the time limit.
        Raises NotDecoded."""
        ends = self._clock.monotonic() + self._settings.timeout_s
        content = b""
        while len(content) <= MOST_BYTES:
            part: bytes = answer.raw.read1(MOST_BYTES + 1 - len(content), decode_content=True)
            if not part:
                break
            content += part
            if self._clock.monotonic() > ends:
                raise failed("解码服务应答过慢")
        return content

    def acquire(self) -> Holder:
        return self.decode("")

    def close(self) -> None:
        self._session.close()
