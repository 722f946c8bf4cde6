"""The byte forms of SM2 signatures and ciphertexts (anomalies M08), read strictly.

Every backend works on numbers and fixed-size parts; what arrives from outside becomes those only
here, so that no backend's own leniency can let something in.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from agent.crypto import curve, der, sm3
from agent.errors import CiphertextRejected, CryptoError, SignatureRejected

_CIPHERTEXT_HINT = "请核对双方密钥是否配对、密文布局设置（C1C2C3 或 C1C3C2）是否与平台一致"


class Layout(StrEnum):
    """The order of a ciphertext's parts. The ministry's demo uses C1C2C3; GM/T 0003-2012 on C1C3C2."""

    C1C2C3 = "C1C2C3"
    C1C3C2 = "C1C3C2"


class Ciphertext(NamedTuple):
    """The parts of an SM2 ciphertext: C1 as a 64-byte point, C2 as long as the plaintext, C3 32 bytes."""

    c1: bytes
    c2: bytes
    c3: bytes


def encode_signature(r: int, s: int) -> bytes:
    """DER ``SEQUENCE { INTEGER r, INTEGER s }``."""
    return der.element(der.SEQUENCE, der.integer(r), der.integer(s))


def decode_signature(signature: bytes) -> tuple[int, int]:
    """r and s, each within 1 … N-1. Raises ``SignatureRejected``."""
    reader = der.Reader(signature)
    try:
        body = reader.enter(der.SEQUENCE)
        reader.finish()
        r, s = body.read_integer(), body.read_integer()
        body.finish()
    except CryptoError as error:
        raise signature_refused("not strict DER") from error
    if not (0 < r < curve.N and 0 < s < curve.N):
        raise signature_refused("r or s out of range")
    return r, s


def signature_refused(reason: str) -> SignatureRejected:
    return SignatureRejected(
        "签名验证不通过",
        hint="请核对对方公钥是否正确，并联系平台确认报文未被改动",
        details={"reason": reason},
    )


def join_ciphertext(parts: Ciphertext, layout: Layout) -> bytes:
    """``04 ‖ C1 ‖ …`` in the given layout: 97 bytes longer than the plaintext."""
    tail = (parts.c2, parts.c3) if layout is Layout.C1C2C3 else (parts.c3, parts.c2)
    return b"".join((b"\x04", parts.c1, *tail))


def split_ciphertext(ciphertext: bytes, layout: Layout) -> Ciphertext:
    """The parts, C1 checked to lie on the curve. Raises ``CiphertextRejected``."""
    start = 1 + curve.POINT_BYTES
    if len(ciphertext) <= start + sm3.DIGEST_BYTES:
        raise ciphertext_refused("too short")
    c1, rest = ciphertext[1:start], ciphertext[start:]
    if ciphertext[0] != 4 or not curve.contains(*curve.point_coordinates(c1)):
        raise ciphertext_refused("C1 is no point of the curve")
    if layout is Layout.C1C2C3:
        return Ciphertext(c1, rest[: -sm3.DIGEST_BYTES], rest[-sm3.DIGEST_BYTES :])
    return Ciphertext(c1, rest[sm3.DIGEST_BYTES :], rest[: sm3.DIGEST_BYTES])


def ciphertext_refused(reason: str) -> CiphertextRejected:
    return CiphertextRejected("SM2 密文无法解开", hint=_CIPHERTEXT_HINT, details={"reason": reason})
