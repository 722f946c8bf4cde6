"""Opening a connection: name, TCP, TLS. Whatever fails here has sent nothing."""

from __future__ import annotations

import socket
import ssl
import threading
from http import HTTPStatus
from pathlib import Path
from typing import Any

from agent import courtesy
from agent.clock import Clock
from agent.errors import ConfigurationError, NotSent
from agent.transport.base import TransportSettings
from agent.transport.failures import not_sent
from agent.transport.target import PORTS, Origin, Proxy, parse_proxy
from agent.transport.wire import EXCHANGE_FAILURES, Deadline, converse


class Dialer:
    """Opens connections as the settings of one system say. Raises ConfigurationError for its proxy."""

    def __init__(self, settings: TransportSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.proxy = parse_proxy(settings.proxy)
        self._tls: ssl.SSLContext | None = None
        self._tls_lock = threading.Lock()

    def dial(self, origin: Origin) -> socket.socket:
        """A socket connected to ``origin`` or to the proxy, with TLS where the scheme says so.

        Raises NotSent. Addresses, tunnel and handshake share the connect time-out; name resolution
        is bounded by the operating system's resolver. Without TLS a proxy is no tunnel: it wants
        each request's whole URL (RFC 9112, 3.2.2).
        """
        courtesy.passed()
        deadline = Deadline(self._clock, self._settings.connect_s)
        connection = _connect(self.proxy.origin if self.proxy else origin, deadline)
        if origin.scheme == "http":
            return connection
        try:
            if self.proxy:
                _tunnel(connection, self.proxy, origin, deadline)
            return self._secure(connection, origin, deadline)
        except BaseException:
            connection.close()
            raise

    def _secure(self, connection: socket.socket, origin: Origin, deadline: Deadline) -> socket.socket:
        context = self.tls_context()
        try:
            deadline.arm(connection)
            return context.wrap_socket(connection, server_hostname=origin.host)
        except OSError as error:
            raise not_sent(error, origin, "tls") from error

    def tls_context(self) -> ssl.SSLContext:
        """The one TLS context, made when first needed: loading authorities takes time and memory.

        Raises ConfigurationError for a CA file that cannot be read.
        """
        with self._tls_lock:
            if self._tls is None:
                self._tls = _make_context(self._settings.verify_tls, self._settings.ca_file)
            return self._tls


def _connect(peer: Origin, deadline: Deadline) -> socket.socket:
    failure: NotSent | None = None
    for family, address in _addresses(peer):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            deadline.arm(connection)
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            failure = not_sent(error, peer, "connect")
            failure.__cause__ = error
        else:
            return connection
    raise failure or not_sent("name", peer, "resolve")


def _addresses(peer: Origin) -> list[tuple[socket.AddressFamily, Any]]:
    try:
        found = socket.getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise not_sent(error, peer, "resolve") from error
    return [(family, address) for family, _, _, _, address in found]


def _tunnel(connection: socket.socket, proxy: Proxy, origin: Origin, deadline: Deadline) -> None:
    """Have the proxy connect to ``origin`` (RFC 9110, 9.3.6)."""
    name = origin.authority() if origin.port != PORTS["https"] else f"{origin.authority()}:{origin.port}"
    lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}", *proxy.headers, "", ""]
    try:
        status = converse(connection, "\r\n".join(lines).encode("latin-1"), deadline)
    except EXCHANGE_FAILURES as error:
        raise not_sent(error, proxy.origin, "proxy") from error
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        raise not_sent("proxy_credentials", proxy.origin, "proxy")
    if not 200 <= status < 300:
        raise not_sent("proxy_refused", proxy.origin, "proxy")


def _make_context(verify: bool, ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if ca_file is None:
        import certifi  # late: it costs a start without TLS ten milliseconds for nothing

        context.load_default_certs()
        context.load_verify_locations(cafile=certifi.where())
        return context
    try:
        context.load_verify_locations(cafile=str(ca_file))
    except OSError as error:
        raise ConfigurationError(
            "CA 证书文件无法读取",
            hint="请检查 ca_file 指向的文件：须存在，且为 PEM 格式",
            details={"ca_file": str(ca_file), "errno": error.errno},
        ) from error
    return context
