"""Whether a private key and a public one, or a certificate, are one pair."""

from __future__ import annotations

from agent.errors import KeyRejected
from agent.key_material import rsa_keys
from agent.key_material.certificates import public_key_der, read_certificate
from agent.key_material.text import bare_der


def public_part(text: str) -> bytes:
    """The SubjectPublicKeyInfo of any private key, public key or certificate. Raises KeyRejected."""
    if "CERTIFICATE" in text:
        return _canonical(public_key_der(read_certificate(text)))
    for read in (_sm2_private, _sm2_public, _rsa_private, _rsa_public):
        try:
            return read(text)
        except KeyRejected:
            continue
    raise KeyRejected("内容不是可用的密钥", hint="需要 SM2 或 RSA 密钥，或证书；请重新索取")


def demand_pair(private: str, public: str) -> None:
    """Raises KeyRejected unless ``public``, a key or a certificate, belongs to ``private``."""
    if public_part(private) != public_part(public):
        raise KeyRejected(
            "私钥与公钥（证书）不是一对",
            hint="请核对文件是否来自同一次签发",
            details={"reason": "pair"},
        )


def _canonical(encoded: bytes) -> bytes:
    """One form for a key whose curve may be named or written out."""
    from base64 import b64encode

    try:
        return _sm2_public(b64encode(encoded).decode("ascii"))
    except KeyRejected:
        return encoded


def _sm2_private(text: str) -> bytes:
    from agent.crypto.keys import load_private

    return bare_der(_body(load_private(text).public.to_pem()))


def _sm2_public(text: str) -> bytes:
    from agent.crypto.keys import load_public

    return bare_der(_body(load_public(text).to_pem()))


def _rsa_private(text: str) -> bytes:
    return rsa_keys.public_der(rsa_keys.load_private(text).public_key())


def _rsa_public(text: str) -> bytes:
    return rsa_keys.public_der(rsa_keys.load_public(text))


def _body(text: str) -> str:
    return "".join(line for line in text.splitlines() if not line.startswith("-----"))
