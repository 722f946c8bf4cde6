"""Whatever bytes arrive, the parsers of keys, signatures, ciphertexts and stored values raise a
``CryptoError`` or give something sound; nothing else escapes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.crypto import der, key_der, sm2, sm4
from agent.crypto.at_rest import DataKey
from agent.crypto.envelope import open_envelope, seal
from agent.crypto.keys import PrivateKey, PublicKey, load_private, load_public
from agent.errors import CiphertextRejected, CryptoError, KeyRejected, SignatureRejected

T = TypeVar("T")

PAIR = PrivateKey(b"\x11" * 32)
SPKI = key_der.write_public(PAIR.public.point)
PKCS8 = key_der.write_private(PAIR.scalar, PAIR.public.point)
MESSAGE = b"5rWL6K+V"
SIGNATURE = sm2.sign(PAIR, MESSAGE)
CIPHERTEXT = sm2.encrypt(PAIR.public, b"rUy7pV/UcjTIXl4Spx1bXg==")
SESSION_KEY = b"0123456789abcdef"
DATA_KEY = DataKey(1, b"\x22" * 32)
STORED = DATA_KEY.seal(b"plaintext", b"row")
ENVELOPE = seal(b"{}", PAIR, PAIR.public)

NOISE = st.binary(max_size=300)
FLIPS = st.lists(st.integers(0, 2**16), min_size=1, max_size=4, unique=True)
MANY = settings(max_examples=300, deadline=None)
SOME = settings(max_examples=100, deadline=None)


def flipped(original: bytes, positions: list[int]) -> bytes:
    """The original with some bits turned over: each position counts once, so that it really differs."""
    changed = bytearray(original)
    for bit in {position % (len(original) * 8) for position in positions}:
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def refused_or(expected: type[CryptoError], call: Callable[[], T]) -> T | None:
    try:
        return call()
    except expected:
        return None


@given(material=st.one_of(NOISE, st.text(max_size=300)))
@MANY
def test_noise_is_no_key(material: bytes | str) -> None:
    assert refused_or(KeyRejected, lambda: load_private(material)) is None
    assert refused_or(KeyRejected, lambda: load_public(material)) is None


@given(positions=FLIPS, as_text=st.booleans())
@MANY
def test_damaged_private_key_is_refused_or_still_the_same_key(positions: list[int], as_text: bool) -> None:
    """The same, when the damage hit something without meaning such as the version; never another key:
    the public part that comes along would not fit."""
    changed = flipped(PKCS8, positions)
    material = base64.b64encode(changed) if as_text else changed
    read = refused_or(KeyRejected, lambda: load_private(material))
    assert read is None or read == PAIR


@given(positions=FLIPS)
@MANY
def test_damaged_public_key_is_refused(positions: list[int]) -> None:
    read = refused_or(KeyRejected, lambda: load_public(flipped(SPKI, positions)))
    assert read is None or isinstance(read, PublicKey)


@given(positions=FLIPS)
@MANY
def test_damaged_pem_is_refused_or_sound(positions: list[int]) -> None:
    read = refused_or(KeyRejected, lambda: load_private(flipped(PAIR.to_pem().encode(), positions)))
    assert read is None or read == PAIR


@given(noise=NOISE)
@MANY
def test_noise_is_no_signature(noise: bytes) -> None:
    with pytest.raises(SignatureRejected):
        sm2.verify(PAIR.public, MESSAGE, noise)


@given(positions=FLIPS)
@SOME
def test_damaged_signature_is_refused(positions: list[int]) -> None:
    with pytest.raises(SignatureRejected):
        sm2.verify(PAIR.public, MESSAGE, flipped(SIGNATURE, positions))


@given(noise=st.one_of(NOISE, NOISE.map(lambda noise: CIPHERTEXT[:65] + noise)))
@SOME
def test_noise_is_no_ciphertext(noise: bytes) -> None:
    with pytest.raises(CiphertextRejected):
        sm2.decrypt(PAIR, noise)


@given(positions=FLIPS)
@SOME
def test_damaged_ciphertext_is_refused(positions: list[int]) -> None:
    with pytest.raises(CiphertextRejected):
        sm2.decrypt(PAIR, flipped(CIPHERTEXT, positions))


@given(noise=NOISE)
@MANY
def test_noise_for_sm4_is_refused_or_encrypts_back(noise: bytes) -> None:
    opened = refused_or(CiphertextRejected, lambda: sm4.decrypt(SESSION_KEY, noise))
    assert opened is None or sm4.encrypt(SESSION_KEY, opened) == noise


@given(plaintext=st.binary(max_size=200))
@MANY
def test_sm4_opens_what_it_sealed(plaintext: bytes) -> None:
    assert sm4.decrypt(SESSION_KEY, sm4.encrypt(SESSION_KEY, plaintext)) == plaintext


@given(noise=st.one_of(NOISE, NOISE.map(lambda noise: STORED[:5] + noise)))
@MANY
def test_noise_is_no_stored_value(noise: bytes) -> None:
    with pytest.raises(CiphertextRejected):
        DATA_KEY.open(noise, b"row")


@given(
    text=st.text(alphabet=st.characters(), max_size=120),
    field=st.sampled_from(["symmetric_key", "sign", "data"]),
)
@MANY
def test_any_text_in_any_field_of_an_envelope_is_refused(text: str, field: str) -> None:
    changed = replace(ENVELOPE, **{field: text})
    with pytest.raises(CryptoError):
        open_envelope(changed.symmetric_key, changed.sign, changed.data, PAIR, PAIR.public)


@given(noise=NOISE)
@MANY
def test_der_that_is_read_is_written_back_the_same(noise: bytes) -> None:
    for encoded in (noise, b"\x02" + noise):
        value = refused_or(CryptoError, lambda encoded=encoded: der.Reader(encoded).read_integer())  # type: ignore[misc]
        assert value is None or encoded.startswith(der.integer(value))
