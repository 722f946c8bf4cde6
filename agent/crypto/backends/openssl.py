"""SM2 by OpenSSL 3, through ctypes: some forty times faster than gmssl.

Every object that OpenSSL allocates is freed by a ``with`` block, on errors too. The key objects are made
anew for each call and shared with nobody, so that threads never meet in one. After a failure the thread's
error queue is emptied: it is the queue that Python's ``ssl`` reads.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref, c_size_t, c_void_p
from typing import Any

from agent.crypto import der
from agent.crypto.backends.libcrypto import Parameter, load, unavailable
from agent.crypto.curve import POINT_BYTES, SIGNER_ID, point_bytes, point_coordinates
from agent.crypto.wire import Ciphertext, decode_signature, encode_signature
from agent.errors import CryptoError

_UNSIGNED_INTEGER, _UTF8_STRING, _OCTET_STRING = 2, 4, 5
_PUBLIC_KEY, _KEY_PAIR = 0x86, 0x87
_UNCOMPRESSED = 4
_LONGEST_SIGNATURE = 72


class OpenSSL:
    """Raises ``CryptoError`` where this machine's OpenSSL is missing, too old or built without SM2."""

    name = "openssl"

    def __init__(self) -> None:
        self._library = load()
        self._sm3 = self._library.EVP_sm3()
        self._curve_id = self._library.OBJ_sn2nid(b"SM2")
        if not self._sm3 or not self._curve_id:
            raise unavailable("built without SM2 or SM3")
        self.version = str(self._library.OpenSSL_version(0), "ascii")

    def derive_point(self, scalar: bytes) -> bytes:
        library = self._library
        with (
            self._owned(library.EC_GROUP_new_by_curve_name(self._curve_id), library.EC_GROUP_free) as group,
            self._owned(library.EC_POINT_new(group), library.EC_POINT_clear_free) as point,
            self._owned(library.BN_bin2bn(scalar, len(scalar), None), library.BN_clear_free) as factor,
        ):
            self._check(library.EC_POINT_mul(group, point, factor, None, None, None))
            octets = ctypes.create_string_buffer(1 + POINT_BYTES)
            written = library.EC_POINT_point2oct(group, point, _UNCOMPRESSED, octets, len(octets), None)
            self._check(written == len(octets))
            return octets.raw[1:]

    def sign(self, scalar: bytes, point: bytes, message: bytes) -> tuple[int, int]:
        library = self._library
        signature = ctypes.create_string_buffer(_LONGEST_SIGNATURE)
        length = c_size_t(len(signature))
        with self._key(point, scalar) as key, self._digest(library.EVP_DigestSignInit, key) as digest:
            self._check(library.EVP_DigestSign(digest, signature, byref(length), message, len(message)))
        return decode_signature(signature.raw[: length.value])

    def verify(self, point: bytes, message: bytes, r: int, s: int) -> bool:
        library = self._library
        signature = encode_signature(r, s)
        with self._key(point) as key, self._digest(library.EVP_DigestVerifyInit, key) as digest:
            verified: bool = (
                library.EVP_DigestVerify(digest, signature, len(signature), message, len(message)) == 1
            )
        if not verified:
            library.ERR_clear_error()
        return verified

    def encrypt(self, point: bytes, plaintext: bytes) -> Ciphertext:
        library = self._library
        length = c_size_t(0)
        with self._key(point) as key, self._key_context(key) as context:
            self._check(library.EVP_PKEY_encrypt_init(context))
            self._check(library.EVP_PKEY_encrypt(context, None, byref(length), plaintext, len(plaintext)))
            output = ctypes.create_string_buffer(length.value)
            self._check(library.EVP_PKEY_encrypt(context, output, byref(length), plaintext, len(plaintext)))
        return _ciphertext_parts(output.raw[: length.value])

    def decrypt(self, scalar: bytes, point: bytes, parts: Ciphertext) -> bytes | None:
        library = self._library
        encoded = _ciphertext_der(parts)
        output = ctypes.create_string_buffer(len(encoded))
        length = c_size_t(len(output))
        with self._key(point, scalar) as key, self._key_context(key) as context:
            self._check(library.EVP_PKEY_decrypt_init(context))
            opened = library.EVP_PKEY_decrypt(context, output, byref(length), encoded, len(encoded)) == 1
        if not opened:
            library.ERR_clear_error()
            return None
        return output.raw[: length.value]

    @contextmanager
    def _key(self, point: bytes, scalar: bytes | None = None) -> Iterator[c_void_p]:
        """An EVP_PKEY of the public point, or of the pair."""
        library, key = self._library, c_void_p()
        selection = _PUBLIC_KEY if scalar is None else _KEY_PAIR
        entries = _key_entries(point, scalar)  # owns the bytes that the parameters point to
        context = library.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
        with self._owned(context, library.EVP_PKEY_CTX_free):
            self._check(library.EVP_PKEY_fromdata_init(context))
            self._check(library.EVP_PKEY_fromdata(context, byref(key), selection, _parameters(entries)))
        with self._owned(key, library.EVP_PKEY_free):
            yield key

    @contextmanager
    def _digest(self, initialise: Any, key: c_void_p) -> Iterator[int]:
        """An EVP_MD_CTX set up by ``initialise`` for SM2 with SM3 and the demo's signer id."""
        library, key_context = self._library, c_void_p()
        with self._owned(library.EVP_MD_CTX_new(), library.EVP_MD_CTX_free) as digest:
            self._check(initialise(digest, byref(key_context), self._sm3, None, key))
            self._check(library.EVP_PKEY_CTX_set1_id(key_context, SIGNER_ID, len(SIGNER_ID)))
            yield digest

    def _key_context(self, key: c_void_p) -> Any:
        context = self._library.EVP_PKEY_CTX_new_from_pkey(None, key, None)
        return self._owned(context, self._library.EVP_PKEY_CTX_free)

    @contextmanager
    def _owned(self, pointer: Any, free: Any) -> Iterator[Any]:
        self._check(bool(pointer))
        try:
            yield pointer
        finally:
            free(pointer)

    def _check(self, result: int) -> None:
        """OpenSSL's functions give 1 for success."""
        if result != 1:
            number = self._library.ERR_peek_last_error()
            self._library.ERR_clear_error()
            raise CryptoError(
                "OpenSSL 国密运算失败",
                hint="请重启程序；若仍出现，请把国密后端设为 gmssl 并联系技术支持",
                details={"backend": self.name, "reason": f"OpenSSL error {number:#x}"},
            )


