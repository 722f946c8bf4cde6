"""Opening a connection: name, TCP, TLS. Whatever fails here has sent nothing."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import certifi

from agent.clock import Clock
from agent.errors import ConfigurationError, NotSent
from agent.transport.base import TransportSettings
from agent.transport.failures import not_sent
from agent.transport.target import Origin


class Dialer:
    """Opens connections as the settings of one system say."""

    def __init__(self, settings: TransportSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._tls: ssl.SSLContext | None = None
        self._tls_lock = threading.Lock()

    def dial(self, origin: Origin) -> socket.socket:
        """A connected socket, with TLS where the scheme says so. Raises NotSent.

        The name's addresses are tried in turn until the connect time-out, which all share, is over.
        Name resolution itself is bounded by the operating system's resolver.
        """
        until = self._clock.monotonic() + self._settings.connect_s
        connected = self._connect(origin, until)
        return self._secure(connected, origin, until) if origin.scheme == "https" else connected

    def _connect(self, origin: Origin, until: float) -> socket.socket:
        try:
            addresses = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise not_sent(error, origin, "resolve") from error
        failure: NotSent | None = None
        for family, kind, protocol, _, address in addresses:
            remaining = until - self._clock.monotonic()
            if remaining <= 0:
                break
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(remaining)
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                connection.close()
                failure = not_sent(error, origin, "connect")
                failure.__cause__ = error
            else:
                return connection
        raise failure or not_sent("timeout", origin, "connect")

    def _secure(self, connected: socket.socket, origin: Origin, until: float) -> socket.socket:
        try:
            context = self.tls_context()
            connected.settimeout(max(0.001, until - self._clock.monotonic()))
            return context.wrap_socket(connected, server_hostname=origin.host)
        except OSError as error:
            connected.close()
            raise not_sent(error, origin, "tls") from error
        except BaseException:
            connected.close()
            raise

    def tls_context(self) -> ssl.SSLContext:
        """The one TLS context, made when first needed: loading authorities takes time and memory.

        Raises ConfigurationError for a CA file that cannot be read.
        """
        with self._tls_lock:
            if self._tls is None:
                self._tls = _make_context(self._settings.verify_tls, self._settings.ca_file)
            return self._tls


def _make_context(verify: bool, ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if ca_file is None:
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
