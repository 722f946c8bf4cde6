"""From what the operating system and OpenSSL report to NotSent and MaybeSent.

The stage decides which of the two it is, never the error: a reset while connecting has sent
nothing, the same reset after the first byte leaves the request in doubt. The error only chooses
the sentence. Details hold the server, the stage, the reason and the system's error number.
"""

from __future__ import annotations

import errno
import http.client
import socket
import ssl

from agent.errors import MaybeSent, NotSent
from agent.transport.target import Origin


class AnswerTooLarge(Exception):
    """The answer is larger than allowed."""


_ASK = "程序会先向平台查询结果，确认没有收到后才会重发，请勿重复提交"
_NETWORK = "请检查网线、网络设置和防火墙，程序会自动重试"

_SENTENCES = {
    "refused": ("对方服务器拒绝连接", "请确认接口地址和端口是否正确、平台是否正在运行，程序会自动重试"),
    "timeout": ("连接对方服务器超时", _NETWORK),
    "unreachable": ("到对方服务器的网络不通", _NETWORK),
    "name": ("接口地址的主机名解析不到", "请检查接口地址的拼写和本机的 DNS 设置，程序会自动重试"),
    "cut": ("对方在建立连接时断开", "请检查接口地址、端口和中间的网络设备，程序会自动重试"),
    "not_tls": (
        "对方端口不是加密（TLS）端口",
        "请检查接口地址应为 http:// 还是 https://、端口是否正确，程序会自动重试",
    ),
    "tls": ("与对方建立加密（TLS）连接失败", "请联系平台确认其 TLS 版本和加密套件，程序会自动重试"),
    "certificate_expired": (
        "对方的证书已过期",
        "请核对本机日期和时间；若正确，请联系平台更换证书，程序会自动重试",
    ),
    "certificate_not_yet_valid": ("对方的证书尚未生效", "请核对本机日期和时间，程序会自动重试"),
    "certificate_host": (
        "对方的证书不属于接口地址中的主机",
        "请检查接口地址，须与证书上的名称一致，程序会自动重试",
    ),
    "certificate": ("对方的证书不受信任", "请向平台索取 CA 证书并在配置中指定 ca_file，程序会自动重试"),
    "proxy_credentials": ("代理服务器要求验证身份", "请检查配置中代理服务器的用户名和密码，程序会自动重试"),
    "proxy_refused": (
        "代理服务器没有连通对方服务器",
        "请检查接口地址，并向网络管理员确认代理允许访问它，程序会自动重试",
    ),
    "stopped": ("程序正在停止，请求未发出", "程序再次启动后会自动发送"),
    "other": ("连接对方服务器失败", _NETWORK),
}

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_CERTIFICATE = {
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    62: "certificate_host",
    64: "certificate_host",
}
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}
_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}

_DOUBTS = {
    "timeout": "请求已发出，但在规定时间内没有收到完整的应答",
    "cut": "请求已发出，但对方没有给出完整的应答就断开了连接",
    "malformed": "请求已发出，但收到的不是有效的 HTTP 应答",
    "too_large": "请求已发出，但应答超过了允许的大小",
    "stopped": "请求已发出，但程序在收到应答之前被要求停止",
    "other": "请求已发出，但在等待应答时网络出错",
}


def not_sent(error: BaseException | str, origin: Origin, stage: str) -> NotSent:
    """A failure before the first byte of a request; ``stage`` is resolve, connect, proxy, tls or open.

    ``origin`` is the peer it failed at: the server or the proxy.
    """
    reason = error if isinstance(error, str) else _reason_not_sent(error)
    message, hint = _SENTENCES[reason]
    return NotSent(message, hint=hint, details=_details(error, origin, stage, reason))


def maybe_sent(error: BaseException | str, origin: Origin, stage: str) -> MaybeSent:
    """A failure after the first byte of a request; ``stage`` is send or answer."""
    reason = error if isinstance(error, str) else _reason_maybe_sent(error)
    return MaybeSent(_DOUBTS[reason], hint=_ASK, details=_details(error, origin, stage, reason))


def _details(error: BaseException | str, origin: Origin, stage: str, reason: str) -> dict[str, object]:
    details: dict[str, object] = {
        "scheme": origin.scheme,
        "host": origin.host,
        "port": origin.port,
        "stage": stage,
        "reason": reason,
    }
    if isinstance(error, OSError) and error.errno is not None:
        details["errno"] = error.errno
    return details


def _reason_not_sent(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return _reason_tls(error)
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (ConnectionError, EOFError, http.client.HTTPException)):
        return "cut"
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return "name"
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return "unreachable"
    return "other"


def _reason_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE.get(error.verify_code, "certificate")
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return "cut"
    return "not_tls" if error.reason in _NOT_TLS else "tls"


def _reason_maybe_sent(error: BaseException) -> str:
    if isinstance(error, AnswerTooLarge):
        return "too_large"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(
        error,
        (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError, http.client.IncompleteRead, EOFError),
    ):
        return "cut"
    if isinstance(error, (http.client.HTTPException, ValueError)):
        return "malformed"
    return "other"
