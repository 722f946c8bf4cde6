from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from agent.crypto import der, key_der
from agent.crypto import keys as sm2_keys
from agent.errors import KeyRejected
from agent.key_material import fingerprint
from agent.key_material.certificates import public_key_pem, validity
from agent.key_material.containers import read_material
from agent.key_material.making import generate, public_pem
from agent.key_material.pairs import demand_pair

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SM2 = sm2_keys.generate()
PASSWORD = " 口令 pass "
ENDS = datetime(2036, 1, 1, tzinfo=UTC)


def certificate(key: rsa.RSAPrivateKey = RSA, name: str = "hospital.example") -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    return x509.CertificateBuilder(subject, subject, key.public_key(), 1, begins, ENDS).sign(
        RSA, hashes.SHA256()
    )


def rsa_pem(form: PrivateFormat = PrivateFormat.PKCS8, password: str = "") -> str:
    protection = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return RSA.private_bytes(Encoding.PEM, form, protection).decode()


def pfx(key: rsa.RSAPrivateKey = RSA, password: str = PASSWORD) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"hospital",
        key,
        certificate(),
        [certificate(OTHER, "ca.example")],
        BestAvailableEncryption(password.encode()),
    )


def never() -> str:
    raise AssertionError("no password was needed")


def ask(password: str = PASSWORD) -> Callable[[], str]:
    return lambda: password


# -- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_rsa_key_is_kept_as_pkcs8_whatever_form_it_came_in(form: PrivateFormat) -> None:
    plain = rsa_pem()
    encoded = RSA.private_bytes(Encoding.DER, form, NoEncryption())
    assert read_material(rsa_pem(form).encode(), never).text == plain
    assert read_material(rsa_pem(form).replace("\n", "\r\n").encode("utf-8-sig"), never).text == plain
    assert read_material(encoded, never).text == plain


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_rsa_key_with_a_password_is_opened_by_it(form: PrivateFormat) -> None:
    assert read_material(rsa_pem(form, PASSWORD).encode(), ask()).text == rsa_pem()


def test_pkcs12_gives_the_key_and_its_own_certificate_not_the_issuers() -> None:
    material = read_material(pfx(), ask())
    assert material.text == rsa_pem()
    assert material.certificate == certificate().public_bytes(Encoding.PEM).decode()


def test_pkcs12_whose_certificate_is_of_another_key_is_refused() -> None:
    broken = rsa_pem() + certificate(OTHER).public_bytes(Encoding.PEM).decode()
    with pytest.raises(KeyRejected, match="不是一对"):
        read_material(broken.encode(), never)


def test_a_key_followed_by_its_certificate_gives_both() -> None:
    text = rsa_pem() + certificate().public_bytes(Encoding.PEM).decode()
    material = read_material(text.encode(), never)
    assert (material.text, fingerprint("certificate", material.certificate)) == (
        rsa_pem(),
        fingerprint("certificate", certificate().public_bytes(Encoding.PEM).decode()),
    )


@pytest.mark.parametrize("form", [Encoding.PEM, Encoding.DER])
def test_a_certificate_file_is_kept_as_pem_and_its_key_and_validity_can_be_told(form: Encoding) -> None:
    text = read_material(certificate().public_bytes(form), never).text
    assert fingerprint("rsa-public", public_key_pem(text)) == fingerprint("rsa-private", rsa_pem())
    assert validity(text).until == ENDS
    assert validity(text).days_left(datetime(2035, 12, 31, tzinfo=UTC)) == 1
    assert validity(text).days_left(datetime(2036, 1, 2, tzinfo=UTC)) == -1


def test_what_needs_no_opening_stays_as_it_is() -> None:
    for text in (SM2.to_pem(), SM2.public.to_pem(), SM2.scalar.hex(), "plain words"):
        assert read_material(text.encode(), never).text == text


def test_a_binary_public_key_is_kept_as_base64_that_every_reader_takes() -> None:
    encoded = key_der.write_public(SM2.public.point)
    assert fingerprint("sm2-public", read_material(encoded, never).text) == SM2.public.fingerprint()


# -- SM2 with a password --------------------------------------------------------------------------

PRFS = {
    "sha1 by default": (hashes.SHA1(), None),
    "sha256": (hashes.SHA256(), "2a864886f70d0209"),
    "sm3 of GmSSL": (hashes.SM3(), "2a811ccf5501831102"),
    "sm3 of GM/T 0091": (hashes.SM3(), "2a811ccf550183110301"),
}


def protected(prf: str, cipher: str = "sm4", rounds: int = 1000) -> bytes:
    """An EncryptedPrivateKeyInfo, put together here by RFC 8018 not by the code that reads it."""
    hash_of, oid = PRFS[prf]
    size, algorithm, cipher_oid = {
        "sm4": (16, algorithms.SM4, "2a811ccf55016802"),
        "aes256": (32, algorithms.AES, "60864801650304012a"),
    }[cipher]
    salt, start = bytes(range(8)), bytes(range(16))
    key = PBKDF2HMAC(hash_of, size, salt, rounds).derive(PASSWORD.encode())
    inner = key_der.write_private(SM2.scalar, SM2.public.point)
    padding = 16 - len(inner) % 16
    encryptor = Cipher(algorithm(key), modes.CBC(start)).encryptor()
    sealed = encryptor.update(inner + bytes((padding,)) * padding) + encryptor.finalize()
    named = b"" if oid is None else _sequence(_oid(oid), b"\x05\x00")
    derivation = _sequence(
        _oid("2a864886f70d01050c"), _sequence(der.element(der.OCTET_STRING, salt), der.integer(rounds), named)
    )
    encryption = _sequence(_oid(cipher_oid), der.element(der.OCTET_STRING, start))
    parameters = _sequence(derivation, encryption)
    return _sequence(_sequence(_oid("2a864886f70d01050d"), parameters), der.element(der.OCTET_STRING, sealed))


