"""RSA keys, read with ``cryptography`` from every form that people hand over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import KeyRejected
from agent.key_material.text import bare_der

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

SMALLEST_BITS: Final = 1024
"""What scan-to-pay platforms of the field still issue; anything below is no protection at all."""


def load_private(text: str, password: str | None = None) -> RSAPrivateKey:
    """From PEM (PKCS#8, PKCS#1) or bare Base64. Raises KeyRejected."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    secret = None if password is None else password.encode("utf-8")
    try:
        if "-----BEGIN" in text:
            key = serialization.load_pem_private_key(text.encode("ascii"), secret)
        else:
            key = serialization.load_der_private_key(bare_der(text), secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < SMALLEST_BITS:
        raise _rejected("RSA 私钥", "PEM 或 Base64，不带口令")
    return key


def load_public(text: str) -> RSAPublicKey:
    """From X.509 PEM or its bare Base64. Raises KeyRejected."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        if "-----BEGIN" in text:
            key = serialization.load_pem_public_key(text.encode("ascii"))
        else:
            key = serialization.load_der_public_key(bare_der(text))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < SMALLEST_BITS:
        raise _rejected("RSA 公钥", "PEM 或 Base64")
    return key


def private_pem(key: RSAPrivateKey) -> str:
    """Unencrypted PKCS#8: for the keyring only."""
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def public_der(key: RSAPublicKey) -> bytes:
    """SubjectPublicKeyInfo."""
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _rejected(what: str, form: str) -> KeyRejected:
    return KeyRejected(f"内容不是可用的{what}", hint=f"需要{form}；请重新索取，确认复制时没有遗漏")
