"""The border between the program and its database: what is written down passes `DataKey.seal`.

A sealed value is ``01 ‖ key id (4) ‖ nonce (12) ‖ AES-256-GCM ciphertext ‖ tag (16)``: 33 bytes longer than
its plaintext. It is bound to its place: the caller's ``context`` (table, column, row id) is authenticated
with it, so that a value copied to another row does not open there.

Nonces are random. With 96 random bits, NIST SP 800-38D allows 2^32 seals per key (the odds of a repeated
nonce are then one in 2^32; a repeat would give away both plaintexts and the means to forge). A hospital that
seals 100,000 values a day reaches that after 117 years. Keys are rotated all the same: a key may have been
copied with a machine image or a backup, and rotation bounds what such a copy opens. ``key_id_of`` tells which
key a value needs, so that old and new keys serve side by side until the last value is sealed anew. Keyed
hashes carry no key id: rotation hashes them once more (``rehash``), since what they stand for is not kept.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.errors import CiphertextRejected, CryptoError, KeyRejected

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
HASH_SIZES = (16, 32)
_NEAR_BYTES = 8
OVERHEAD_BYTES = 33

_FORMAT = 1
_HEADER = struct.Struct(">BI")
_NONCE_BYTES = 12
_TAG_BYTES = 16
_LARGEST_KEY_ID = 2**32 - 1
_SEAL_PURPOSE = b"his-agent at rest: seal"
_INDEX_PURPOSE = b"his-agent at rest: index"
_HASH_PURPOSE = b"his-agent at rest: keyed hash: "


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key of the database: ``key_id`` 1 … 2^32-1, ``secret`` 32 random bytes. Safe to share among threads.

    Raises ``KeyRejected`` when either is out of range.
    """

    key_id: int
    secret: bytes = field(repr=False)
    former: tuple[bytes, ...] = field(default=(), repr=False)
    """The index roots of the keys before it, oldest first: hashes go through all of them (``rehash``)."""
    index_root: bytes = field(init=False, repr=False, compare=False)
    """What hashing takes of the secret. It opens nothing."""
    _header: bytes = field(init=False, repr=False, compare=False)
    _cipher: AESGCM = field(init=False, repr=False, compare=False)
    _hash_keys: dict[str, bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if len(self.secret) != KEY_BYTES or not 1 <= self.key_id <= _LARGEST_KEY_ID:
            raise KeyRejected(
                "数据密钥的编号或长度不正确", hint="请从密钥备份恢复", details={"key_id": self.key_id}
            )
        object.__setattr__(self, "index_root", _derive(self.secret, _INDEX_PURPOSE))
        object.__setattr__(self, "_header", _HEADER.pack(_FORMAT, self.key_id))
        object.__setattr__(self, "_cipher", AESGCM(_derive(self.secret, _SEAL_PURPOSE)))
        object.__setattr__(self, "_hash_keys", {})

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """The sealed value. ``context`` must be the same bytes when it is opened."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._header + nonce + self._cipher.encrypt(nonce, plaintext, self._header + context)

    def open(self, blob: bytes, context: bytes) -> bytes:
        """The plaintext. Raises ``CiphertextRejected`` for any other key, context or changed bit."""
        from cryptography.exceptions import InvalidTag

        found = key_id_of(blob)
        if found != self.key_id:
            raise _refused("sealed with another key", found, "请提供与该数据库匹配的数据密钥")
        nonce, body = blob[_HEADER.size : _HEADER.size + _NONCE_BYTES], blob[_HEADER.size + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, self._header + context)
        except InvalidTag as error:
            raise _refused("tag", found, _DAMAGED_HINT) from error

    def keyed_hash(self, value: str | bytes, domain: str, size: int = 16) -> bytes:
        """A hash to search by: HMAC-SHA256 under a subkey of the domain (a fixed name such as a column's),
        cut to ``size`` bytes (16 or 32). Text is hashed as its UTF-8 bytes, as given.
        """
        if size not in HASH_SIZES:
            raise CryptoError(
                "检索散列长度只能是 16 或 32 字节", hint="请联系技术支持", details={"size": size}
            )
        return self._hash(value, domain, size)

    def near_hash(self, value: str | bytes, near: str | bytes, domain: str) -> bytes:
        """A hash to search by that keeps neighbours together, 24 bytes: 8 of ``near``, 16 of ``value``. A
        batch of numbers in a row, with what they begin with as ``near``, then touches few pages of an
        index. Who has the file sees that such values begin alike, not how.
        """
        return self._hash(near, f"{domain}: near", _NEAR_BYTES) + self._hash(value, domain, HASH_SIZES[0])

    def rehash(self, digest: bytes | None) -> bytes | None:
        """A hash that was made under the key before, as this key makes it; none stays none."""
        return _again(self.index_root, digest) if digest else digest

    def _hash(self, value: str | bytes, domain: str, size: int) -> bytes:
        import hmac

        content = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        digest = hmac.digest(self._hash_key(domain), content, "sha256")[:size]
        for root in (*self.former, self.index_root)[1:]:
            digest = _again(root, digest)
        return digest

    def _hash_key(self, domain: str) -> bytes:
        key = self._hash_keys.get(domain)
        if key is None:
            root = (*self.former, self.index_root)[0]
            key = self._hash_keys[domain] = _derive(root, _HASH_PURPOSE + domain.encode("utf-8"))
        return key


def _again(root: bytes, digest: bytes) -> bytes:
    import hmac

    if len(digest) == _NEAR_BYTES + HASH_SIZES[0]:
        return _again(root, digest[:_NEAR_BYTES]) + _again(root, digest[_NEAR_BYTES:])
    return hmac.digest(root, digest, "sha256")[: len(digest)]


def generate(key_id: int) -> DataKey:
    """A new random key."""
    import secrets

    return DataKey(key_id, secrets.token_bytes(KEY_BYTES))


def key_id_of(blob: bytes) -> int:
    """The id of the key that a sealed value claims. Raises ``CiphertextRejected`` when it is none of ours."""
    if len(blob) < OVERHEAD_BYTES:
        raise _refused("too short", None, _DAMAGED_HINT)
    version, key_id = _HEADER.unpack_from(blob)
    if version != _FORMAT:
        raise _refused("unknown format", None, _DAMAGED_HINT)
    return int(key_id)


def _derive(secret: bytes, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(secret)


_DAMAGED_HINT = "数据可能被改动或损坏，请保留现场并联系技术支持"


def _refused(reason: str, key_id: int | None, hint: str) -> CiphertextRejected:
    return CiphertextRejected("本地加密数据无法解开", hint=hint, details={"reason": reason, "key_id": key_id})
