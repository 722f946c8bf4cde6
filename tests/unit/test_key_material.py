from __future__ import annotations

import re
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from agent.crypto import keys as sm2_keys
from agent.errors import KeyRejected
from agent.key_material import fingerprint

RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)
ENCODING, PRIVATE = serialization.Encoding, serialization.PrivateFormat


def rsa_text(form: serialization.Encoding, kind: serialization.PrivateFormat) -> str:
    data = RSA.private_bytes(form, kind, serialization.NoEncryption())
    return data.decode() if form is ENCODING.PEM else b64encode(data).decode()


def certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform.example")])
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(
        name, name, RSA.public_key(), 1, moment, datetime(2036, 1, 1, tzinfo=UTC)
    )
    return builder.sign(RSA, hashes.SHA256())


def test_both_halves_of_one_sm2_pair_show_the_same_fingerprint() -> None:
    private = sm2_keys.generate()
    own = fingerprint("sm2-private", private.to_pem())
    assert own == fingerprint("sm2-public", private.public.to_pem())
    assert own == fingerprint("sm2-public", private.to_pem()), "one shared pair may stand for the peer's key"
    assert re.fullmatch(r"([0-9a-f]{4} ){3}[0-9a-f]{4}", own)
    assert own != fingerprint("sm2-private", sm2_keys.generate().to_pem())


@pytest.mark.parametrize("form", [ENCODING.PEM, ENCODING.DER])
@pytest.mark.parametrize("kind", [PRIVATE.PKCS8, PRIVATE.TraditionalOpenSSL])
def test_an_rsa_key_shows_one_fingerprint_in_every_form(
    form: serialization.Encoding, kind: serialization.PrivateFormat
) -> None:
    assert fingerprint("rsa-private", rsa_text(form, kind)) == fingerprint(
        "rsa-private", rsa_text(ENCODING.PEM, PRIVATE.PKCS8)
    )


def test_a_certificate_shows_one_fingerprint_in_pem_and_base64() -> None:
    made = certificate()
    bare = b64encode(made.public_bytes(ENCODING.DER)).decode()
    assert fingerprint("certificate", made.public_bytes(ENCODING.PEM).decode()) == fingerprint(
        "certificate", bare
    )


def foreign_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(ENCODING.PEM, PRIVATE.PKCS8, serialization.NoEncryption()).decode()


def locked_key() -> str:
    return RSA.private_bytes(
        ENCODING.PEM, PRIVATE.PKCS8, serialization.BestAvailableEncryption(b"password")
    ).decode()


@pytest.mark.parametrize("kind", ["sm2-private", "sm2-public", "rsa-private", "certificate"])
@pytest.mark.parametrize(
    "text", ["", "hello", "钥匙", "AAAA", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_key_of_its_kind_is_refused_without_being_shown(kind: str, text: str) -> None:
    with pytest.raises(KeyRejected) as caught:
        fingerprint(kind, text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("rsa-private", foreign_key()), ("sm2-private", foreign_key()), ("rsa-private", locked_key())],
)
def test_a_key_of_another_kind_or_with_a_password_is_refused(kind: str, text: str) -> None:
    with pytest.raises(KeyRejected):
        fingerprint(kind, text)


def test_a_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyRejected, match="dsa"):
        fingerprint("dsa", "x")


def test_a_use_of_either_kind_takes_rsa_and_sm2_and_for_public_ones_a_certificate() -> None:
    """Scan-to-pay's signature profile, not the interface, says which keys it wants."""
    sm2 = sm2_keys.generate()
    rsa_private = rsa_text(ENCODING.PEM, PRIVATE.PKCS8)
    assert fingerprint("private", rsa_private) == fingerprint("rsa-private", rsa_private)
    assert fingerprint("private", sm2.to_pem()) == sm2.public.fingerprint()
    assert fingerprint("public", sm2.public.to_pem()) == sm2.public.fingerprint()
    text = certificate().public_bytes(ENCODING.PEM).decode()
    assert fingerprint("public", text) == fingerprint("certificate", text)
    for kind in ("private", "public"):
        with pytest.raises(KeyRejected):
            fingerprint(kind, "no key")
