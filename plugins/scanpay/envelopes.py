"""The encrypted envelope of the document's predecessor: DES/ECB/PKCS5 under a session key that RSA encrypts.

DES is what such platforms speak, not what anybody should choose; the connection's TLS protects the message.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from agent.errors import CiphertextRejected, KeyRejected
from plugins.scanpay.forms import Received, read_form

if TYPE_CHECKING:
    from plugins.scanpay.keys import Private, Public

SESSION: Final = "encryptkey"
SEALED: Final = "encrpteddata"
_KEY_BYTES: Final = 8


def new_session() -> str:
    """A session key for one attempt: 8 ASCII letters, as the vendor's package draws them."""
    return token_hex(_KEY_BYTES // 2)


def close(pairs: Mapping[str, str], session: str, platform: Public) -> dict[str, str]:
    """The pairs of an encrypted request. Raises KeyRejected."""
    encrypt = getattr(platform, "encrypt", None)
    if encrypt is None:
        raise KeyRejected("加密报文需要平台的 RSA 证书", hint="请核对 envelope 和 platform_key")
    key: bytes = encrypt(session.encode("ascii"), _padding())
    return {
        "transtype": pairs["transtype"],
        SESSION: b64encode(key).decode("ascii"),
        SEALED: b64encode(_des(session.encode("ascii"), _plain(pairs), encrypt=True)).decode("ascii"),
    }


def _plain(pairs: Mapping[str, str]) -> bytes:
    """What is encrypted: all pairs by name, as they are signed and not URL-encoded."""
    return "&".join(f"{name}={pairs[name]}" for name in sorted(pairs)).encode("utf-8")


def open_answer(received: Received, session: str, own: Private) -> Received:
    """The pairs within an encrypted answer, encrypted with the request's session key, or with one of its
    own that our key opens. Raises CiphertextRejected or AnswerRejected."""
    key = session.encode("ascii")
    try:
        if received.value(SESSION):
            key = _opened(received.value(SESSION), own)
        inner = _des(key, b64decode(received.value(SEALED), validate=True), encrypt=False)
    except ValueError:
        raise CiphertextRejected(
            "平台应答解密失败", hint="请核对 envelope 配置和密钥", details={"reason": "does not decrypt"}
        ) from None
    return read_form(inner)


def _opened(written: str, own: Private) -> bytes:
    decrypt = getattr(own, "decrypt", None)
    if decrypt is None:
        raise ValueError("no RSA key")
    key: bytes = decrypt(b64decode(written, validate=True), _padding())
    if len(key) != _KEY_BYTES:
        raise ValueError("no session key")
    return key


def _des(key: bytes, data: bytes, *, encrypt: bool) -> bytes:
    """Single DES is Triple DES with one key thrice. Raises ValueError."""
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    cipher = Cipher(TripleDES(key * 3), modes.ECB())  # noqa: S305 - what the platform speaks
    padding = PKCS7(64)
    if encrypt:
        padder, encryptor = padding.padder(), cipher.encryptor()
        return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
    unpadder, decryptor = padding.unpadder(), cipher.decryptor()
    return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()


def _padding() -> Any:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    return PKCS1v15()
