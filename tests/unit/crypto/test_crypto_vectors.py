"""Every vector that the ministry's own demo made (BouncyCastle 1.72), positive and negative."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.crypto import sm2, sm4
from agent.crypto.backends import Backend
from agent.crypto.envelope import open_envelope
from agent.crypto.keys import PrivateKey, load_private, load_public
from agent.errors import CiphertextRejected, CryptoError, SignatureRejected

Vector = Mapping[str, Any]

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "sm-vectors.json").read_text(encoding="utf-8"))
KEYS = VECTORS["keys"]
REFUSALS: dict[str, type[CryptoError]] = {"PE2001": SignatureRejected, "PE1001": CiphertextRejected}


def each(section: str, **chosen: str) -> pytest.MarkDecorator:
    vectors = [v for v in VECTORS[section] if all(v.get(k) == wanted for k, wanted in chosen.items())]
    return pytest.mark.parametrize("vector", vectors, ids=lambda v: v["name"])


def key(name: str) -> PrivateKey:
    return load_private(KEYS[name]["pkcs8_pem"])


def unbase64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def open_vector(vector: Vector, backend: Backend) -> bytes:
    body = vector["body"].get("biz_data") or vector["body"]
    return open_envelope(
        body["symmetric_key"],
        body["sign"],
        body["data"],
        own=key(vector["wrapped_for"]),
        peer=key(vector["signed_by"]).public,
        backend=backend,
    )


def test_no_section_of_the_vector_file_is_left_out() -> None:
    sections = {"sm2_ciphertexts", "sm2_signatures", "sm4_ecb", "envelopes", "responses", "negative"}
    assert set(VECTORS) == sections | {"format", "keys"}
    assert all(VECTORS[section] for section in sections)
    assert {v["op"] for v in VECTORS["negative"]} == {"open_envelope", "sm2_decrypt", "sm4_decrypt"}


@pytest.mark.parametrize("name", KEYS)
def test_keys_in_pem_are_read_and_written_exactly(name: str) -> None:
    vector = KEYS[name]
    private, public = load_private(vector["pkcs8_pem"]), load_public(vector["spki_pem"])
    assert private.scalar.hex() == vector["d"]
    assert public.point.hex() == vector["x"] + vector["y"]
    assert private.public == public
    assert private.to_pem().split() == vector["pkcs8_pem"].split()
    assert public.to_pem().split() == vector["spki_pem"].split()


@pytest.mark.parametrize("name", KEYS)
def test_public_point_is_derived_from_the_scalar_alone(name: str, backend: Backend) -> None:
    assert backend.derive_point(bytes.fromhex(KEYS[name]["d"])).hex() == KEYS[name]["x"] + KEYS[name]["y"]


@each("sm2_ciphertexts")
def test_ciphertext_of_the_demo_is_opened(vector: Vector, backend: Backend) -> None:
    ciphertext = unbase64(vector["ciphertext"])
    assert len(ciphertext) == vector["bytes"]
    assert sm2.decrypt(key(vector["key"]), ciphertext, backend=backend) == vector["plaintext"].encode()


@each("sm2_ciphertexts")
def test_plaintext_of_the_demo_survives_our_own_encryption(vector: Vector, backend: Backend) -> None:
    private = key(vector["key"])
    ciphertext = sm2.encrypt(private.public, vector["plaintext"].encode(), backend=backend)
    assert len(ciphertext) == vector["bytes"]
    assert ciphertext != unbase64(vector["ciphertext"])
    assert sm2.decrypt(private, ciphertext, backend=backend) == vector["plaintext"].encode()


@each("sm2_signatures")
def test_signature_of_the_demo_verifies(vector: Vector, backend: Backend) -> None:
    signature = unbase64(vector["signature"])
    sm2.verify(key(vector["key"]).public, vector["message"].encode(), signature, backend=backend)


@each("sm2_signatures")
def test_signature_of_the_demo_for_another_message_or_key_is_refused(
    vector: Vector, backend: Backend
) -> None:
    signature, message = unbase64(vector["signature"]), vector["message"].encode()
    other = "platform" if vector["key"] != "platform" else "province"
    with pytest.raises(SignatureRejected):
        sm2.verify(key(vector["key"]).public, message + b"=", signature, backend=backend)
    with pytest.raises(SignatureRejected):
        sm2.verify(key(other).public, message, signature, backend=backend)


@pytest.mark.parametrize("blocks", [sm4.cryptography_blocks, sm4.gmssl_blocks])
@each("sm4_ecb")
def test_sm4_gives_the_demo_ciphertext_and_back(vector: Vector, blocks: sm4.Blocks) -> None:
    if blocks is sm4.gmssl_blocks and len(vector["plaintext"]) > 1000:
        vector = dict(vector) | _beginning_of(vector)  # the pure one needs a second for 100 KB
    session_key, plaintext = unbase64(vector["key"]), vector["plaintext"].encode()
    ciphertext = unbase64(vector["ciphertext"])
    assert sm4.encrypt(session_key, plaintext, blocks=blocks) == ciphertext
    assert sm4.decrypt(session_key, ciphertext, blocks=blocks) == plaintext


def _beginning_of(vector: Vector) -> dict[str, str]:
    """The first 64 bytes: in ECB their ciphertext is the beginning, and only the padding block is new."""
    plaintext = vector["plaintext"].encode()[:64]
    session_key = unbase64(vector["key"])
    ciphertext = sm4.encrypt(session_key, plaintext, blocks=sm4.cryptography_blocks)
    assert ciphertext[:64] == unbase64(vector["ciphertext"])[:64]
    return {"plaintext": plaintext.decode(), "ciphertext": base64.b64encode(ciphertext).decode()}


@each("envelopes")
def test_request_of_the_demo_is_opened(vector: Vector, backend: Backend) -> None:
    assert open_vector(vector, backend).decode() == vector["plaintext"]


@each("responses")
def test_response_of_the_demo_is_opened(vector: Vector, backend: Backend) -> None:
    assert open_vector(vector, backend).decode() == vector["plaintext"]


@each("negative", op="open_envelope")
def test_bad_envelope_is_refused(vector: Vector, backend: Backend) -> None:
    with pytest.raises(REFUSALS[vector["category"]]):
        open_vector(vector, backend)


@each("negative", op="sm2_decrypt")
def test_bad_sm2_ciphertext_is_refused(vector: Vector, backend: Backend) -> None:
    with pytest.raises(REFUSALS[vector["category"]]):
        sm2.decrypt(key(vector["key"]), unbase64(vector["ciphertext"]), backend=backend)


@pytest.mark.parametrize("blocks", [sm4.cryptography_blocks, sm4.gmssl_blocks])
@each("negative", op="sm4_decrypt")
def test_bad_sm4_ciphertext_is_refused(vector: Vector, blocks: sm4.Blocks) -> None:
    with pytest.raises(REFUSALS[vector["category"]]):
        sm4.decrypt(unbase64(vector["key"]), unbase64(vector["ciphertext"]), blocks=blocks)
