"""Checks key material before it is kept, and names it for people without showing it."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from agent.errors import KeyRejected

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from agent.hookspecs import KeyUse, ProtocolSpec

_FINGERPRINT_DIGITS: Final = 16


def key_uses(protocol: ProtocolSpec, options: Mapping[str, Any]) -> tuple[KeyUse, ...]:
    """The keys that a configured system needs. An option whose default is a key's name renames it."""
    from agent.hookspecs import KeyUse

    renamed = {
        option.default: options[option.name]
        for option in protocol.options
        if isinstance(option.default, str) and options.get(option.name)
    }
    return tuple(KeyUse(str(renamed.get(use.name, use.name)), use.about, use.kind) for use in protocol.keys)


def fingerprint(kind: str, text: str) -> str:
    """A short digest of the public part, in groups of four hex digits, to be compared by telephone.

    ``kind`` is one of ``KeyUse.kind``. Raises KeyRejected when ``text`` is no such key.
    """
    if kind == "sm2-private":
        from agent.crypto.keys import load_private

        return load_private(text).public.fingerprint()
    if kind == "sm2-public":
        return _sm2_public(text)
    if kind == "rsa-private":
        return _of_rsa(_rsa_private(text))
    if kind == "certificate":
        return _digest(_der(text))
    raise KeyRejected(f"不认识的密钥种类 {kind}", hint="请检查插件版本", details={"kind": kind})


def _sm2_public(text: str) -> str:
    """Where both sides hold one pair, the peer's key may be given as that pair's private key (M07)."""
    from agent.crypto.keys import load_private, load_public

    try:
        return load_public(text).fingerprint()
    except KeyRejected as as_public:
        try:
            return load_private(text).public.fingerprint()
        except KeyRejected:
            raise as_public from None


def _rsa_private(text: str) -> RSAPublicKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        if "-----BEGIN" in text:
            key = serialization.load_pem_private_key(text.encode("ascii"), password=None)
        else:
            key = serialization.load_der_private_key(_bare(text), password=None)
    except (ValueError, TypeError, UnicodeEncodeError):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _rejected("RSA 私钥", "PEM 或 Base64，不带口令")
    return key.public_key()


def _of_rsa(key: RSAPublicKey) -> str:
    from cryptography.hazmat.primitives import serialization

    return _digest(
        key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _der(text: str) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        if "-----BEGIN" in text:
            certificate = x509.load_pem_x509_certificate(text.encode("ascii"))
        else:
            certificate = x509.load_der_x509_certificate(_bare(text))
    except (ValueError, UnicodeEncodeError):
        raise _rejected("证书", "X.509，PEM 或 Base64") from None
    return certificate.public_bytes(serialization.Encoding.DER)


def _bare(text: str) -> bytes:
    try:
        return b64decode("".join(text.split()), validate=True)
    except (Base64Error, ValueError):
        raise _rejected("密钥", "PEM 或 Base64") from None


def _digest(data: bytes) -> str:
    digits = hashlib.sha256(data).hexdigest()[:_FINGERPRINT_DIGITS]
    return " ".join(digits[start : start + 4] for start in range(0, _FINGERPRINT_DIGITS, 4))


def _rejected(what: str, form: str) -> KeyRejected:
    return KeyRejected(f"内容不是可用的{what}", hint=f"需要{form}；请重新索取，确认复制时没有遗漏")