def _oid(digits: str) -> bytes:
    return der.element(der.OBJECT_IDENTIFIER, bytes.fromhex(digits))


def _sequence(*parts: bytes) -> bytes:
    return der.element(der.SEQUENCE, *parts)


@pytest.mark.parametrize("prf", PRFS)
@pytest.mark.parametrize("cipher", ["sm4", "aes256"])
def test_an_sm2_key_with_a_password_is_opened_by_it(prf: str, cipher: str) -> None:
    encoded = protected(prf, cipher)
    body = b64encode(encoded).decode()
    pem = f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}\n-----END ENCRYPTED PRIVATE KEY-----\n"
    for data in (encoded, pem.encode()):
        text = read_material(data, ask()).text
        assert fingerprint("sm2-private", text) == SM2.public.fingerprint()


def test_an_sm2_key_that_openssl_protected_is_opened(tmp_path: Path) -> None:
    plain, locked = tmp_path / "plain.pem", tmp_path / "locked.pem"
    plain.write_text(SM2.to_pem())
    command = [
        "openssl",
        "pkcs8",
        "-topk8",
        "-in",
        str(plain),
        "-out",
        str(locked),
        "-passout",
        "pass:secret",
        "-v2",
        "aes-256-cbc",
    ]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("this machine has no openssl command with SM2")
    text = read_material(locked.read_bytes(), ask("secret")).text
    assert fingerprint("sm2-private", text) == SM2.public.fingerprint()


@pytest.mark.parametrize(
    "data",
    [
        rsa_pem(password=PASSWORD).encode(),
        rsa_pem(PrivateFormat.TraditionalOpenSSL, PASSWORD).encode(),
        pfx(),
        protected("sha256"),
    ],
)
def test_another_password_is_refused_and_not_repeated(data: bytes) -> None:
    for wrong in ("hunter2", "", PASSWORD.strip()):
        with pytest.raises(KeyRejected) as caught:
            read_material(data, ask(wrong))
        assert "口令" in str(caught.value)
        assert "hunter2" not in str(caught.value) + repr(caught.value.details)


def test_a_file_that_asks_for_hours_of_work_is_refused_at_once() -> None:
    with pytest.raises(KeyRejected, match="不受支持"):
        read_material(_with_rounds(2**31), ask())


def _with_rounds(rounds: int) -> bytes:
    derivation = _sequence(
        _oid("2a864886f70d01050c"), _sequence(der.element(der.OCTET_STRING, b"salt"), der.integer(rounds))
    )
    encryption = _sequence(_oid("2a811ccf55016802"), der.element(der.OCTET_STRING, bytes(16)))
    algorithm = _sequence(_oid("2a864886f70d01050d"), _sequence(derivation, encryption))
    return _sequence(algorithm, der.element(der.OCTET_STRING, bytes(range(128, 160))))


@pytest.mark.parametrize("cut", [1, 40, 100])
@pytest.mark.parametrize("data", [protected("sha256"), pfx()])
def test_a_file_that_was_cut_short_is_refused(data: bytes, cut: int) -> None:
    with pytest.raises(KeyRejected):
        read_material(data[:-cut], ask())


def test_a_pkcs12_without_an_rsa_key_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    data = pkcs12.serialize_key_and_certificates(b"x", key, None, None, BestAvailableEncryption(b"p"))
    with pytest.raises(KeyRejected, match="RSA"):
        read_material(data, ask("p"))


def test_an_overlong_file_is_refused() -> None:
    with pytest.raises(KeyRejected, match="过大"):
        read_material(b"x" * 65537, never)


# -- making and pairing ---------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "public"), [("sm2-private", "sm2-public"), ("rsa-private", "rsa-public")])
def test_a_new_key_is_a_pair_of_one_fingerprint_and_never_the_same(kind: str, public: str) -> None:
    made, other = generate(kind), generate(kind)
    assert fingerprint(kind, made) == fingerprint(public, public_pem(made)) != fingerprint(kind, other)
    demand_pair(made, public_pem(made))
    with pytest.raises(KeyRejected, match="不是一对"):
        demand_pair(made, public_pem(other))


def test_keys_of_different_kinds_are_no_pair() -> None:
    with pytest.raises(KeyRejected, match="不是一对"):
        demand_pair(
            SM2.to_pem(),
            RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        )


def test_an_rsa_key_too_short_to_protect_anything_is_refused() -> None:
    weak = subprocess.run(["openssl", "genrsa", "512"], check=False, capture_output=True).stdout.decode()
    if "PRIVATE KEY" not in weak:
        pytest.skip("this machine's openssl makes no such short key")
    with pytest.raises(KeyRejected):
        fingerprint("rsa-private", weak)
