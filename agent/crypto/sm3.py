"""SM3 (GB/T 32905), 32-byte digests: by ``hashlib`` where its OpenSSL has it, else by ``cryptography``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Protocol

DIGEST_BYTES = 32


class Hash(Protocol):
    """An incremental hash, as in ``hashlib``: ``digest`` may be asked for at any time."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class CryptographyHash:
    """SM3 of the ``cryptography`` package, behind the methods of ``hashlib``."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives import hashes

        self._hash = hashes.Hash(hashes.SM3())

    def update(self, data: bytes, /) -> None:
        self._hash.update(data)

    def digest(self) -> bytes:
        return self._hash.copy().finalize()


def hashlib_hash() -> Hash:
    """SM3 of the OpenSSL below ``hashlib``; ValueError where that was built without it."""
    import hashlib

    return hashlib.new("sm3")


@cache
def _implementation() -> Callable[[], Hash]:
    try:
        hashlib_hash()
    except ValueError:
        return CryptographyHash
    return hashlib_hash


def new() -> Hash:
    """An incremental SM3."""
    return _implementation()()


def digest(*parts: bytes) -> bytes:
    """SM3 over the parts, one after another."""
    state = new()
    for part in parts:
        state.update(part)
    return state.digest()
