"""Plain HTTP for people's acts: ``check``, the demonstration, a rehearsal server's admin surface.

Built on requests, which copes with whatever the web answers. No message travels here: requests
cannot say whether a failed post may have left, takes an answer cut inside its head for a whole one,
bounds no answer's length in time or bytes, and costs a lane several times the work of
:mod:`agent.transport.http` (``make bench``).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from agent import jsontext
from agent.clock import SystemClock
from agent.errors import TransportError
from agent.events import Json, Response
from agent.transport.base import TransportSettings
from agent.transport.dial import Dialer
from agent.transport.failures import maybe_sent, not_sent
from agent.transport.target import Origin, parse

_CONNECTING = (ConnectTimeoutError, NewConnectionError, ssl.SSLCertVerificationError)
"""What shows that no connection came about: nothing of the request can have left."""


class WebSession:
    """Kept connections with the settings of one system: its authorities, proxy and time-outs."""

    def __init__(self, settings: TransportSettings) -> None:
        self._settings = settings
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.proxies = {"http": settings.proxy, "https": settings.proxy} if settings.proxy else {}
        self._session.verify = str(settings.ca_file) if settings.ca_file else settings.verify_tls
        self._session.mount("https://", _SameTrust(Dialer(settings, SystemClock()).tls_context()))

    def __enter__(self) -> WebSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def request(self, method: str, url: str, content: Json = None) -> Response:
        """One request, with ``content`` as its JSON body unless None; any status is a response.

        Follows no redirect. Raises NotSent, MaybeSent, or ConfigurationError for an unusable URL.
        """
        origin, _ = parse(url)
        try:
            answer = self._session.request(
                method,
                url,
                data=None if content is None else jsontext.write(content).encode("utf-8"),
                headers={} if content is None else {"Content-Type": "application/json"},
                timeout=(self._settings.connect_s, self._settings.answer_s),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise _failure(error, origin) from error
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, headers, answer.content)


def _failure(error: requests.RequestException, origin: Origin) -> TransportError:
    causes = list(_causes(error))
    if any(isinstance(cause, _CONNECTING) for cause in causes):
        return not_sent(causes[-1], origin, "connect")
    return maybe_sent(causes[-1], origin, "answer")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made from, down to what the operating system said."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


class _SameTrust(HTTPAdapter):
    """Trusts whom the lanes trust: requests alone would ask certifi only, never the system's store."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(*args, **kwargs, ssl_context=self._context)