def _key_entries(point: bytes, scalar: bytes | None) -> list[tuple[bytes, int, bytes]]:
    """Name, type and value of everything that makes a key."""
    entries = [(b"group", _UTF8_STRING, b"SM2"), (b"pub", _OCTET_STRING, b"\x04" + point)]
    if scalar is not None:
        native = scalar[::-1] if sys.byteorder == "little" else scalar
        entries.append((b"priv", _UNSIGNED_INTEGER, native))
    return entries


def _parameters(entries: list[tuple[bytes, int, bytes]]) -> ctypes.Array[Parameter]:
    """The entries as an OSSL_PARAM array, closed by an empty one."""
    array = (Parameter * (len(entries) + 1))()
    for slot, (name, kind, value) in zip(array, entries, strict=False):
        slot.key, slot.data_type, slot.data_size = name, kind, len(value)
        slot.data = ctypes.cast(ctypes.c_char_p(value), c_void_p)
    return array


def _ciphertext_parts(encoded: bytes) -> Ciphertext:
    """OpenSSL's ``SEQUENCE { x, y, C3, C2 }`` taken apart."""
    body = der.Reader(encoded).enter(der.SEQUENCE)
    x, y = body.read_integer(), body.read_integer()
    c3, c2 = body.read(der.OCTET_STRING), body.read(der.OCTET_STRING)
    return Ciphertext(point_bytes(x, y), c2, c3)


def _ciphertext_der(parts: Ciphertext) -> bytes:
    x, y = point_coordinates(parts.c1)
    return der.element(
        der.SEQUENCE,
        der.integer(x),
        der.integer(y),
        der.element(der.OCTET_STRING, parts.c3),
        der.element(der.OCTET_STRING, parts.c2),
    )
