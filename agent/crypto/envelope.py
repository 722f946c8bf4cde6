"""The ministry's sealed envelope: ``symmetric_key``, ``sign`` and ``data`` of a body (anomalies M04-M08).

Sealing: a fresh SM4 key encrypts the plaintext into ``data``; the Base64 *text* of that key is wrapped with
SM2 for the peer into ``symmetric_key``; ``sign`` is the sender's signature over the UTF-8 bytes of the Base64
string ``data``. Opening goes by trust: verify, unwrap, decrypt.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass

from agent.crypto import sm2, sm4
from agent.crypto.backends import Backend
from agent.crypto.keys import PublicKey
from agent.crypto.wire import Layout
from agent.errors import CiphertextRejected, SignatureRejected

_HINT = "请联系平台确认报文是否完整；若持续出现，请核对双方密钥"


@dataclass(frozen=True, slots=True)
class SealedEnvelope:
    """The three strings of a body, Base64 without line breaks."""

    symmetric_key: str
    sign: str
    data: str

    def __repr__(self) -> str:
        return f"SealedEnvelope(data of {len(self.data)} characters)"


def seal(
    plaintext: bytes,
    own: sm2.OwnKey,
    peer: PublicKey,
    *,
    layout: Layout = Layout.C1C2C3,
    backend: Backend | None = None,
) -> SealedEnvelope:
    """Seals for ``peer``, signed by ``own``. The session key is new for every envelope.
    Raises ConfigurationError when ``own`` is in a device that cannot sign now."""
    import secrets

    session_key = secrets.token_bytes(sm4.KEY_BYTES)
    data = _encode(sm4.encrypt(session_key, plaintext))
    sign = sm2.sign(own, data, backend=backend)
    wrapped = sm2.encrypt(peer, _encode(session_key), layout=layout, backend=backend)
    return SealedEnvelope(
        _encode(wrapped).decode("ascii"), _encode(sign).decode("ascii"), data.decode("ascii")
    )


def open_envelope(
    symmetric_key: str,
    sign: str,
    data: str,
    own: sm2.OwnKey,
    peer: PublicKey,
    *,
    layout: Layout = Layout.C1C2C3,
    backend: Backend | None = None,
) -> bytes:
    """The plaintext of an envelope sealed for ``own`` by ``peer``.

    Line breaks inside the Base64 are tolerated, but ``sign`` is verified over ``data`` exactly as received.
    Raises ``SignatureRejected`` or ``CiphertextRejected``; nothing is decrypted before the signature holds.
    Raises ConfigurationError when ``own`` is in a device that cannot be used now.
    """
    signed = _utf8(data)
    sm2.verify(peer, signed, _decode_signature(sign), backend=backend)
    wrapped_text = sm2.decrypt(
        own, _decode(_utf8(symmetric_key), "symmetric_key"), layout=layout, backend=backend
    )
    session_key = _decode(wrapped_text, "session key")
    if len(session_key) != sm4.KEY_BYTES:
        raise _ciphertext_refused("session key size")
    return sm4.decrypt(session_key, _decode(signed, "data"))


_PART = 3 * 512 * 1024
"""Base64 of so much at a time: other threads have their turn in between."""


def _encode(content: bytes) -> bytes:
    if len(content) <= _PART:
        return b2a_base64(content, newline=False)
    view = memoryview(content)
    return b"".join(
        b2a_base64(view[start : start + _PART], newline=False) for start in range(0, len(content), _PART)
    )


def _decode(text: bytes, name: str) -> bytes:
    if b"\n" in text or b"\r" in text:
        text = text.translate(None, b"\r\n")
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise _ciphertext_refused(f"{name} is no Base64") from error


def _decode_signature(sign: str) -> bytes:
    try:
        return _decode(_utf8(sign), "sign")
    except CiphertextRejected as error:
        raise SignatureRejected("签名格式不正确", hint=_HINT, details=error.details) from error


def _utf8(text: str) -> bytes:
    """The bytes of a received string. A lone surrogate has none; what stands for it will not verify."""
    return text.encode("utf-8", "surrogatepass")


def _ciphertext_refused(reason: str) -> CiphertextRejected:
    return CiphertextRejected("加密报文无法解开", hint=_HINT, details={"reason": reason})
