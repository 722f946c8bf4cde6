"""Signatures and the encrypted envelope at the platform's end: verifying requests, signing answers.

The source of a signature is ``name=value`` of every pair but the signatures, sorted by name, joined by
``&``, empty values kept, in UTF-8. The encrypted envelope carries those pairs and both signatures,
encrypted with DES (ECB, PKCS#5) under a key that RSA encrypts; the answer uses the same key.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from agent.crypto import PrivateKey, PublicKey, sm2
from agent.errors import CryptoError

SIGNATURES: Final = ("merchantsignature", "infosyssignature", "pltfirmsignature")
SESSION: Final = "encryptkey"
SEALED: Final = "encrpteddata"


class Hash(StrEnum):
    SHA1_HEX = "sha1-hex"
    SHA1 = "sha1"
    SHA256 = "sha256"
    MD5 = "md5"
    SM3 = "sm3"


class Unsealed(Exception):
    """A request whose signature or encryption is not right; the text says in Chinese what is wrong."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """``own`` signs, ``merchant`` and ``infosys`` verify: RSA keys, of SM2 where ``hash`` is SM3."""

    hash: Hash
    own: Any = field(repr=False)
    merchant: Any
    infosys: Any
    stranger: Any = field(repr=False)

    def verify(self, pairs: Mapping[str, str]) -> None:
        """Both signatures of a request. Raises Unsealed."""
        for name, key in (("merchantsignature", self.merchant), ("infosyssignature", self.infosys)):
            if not self._verifies(key, source(pairs), pairs.get(name, "")):
                raise Unsealed(f"{name} 验签失败")

    def signed(self, pairs: Mapping[str, str], *, badly: bool = False) -> dict[str, str]:
        """The pairs with the platform's signature; ``badly``: another's."""
        key = self.stranger if badly else self.own
        return {**pairs, "pltfirmsignature": b64encode(self._sign(key, source(pairs))).decode("ascii")}

    def open(self, form: Mapping[str, str]) -> tuple[bytes, bytes]:
        """The session key and the inner form of an encrypted envelope. Raises Unsealed."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        try:
            key = self.own.decrypt(b64decode(form[SESSION], validate=True), PKCS1v15())
            return key, des(key, b64decode(form[SEALED], validate=True), encrypt=False)
        except (ValueError, KeyError) as error:
            raise Unsealed("报文解密失败") from error

    def _verifies(self, key: Any, text: str, signature: str) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        try:
            raw = b64decode(signature, validate=True)
            if self.hash is Hash.SM3:
                sm2.verify(key, text.encode("utf-8"), raw)
            else:
                key.verify(raw, _signed_bytes(self.hash, text), PKCS1v15(), _algorithm(self.hash))
        except (InvalidSignature, CryptoError, ValueError):
            return False
        return True

    def _sign(self, key: Any, text: str) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        if self.hash is Hash.SM3:
            return sm2.sign(key, text.encode("utf-8"))
        signature: bytes = key.sign(_signed_bytes(self.hash, text), PKCS1v15(), _algorithm(self.hash))
        return signature


def source(pairs: Mapping[str, str]) -> str:
    """What is signed."""
    return "&".join(f"{name}={pairs[name]}" for name in sorted(pairs) if name not in SIGNATURES)


def des(key: bytes, data: bytes, *, encrypt: bool) -> bytes:
    """DES/ECB with PKCS#5 padding. Raises ValueError."""
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    cipher = Cipher(TripleDES(key * 3), modes.ECB())  # noqa: S305 - the document's predecessor has it so
    if encrypt:
        padder = PKCS7(64).padder()
        encryptor = cipher.encryptor()
        return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
    unpadder, decryptor = PKCS7(64).unpadder(), cipher.decryptor()
    return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()


def _signed_bytes(hash_: Hash, text: str) -> bytes:
    raw = text.encode("utf-8")
    return hashlib.sha1(raw).hexdigest().encode("ascii") if hash_ is Hash.SHA1_HEX else raw  # noqa: S324


def _algorithm(hash_: Hash) -> Any:
    from cryptography.hazmat.primitives import hashes

    named = {Hash.SHA256: hashes.SHA256, Hash.MD5: hashes.MD5}
    return named.get(hash_, hashes.SHA1)()


def load_private(pem: str, hash_: Hash) -> Any:
    """An RSA key, for SM3 an SM2 key. Raises ValueError or KeyRejected."""
    if hash_ is Hash.SM3:
        from agent.crypto import load_private as load

        return load(pem)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem.encode("ascii"), None)


def public_of(private: Any) -> Any:
    return private.public if isinstance(private, PrivateKey) else private.public_key()


def load_public(pem: str, hash_: Hash) -> Any:
    """A public key, or that of a certificate. Raises ValueError or KeyRejected."""
    if hash_ is Hash.SM3:
        from agent.crypto import load_public as load

        loaded: PublicKey = load(pem)
        return loaded
    if "CERTIFICATE" in pem:
        from cryptography.x509 import load_pem_x509_certificate

        return load_pem_x509_certificate(pem.encode("ascii")).public_key()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(pem.encode("ascii"))
