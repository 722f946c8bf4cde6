"""X.509 certificates: their text, their validity, and the public key in them, also of the SM2 curve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from agent.crypto import der
from agent.errors import CryptoError, KeyRejected
from agent.key_material.text import bare_der, pem

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_VERSION: Final = der.TAGGED_0


@dataclass(frozen=True, slots=True)
class Validity:
    """When a certificate counts; both times are aware."""

    since: datetime
    until: datetime

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends; negative once it has ended."""
        return (self.until - now).days


def read_certificate(material: str | bytes) -> Certificate:
    """From PEM, DER or bare Base64. Raises KeyRejected."""
    from cryptography import x509

    try:
        if isinstance(material, str) and "-----BEGIN" in material:
            return x509.load_pem_x509_certificate(material.encode("ascii"))
        encoded = bare_der(material) if isinstance(material, str) else material
        return x509.load_der_x509_certificate(encoded)
    except (ValueError, UnicodeEncodeError):
        raise KeyRejected(
            "内容不是可用的证书", hint="需要 X.509，PEM 或 DER；请重新索取，确认复制时没有遗漏"
        ) from None


def validity(text: str) -> Validity:
    """Raises KeyRejected."""
    certificate = read_certificate(text)
    return Validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def public_key_der(certificate: Certificate) -> bytes:
    """The SubjectPublicKeyInfo (RFC 5280, 4.1), as it stands in the certificate: ``cryptography`` cannot
    load a key of the SM2 curve. Raises KeyRejected."""
    try:
        return _subject_public_key_info(certificate.tbs_certificate_bytes)
    except CryptoError:
        raise KeyRejected("证书里的公钥读不出来", hint="请重新索取证书") from None


def public_key_pem(text: str) -> str:
    """The public key of a certificate, as X.509 PEM. Raises KeyRejected."""
    return pem("PUBLIC KEY", public_key_der(read_certificate(text)))


def _subject_public_key_info(encoded: bytes) -> bytes:
    """It follows version, serial number, signature algorithm, issuer, validity and subject."""
    body = der.Reader(encoded).enter(der.SEQUENCE)
    if body.next_tag() == _VERSION:
        body.skip()
    for _ in range(5):
        body.skip()
    return der.element(der.SEQUENCE, body.read(der.SEQUENCE))
