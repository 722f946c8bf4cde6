"""The two texts that keys come in: PEM, and its body alone."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error

from agent.errors import KeyRejected


def pem(label: str, encoded: bytes) -> str:
    body = b64encode(encoded).decode("ascii")
    lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def bare_der(text: str) -> bytes:
    """The DER in bare Base64. Raises KeyRejected."""
    try:
        return b64decode("".join(text.split()), validate=True)
    except (Base64Error, ValueError):
        raise KeyRejected(
            "内容不是可用的密钥", hint="需要 PEM 或 Base64；请重新索取，确认复制时没有遗漏"
        ) from None
