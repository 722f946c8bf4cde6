"""Checks key material before it is kept, and names it for people without showing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import KeyRejected
from agent.key_material import rsa_keys
from agent.key_material.certificates import read_certificate

if TYPE_CHECKING:
    from agent.keys import KeyRing

_FINGERPRINT_DIGITS: Final = 16

KINDS: Final = ("sm2-private", "sm2-public", "rsa-private", "rsa-public", "certificate", "private", "public")


def fingerprint(kind: str, text: str) -> str:
    """The first 16 hex digits of an SM3 digest of the public part, in groups of four, to be compared by
    telephone. Both halves of a pair show the same one.

    ``kind`` is one of ``KeyUse.kind``. Raises KeyRejected when ``text`` is no such key.
    """
    if kind == "sm2-private":
        from agent.crypto.keys import load_private

        return load_private(text).public.fingerprint()
    if kind == "sm2-public":
        return _sm2_public(text)
    if kind == "rsa-private":
        return _digest(rsa_keys.public_der(rsa_keys.load_private(text).public_key()))
    if kind == "rsa-public":
        return _digest(rsa_keys.public_der(rsa_keys.load_public(text)))
    if kind == "certificate":
        return _certificate(text)
    if kind == "private":
        return _either(text, "rsa-private", "sm2-private")
    if kind == "public":
        return _certificate(text) if "CERTIFICATE" in text else _either(text, "rsa-public", "sm2-public")
    raise KeyRejected(f"不认识的密钥种类 {kind}", hint="请检查插件版本", details={"kind": kind})


def _either(text: str, first: str, second: str) -> str:
    try:
        return fingerprint(first, text)
    except KeyRejected as as_first:
        try:
            return fingerprint(second, text)
        except KeyRejected:
            raise as_first from None


def kept_fingerprint(ring: KeyRing, kind: str, name: str) -> str:
    """The fingerprint of a key that is kept, or that is in a device. Raises KeyMissing, KeyRejected,
    ConfigurationError."""
    device = ring.hardware(name)
    if device is None:
        return fingerprint(kind, ring.get(name))
    return fingerprint(kind.replace("private", "public"), device.public_pem())


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


def _certificate(text: str) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return _digest(read_certificate(text).public_bytes(Encoding.DER))


def _digest(data: bytes) -> str:
    from agent.crypto import sm3

    digits = sm3.digest(data).hex()[:_FINGERPRINT_DIGITS]
    return " ".join(digits[start : start + 4] for start in range(0, _FINGERPRINT_DIGITS, 4))
