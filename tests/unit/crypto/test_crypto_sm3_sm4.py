"""SM3 and SM4 against their standards' own examples and against one another's implementations."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from base64 import b64encode
from collections.abc import Callable, Iterator

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from agent.crypto import sm3, sm4
from agent.errors import CiphertextRejected, CryptoError

SM4_KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")
SM4_BLOCK = bytes.fromhex("681edf34d206965e86b3e94f536e4246")
"""GB/T 32907, example 1: the key encrypted with itself."""

BLOCKS = pytest.mark.parametrize("blocks", [sm4.cryptography_blocks, sm4.gmssl_blocks])


def hashes() -> list[Callable[[], sm3.Hash]]:
    return [sm3.CryptographyHash, *([sm3.hashlib_hash] if "sm3" in hashlib.algorithms_available else [])]


@pytest.mark.parametrize("make", hashes())
@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_sm3_gives_the_digests_of_the_standard(
    make: Callable[[], sm3.Hash], message: bytes, digest: str
) -> None:
    whole, parts = make(), make()
    whole.update(message)
    for byte in message:
        parts.digest()
        parts.update(bytes([byte]))
    assert whole.digest().hex() == parts.digest().hex() == digest
    assert sm3.digest(message[:2], message[2:]).hex() == digest


def test_sm3_comes_from_cryptography_where_hashlib_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(name: str) -> None:
        raise ValueError(f"unsupported hash type {name}")

    sm3._implementation.cache_clear()
    monkeypatch.setattr(hashlib, "new", unsupported)
    try:
        assert isinstance(sm3.new(), sm3.CryptographyHash)
    finally:
        sm3._implementation.cache_clear()


@BLOCKS
def test_sm4_gives_the_block_of_the_standard(blocks: sm4.Blocks) -> None:
    assert blocks(SM4_KEY, True, SM4_KEY) == SM4_BLOCK
    assert blocks(SM4_KEY, False, SM4_BLOCK) == SM4_KEY


@BLOCKS
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33])
def test_sm4_pads_to_the_next_block_and_back(blocks: sm4.Blocks, size: int) -> None:
    plaintext = os.urandom(size)
    ciphertext = sm4.encrypt(SM4_KEY, plaintext, blocks=blocks)
    assert len(ciphertext) == size + 16 - size % 16
    assert sm4.decrypt(SM4_KEY, ciphertext, blocks=blocks) == plaintext


@BLOCKS
@pytest.mark.parametrize(
    "last_block",
    [
        b"A" * 15 + b"\x00",
        b"A" * 15 + b"\x11",
        b"A" * 14 + b"\x01\x02",
        b"\x0f" + b"\x10" * 15,
        b"A" * 15 + b"\xff",
    ],
)
def test_sm4_refuses_padding_with_a_single_wrong_byte(blocks: sm4.Blocks, last_block: bytes) -> None:
    ciphertext = blocks(SM4_KEY, True, b"B" * 16 + last_block)
    with pytest.raises(CiphertextRejected):
        sm4.decrypt(SM4_KEY, ciphertext, blocks=blocks)


@pytest.mark.parametrize("size", [0, 1, 15, 17])
def test_sm4_refuses_broken_blocks(size: int) -> None:
    with pytest.raises(CiphertextRejected):
        sm4.decrypt(SM4_KEY, bytes(size))


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_sm4_refuses_keys_that_are_not_16_bytes(size: int) -> None:
    with pytest.raises(CryptoError):
        sm4.encrypt(bytes(size), b"plaintext")
    with pytest.raises(CryptoError):
        sm4.decrypt(bytes(size), bytes(16))


@pytest.fixture
def fresh_choice() -> Iterator[None]:
    sm4._blocks.cache_clear()
    yield
    sm4._blocks.cache_clear()


@pytest.mark.usefixtures("fresh_choice")
def test_sm4_comes_from_gmssl_where_cryptography_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> bytes:
        raise UnsupportedAlgorithm("built without SM4")

    monkeypatch.setattr(sm4, "cryptography_blocks", unsupported)
    assert sm4._blocks() is sm4.gmssl_blocks
    assert sm4.decrypt(SM4_KEY, sm4.encrypt(SM4_KEY, b"plaintext")) == b"plaintext"


def test_sm4_seals_ten_attachments_within_60_megabytes() -> None:
    body = os.urandom(9_100_000)
    sm4.encrypt(SM4_KEY, b"")
    tracemalloc.start()
    try:
        text = b64encode(sm4.encrypt(SM4_KEY, body))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(text) > 12_000_000
    assert peak < 60_000_000
