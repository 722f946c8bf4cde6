"""Where a request goes: the parts of a URL that a connection and a request line need."""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from agent.errors import ConfigurationError

PORTS = {"http": 80, "https": 443}

# Everything that may stand in a path or query, "%" included: what is already quoted stays as it is.
_AS_GIVEN = "!#$%&'()*+,/:;=?@[]~"


class Origin(NamedTuple):
    """A server: connections to the same origin are interchangeable."""

    scheme: str
    host: str
    port: int

    def authority(self) -> str:
        """The ``Host`` header (RFC 9112, 3.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


@lru_cache(maxsize=64)
def parse(url: str) -> tuple[Origin, str]:
    """The origin and the request target (path and query, quoted) of an absolute URL.

    Raises ConfigurationError, whose details never hold the URL: a query may name a patient.
    """
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError as error:
        raise _unusable() from error
    if scheme not in PORTS or not host or "@" in parts.netloc or any(c <= " " for c in host):
        raise _unusable()
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    return Origin(scheme, host, port or PORTS[scheme]), quote(target, safe=_AS_GIVEN)


class Proxy(NamedTuple):
    """A forward proxy; ``headers`` are the lines that only it may see."""

    origin: Origin
    headers: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Proxy({self.origin!r})"


def parse_proxy(url: str) -> Proxy | None:
    """``http://[user:password@]host[:port]``, quoted where needed; None for ``""``.

    Raises ConfigurationError, whose details hold nothing of the URL.
    """
    if not url:
        return None
    credentials, at, _ = url.partition("://")[2].rpartition("@")
    try:
        origin, _ = parse(url.replace(credentials + at, "", 1) if at else url)
    except ConfigurationError as error:
        raise _unusable_proxy() from error
    if origin.scheme != "http":
        raise _unusable_proxy()
    if not at:
        return Proxy(origin, ())
    basic = b64encode(unquote(credentials).encode()).decode("ascii")
    return Proxy(origin, (f"Proxy-Authorization: Basic {basic}",))


def _unusable_proxy() -> ConfigurationError:
    return ConfigurationError(
        "代理服务器地址无法使用",
        hint="请检查配置中的 proxy：格式为 http://[用户名:密码@]主机:端口",
        details={"stage": "proxy"},
    )


def _unusable() -> ConfigurationError:
    return ConfigurationError(
        "接口地址无法使用",
        hint="请检查配置中的接口地址：须以 http:// 或 https:// 开头，含主机名，不含用户名和密码",
        details={"stage": "url"},
    )
