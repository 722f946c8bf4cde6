"""Reads the file in which a key is handed over, and gives the text that is kept.

========================================== ======================================================
PKCS#12 (``.pfx``, ``.p12``)               RSA key and the certificate that belongs to it
PKCS#8 with a password, PEM or DER         SM2 or RSA key
PKCS#1 with a password, PEM                RSA key
private key, PEM or DER, certificate after SM2 or RSA key, and the certificate that belongs to it
certificate (``.cer``, ``.crt``)           certificate
public key, bare Base64, raw hex           as it is: whoever keeps it checks it
========================================== ======================================================

The password is asked for only where there is one to be given. Nothing is written anywhere.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from agent.crypto import der, pbes2
from agent.errors import CryptoError, KeyRejected
from agent.key_material import rsa_keys
from agent.key_material.pairs import demand_pair
from agent.key_material.text import bare_der, pem

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

LARGEST: Final = 65536
_DER_START: Final = b"\x30"
_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_PFX_VERSION: Final = 3

Ask = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Material:
    """The text of a key, or of a certificate, and the certificate that came along with a private key."""

    text: str = field(repr=False)
    certificate: str = ""


def read_material(data: bytes, ask: Ask) -> Material:
    """What a file holds. ``ask`` gives its password. Raises KeyRejected."""
    if len(data) > LARGEST:
        raise KeyRejected("文件过大，不像密钥", hint="请只提供一个密钥文件")
    if data[:1] == _DER_START and not data.isascii():
        return _of_der(data, ask)
    text = _decoded(data)
    blocks = _BLOCK.findall(text)
    return _of_pem(text, blocks, ask) if blocks else Material(text)


# -- DER ------------------------------------------------------------------------------------------
def _of_der(data: bytes, ask: Ask) -> Material:
    if not _is_whole(data):
        raise KeyRejected("密钥文件不完整", hint="请重新复制整个文件", details={"reason": "cut short"})
    if _is_pkcs12(data):
        return _of_pkcs12(data, ask())
    if _is_certificate(data):
        return Material(pem("CERTIFICATE", data))
    if _is_encrypted(data):
        return Material(_unlocked(pem("ENCRYPTED PRIVATE KEY", data), data, ask()))
    return Material(_private_text(b64encode(data).decode("ascii")))


def _is_whole(data: bytes) -> bool:
    outer = der.Reader(data)
    try:
        outer.skip()
        outer.finish()
    except CryptoError:
        return False
    return True


def _is_pkcs12(data: bytes) -> bool:
    try:
        return der.Reader(data).enter(der.SEQUENCE).read_integer() == _PFX_VERSION
    except CryptoError:
        return False


def _is_certificate(data: bytes) -> bool:
    from cryptography import x509

    try:
        x509.load_der_x509_certificate(data)
    except ValueError:
        return False
    return True


def _is_encrypted(data: bytes) -> bool:
    """An EncryptedPrivateKeyInfo begins with its algorithm and ends with an octet string."""
    try:
        body = der.Reader(data).enter(der.SEQUENCE)
        body.enter(der.SEQUENCE).read(der.OBJECT_IDENTIFIER)
        body.read(der.OCTET_STRING)
        body.finish()
    except CryptoError:
        return False
    return True


def _of_pkcs12(data: bytes, password: str) -> Material:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        content: Any = pkcs12.load_pkcs12(data, password.encode("utf-8"))
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRejected(
            "PKCS#12 文件打不开",
            hint="请核对口令；SM2 密钥的 PKCS#12 请先用签发方的工具导出为加密 PKCS#8（PEM）再导入",
            details={"reason": "password or content"},
        ) from None
    if not isinstance(content.key, rsa.RSAPrivateKey):
        raise KeyRejected(
            "PKCS#12 文件里没有 RSA 私钥", hint="请导出含私钥的证书；只有公钥的证书请用 .cer 文件导入"
        )
    return _with_certificate(
        rsa_keys.private_pem(content.key), [content.cert, *content.additional_certs] if content.cert else []
    )


def _with_certificate(private: str, found: Iterable[Any]) -> Material:
    certificates = [_certificate_text(one.certificate) for one in found]
    if not certificates:
        return Material(private)
    demand_pair(private, certificates[0])
    return Material(private, certificates[0])


def _certificate_text(certificate: Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode("ascii")


# -- PEM ------------------------------------------------------------------------------------------
def _of_pem(text: str, blocks: list[tuple[str, str]], ask: Ask) -> Material:
    certificates = [body for label, body in blocks if label == "CERTIFICATE"]
    private = next(((label, body) for label, body in blocks if label.endswith("PRIVATE KEY")), None)
    if private is None:
        return Material(_whole(*blocks[0]))
    label, body = private
    if label == "ENCRYPTED PRIVATE KEY":
        key = _unlocked(_whole(label, body), bare_der(body), ask())
    elif "ENCRYPTED" in body:
        key = rsa_keys.private_pem(_with_password(_whole(label, body), ask()))
    else:
        key = _private_text(_whole(label, body))
    if not certificates:
        return Material(key)
    certificate = _whole("CERTIFICATE", certificates[0])
    demand_pair(key, certificate)
    return Material(key, certificate)


def _whole(label: str, body: str) -> str:
    return f"-----BEGIN {label}-----{body}-----END {label}-----\n"


def _private_text(text: str) -> str:
    """RSA keys in one form, PKCS#8 PEM; of all others the checks of SM2 keys say what is wrong."""
    try:
        return rsa_keys.private_pem(rsa_keys.load_private(text))
    except KeyRejected:
        return text


# -- passwords ------------------------------------------------------------------------------------
def _unlocked(text: str, encoded: bytes, password: str) -> str:
    if not pbes2.is_protected(encoded):  # an older scheme, which only RSA keys come in
        return rsa_keys.private_pem(_with_password(text, password))
    try:
        inner = pbes2.unprotect(encoded, password)
    except KeyRejected:
        raise
    except CryptoError as error:
        raise KeyRejected(error.message, hint=error.hint, details=error.details) from None
    return _private_text(pem("PRIVATE KEY", inner))


def _with_password(text: str, password: str) -> Any:
    try:
        return rsa_keys.load_private(text, password)
    except KeyRejected:
        raise KeyRejected(
            "加密的私钥打不开",
            hint="请核对口令；SM2 私钥请重新导出为 PKCS#8（PBES2）",
            details={"reason": "password"},
        ) from None


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise KeyRejected(
            "文件内容不是密钥", hint="请提供 PEM、DER、PKCS#12、Base64 或十六进制的密钥"
        ) from None
