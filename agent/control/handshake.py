"""Both ends prove that they know the token before anything else is said.

On Windows the endpoint is a loopback port, and after a crash a stranger may listen on the port that
the token file still names. So the token never crosses the wire: each side answers the other's fresh
nonce with an HMAC, and the client sends no request, let alone a key, to a server that cannot.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from agent.control.lines import Closed, Lines
from agent.errors import ControlError
from agent.events import JsonObject

_NONCE_BYTES = 32


def greet_as_server(lines: Lines, token: bytes) -> None:
    """Raises ControlError for a client that does not know the token; tells it nothing."""
    mine = secrets.token_hex(_NONCE_BYTES)
    lines.write({"nonce": mine})
    answer = lines.read()
    theirs = _text(answer, "nonce")
    if not hmac.compare_digest(_text(answer, "proof"), _proof(token, "client", mine, theirs)):
        raise _stranger()
    lines.write({"proof": _proof(token, "server", mine, theirs)})


def greet_as_client(lines: Lines, token: bytes) -> None:
    """Raises ControlError when the server does not know the token."""
    mine = secrets.token_hex(_NONCE_BYTES)
    try:
        theirs = _text(lines.read(), "nonce")
        lines.write({"nonce": mine, "proof": _proof(token, "client", theirs, mine)})
        answer = lines.read()
    except Closed:
        raise _stranger() from None
    if not hmac.compare_digest(_text(answer, "proof"), _proof(token, "server", theirs, mine)):
        raise _stranger()


def _proof(token: bytes, side: str, of_server: str, of_client: str) -> str:
    said = "\n".join((side, of_server, of_client)).encode("utf-8")
    return hmac.new(token, said, hashlib.sha256).hexdigest()


def _text(value: JsonObject, key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str) or len(text) != 2 * _NONCE_BYTES or not text.isascii():
        raise _stranger()
    return text


def _stranger() -> ControlError:
    return ControlError(
        "控制端口的另一端不是本机的代理程序",
        hint="请用运行代理程序的账户或管理员执行；若代理程序刚重启过，请重试",
        details={"code": "stranger"},
    )
