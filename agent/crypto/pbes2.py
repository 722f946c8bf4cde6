"""Password-protected PKCS#8 (RFC 5958, RFC 8018 PBES2), down to the DER of the key inside.

Written out because ``cryptography`` does not know the SM2 curve: it would decrypt the file and then refuse
what it finds. Key derivation is PBKDF2 with HMAC-SHA1, -SHA2 or -SM3, the cipher AES, triple DES or SM4 in
CBC mode: what OpenSSL, GmSSL and BouncyCastle write.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from agent.crypto import der
from agent.errors import CryptoError, KeyRejected

_PBES2: Final = "2a864886f70d01050d"  # 1.2.840.113549.1.5.13
_PBKDF2: Final = "2a864886f70d01050c"  # 1.2.840.113549.1.5.12
_HMAC_SHA1: Final = "2a864886f70d0207"  # 1.2.840.113549.2.7, the default of RFC 8018
_HASHES: Final = {
    _HMAC_SHA1: "SHA1",
    "2a864886f70d0209": "SHA256",
    "2a864886f70d020a": "SHA384",
    "2a864886f70d020b": "SHA512",
    "2a811ccf5501831102": "SM3",  # 1.2.156.10197.1.401.2, GmSSL
    "2a811ccf550183110301": "SM3",  # 1.2.156.10197.1.401.3.1, GM/T 0091
}
_CIPHERS: Final = {
    "608648016503040102": ("AES", 16),
    "608648016503040116": ("AES", 24),
    "60864801650304012a": ("AES", 32),
    "2a864886f70d0307": ("TripleDES", 24),
    "2a811ccf55016802": ("SM4", 16),
}
_MOST_ROUNDS: Final = 10_000_000
"""More would let a crafted file keep the program busy for hours."""


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How the content was encrypted: all that the file says of it."""

    salt: bytes
    rounds: int
    hash_name: str
    cipher_name: str
    key_bytes: int
    start: bytes
    content: bytes = field(repr=False)


def is_protected(encoded: bytes) -> bool:
    """Whether this is an EncryptedPrivateKeyInfo of PBES2."""
    try:
        algorithm = der.Reader(encoded).enter(der.SEQUENCE).enter(der.SEQUENCE)
        return algorithm.read(der.OBJECT_IDENTIFIER).hex() == _PBES2
    except CryptoError:
        return False


def unprotect(encoded: bytes, password: str) -> bytes:
    """The PrivateKeyInfo within. Raises KeyRejected for another password, CryptoError for another form."""
    recipe = _read(encoded)
    padded = _decrypt(recipe, _derive(recipe, password))
    count = padded[-1] if padded else 0
    inner = padded[:-count] if 0 < count <= len(recipe.start) else b""
    if not padded.endswith(bytes((count,)) * count) or not _is_sequence(inner):
        raise KeyRejected(
            "私钥的口令不对", hint="请核对口令的大小写和前后空格", details={"reason": "password"}
        )
    return inner


def _read(encoded: bytes) -> _Recipe:
    outer = der.Reader(encoded)
    body = outer.enter(der.SEQUENCE)
    outer.finish()
    algorithm = body.enter(der.SEQUENCE)
    _demand(algorithm.read(der.OBJECT_IDENTIFIER).hex() == _PBES2, "not PBES2")
    parameters = algorithm.enter(der.SEQUENCE)
    derivation, encryption = parameters.enter(der.SEQUENCE), parameters.enter(der.SEQUENCE)
    _demand(derivation.read(der.OBJECT_IDENTIFIER).hex() == _PBKDF2, "not PBKDF2")
    salt, rounds, hash_name = _read_pbkdf2(derivation.enter(der.SEQUENCE))
    cipher = _CIPHERS.get(encryption.read(der.OBJECT_IDENTIFIER).hex())
    if cipher is None:
        raise _refused("cipher")
    start = encryption.read(der.OCTET_STRING)
    return _Recipe(salt, rounds, hash_name, *cipher, start, body.read(der.OCTET_STRING))


def _read_pbkdf2(parameters: der.Reader) -> tuple[bytes, int, str]:
    salt = parameters.read(der.OCTET_STRING)
    rounds = parameters.read_integer()
    _demand(1 <= rounds <= _MOST_ROUNDS, "rounds")
    if parameters.next_tag() == der.INTEGER:
        parameters.skip()
    hash_oid = _HMAC_SHA1
    if parameters.next_tag() is not None:
        hash_oid = parameters.enter(der.SEQUENCE).read(der.OBJECT_IDENTIFIER).hex()
    if hash_oid not in _HASHES:
        raise _refused("hash")
    return salt, rounds, _HASHES[hash_oid]


def _derive(recipe: _Recipe, password: str) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    algorithm = getattr(hashes, recipe.hash_name)()
    return PBKDF2HMAC(algorithm, recipe.key_bytes, recipe.salt, recipe.rounds).derive(
        password.encode("utf-8")
    )


def _decrypt(recipe: _Recipe, key: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

    try:
        cipher = Cipher(_algorithm(recipe.cipher_name, key), modes.CBC(recipe.start))
        decryptor = cipher.decryptor()
        return decryptor.update(recipe.content) + decryptor.finalize()
    except ValueError:
        raise _refused("content length") from None


def _algorithm(name: str, key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers import algorithms

    if name == "TripleDES":
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

        return TripleDES(key)
    return getattr(algorithms, name)(key)


def _is_sequence(content: bytes) -> bool:
    reader = der.Reader(content)
    try:
        reader.read(der.SEQUENCE)
        reader.finish()
    except CryptoError:
        return False
    return True


def _demand(holds: bool, reason: str) -> None:
    if not holds:
        raise _refused(reason)


def _refused(reason: str) -> CryptoError:
    return CryptoError(
        "加密私钥的算法或格式不受支持",
        hint="请用 OpenSSL 或 GmSSL 重新导出为 PKCS#8（PBES2）",
        details={"reason": reason},
    )
