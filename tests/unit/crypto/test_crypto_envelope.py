"""The ministry's envelope: what is sealed, what is refused, and in which order it is judged."""

from __future__ import annotations

import base64
import os
from contextlib import suppress

import pytest

from agent.crypto import sm2, sm4
from agent.crypto.backends import Backend
from agent.crypto.envelope import SealedEnvelope, open_envelope, seal
from agent.crypto.keys import generate
from agent.crypto.wire import Layout
from agent.errors import CiphertextRejected, CryptoError, SignatureRejected

OWN, PEER, STRANGER = generate(), generate(), generate()
PLAINTEXT = '{"datalist":[{"aac003":"测试甲"}]}'.encode()


def envelope() -> SealedEnvelope:
    return seal(PLAINTEXT, OWN, PEER.public)


def opened(sealed: SealedEnvelope, **changes: str) -> bytes:
    strings = {"symmetric_key": sealed.symmetric_key, "sign": sealed.sign, "data": sealed.data} | changes
    return open_envelope(strings["symmetric_key"], strings["sign"], strings["data"], PEER, OWN.public)


def signed_anew(**strings: str) -> dict[str, str]:
    sign = sm2.sign(OWN, strings["data"].encode())
    return strings | {"sign": base64.b64encode(sign).decode()}


def with_line_breaks(text: str) -> str:
    return "\r\n".join(text[i : i + 76] for i in range(0, len(text), 76)) + "\r\n"


@pytest.mark.parametrize("layout", Layout)
def test_what_is_sealed_opens_for_the_peer(layout: Layout, backend: Backend) -> None:
    sealed = seal(PLAINTEXT, OWN, PEER.public, layout=layout, backend=backend)
    strings = (sealed.symmetric_key, sealed.sign, sealed.data)
    assert open_envelope(*strings, own=PEER, peer=OWN.public, layout=layout, backend=backend) == PLAINTEXT


def test_one_pair_held_by_both_sides_works() -> None:
    sealed = seal(PLAINTEXT, OWN, OWN.public)
    assert open_envelope(sealed.symmetric_key, sealed.sign, sealed.data, OWN, OWN.public) == PLAINTEXT


def test_parts_have_the_shapes_of_the_document() -> None:
    sealed = envelope()
    wrapped = base64.b64decode(sealed.symmetric_key, validate=True)
    key_text = sm2.decrypt(PEER, wrapped)
    assert len(wrapped) == 121
    assert len(base64.b64decode(key_text, validate=True)) == 16
    assert sm4.decrypt(base64.b64decode(key_text), base64.b64decode(sealed.data)) == PLAINTEXT
    sm2.verify(OWN.public, sealed.data.encode(), base64.b64decode(sealed.sign))
    assert not {"\r", "\n"} & set(sealed.symmetric_key + sealed.sign + sealed.data)


def test_every_envelope_has_its_own_session_key() -> None:
    sealed = [envelope() for _ in range(4)]
    keys = {sm2.decrypt(PEER, base64.b64decode(one.symmetric_key)) for one in sealed}
    assert len(keys) == len({one.data for one in sealed}) == 4


@pytest.mark.parametrize("size", [0, 1, 16, 100_000])
def test_any_size_is_sealed(size: int) -> None:
    plaintext = os.urandom(size)
    sealed = seal(plaintext, OWN, PEER.public)
    assert opened(sealed) == plaintext


def test_line_breaks_are_read_but_belong_to_what_is_signed() -> None:
    sealed = envelope()
    broken = signed_anew(
        symmetric_key=with_line_breaks(sealed.symmetric_key), sign="", data=with_line_breaks(sealed.data)
    )
    assert opened(sealed, **broken) == PLAINTEXT
    assert opened(sealed, sign=with_line_breaks(sealed.sign)) == PLAINTEXT
    with pytest.raises(SignatureRejected):
        opened(sealed, data=with_line_breaks(sealed.data))


def test_signature_of_a_stranger_or_over_other_data_is_refused() -> None:
    sealed, other = envelope(), envelope()
    with pytest.raises(SignatureRejected):
        opened(sealed, sign=other.sign)
    with pytest.raises(SignatureRejected):
        opened(seal(PLAINTEXT, STRANGER, PEER.public))


def test_envelope_for_another_receiver_is_refused() -> None:
    with pytest.raises(CiphertextRejected):
        opened(seal(PLAINTEXT, OWN, STRANGER.public))


def test_session_key_of_another_envelope_never_gives_a_plaintext() -> None:
    """ECB has no check value: the padding refuses most, and no plaintext is the right one."""
    sealed, other = envelope(), envelope()
    with suppress(CiphertextRejected):
        assert opened(sealed, symmetric_key=other.symmetric_key) != PLAINTEXT


def test_signature_is_judged_before_anything_is_decrypted() -> None:
    with pytest.raises(SignatureRejected):
        open_envelope("no Base64!", base64.b64encode(b"0\0").decode(), "no Base64!", PEER, OWN.public)


@pytest.mark.parametrize("text", ["", "!", "AAA", "AA=A", "AAAA=", "AA==AA==", "密文", "AAAA AAAA", "\ud800"])
def test_broken_base64_is_refused_in_each_field(text: str) -> None:
    sealed = envelope()
    with pytest.raises(SignatureRejected):
        opened(sealed, sign=text)
    with pytest.raises(CiphertextRejected):
        opened(sealed, symmetric_key=text)
    with pytest.raises(SignatureRejected):
        opened(sealed, data=text)


@pytest.mark.parametrize("stray", ["!", " ", "\t", "=", "-", "密"])
def test_stray_character_inside_good_base64_is_refused(stray: str) -> None:
    sealed = envelope()
    sign, symmetric_key, data = (
        text[:10] + stray + text[10:] for text in (sealed.sign, sealed.symmetric_key, sealed.data)
    )
    with pytest.raises(SignatureRejected):
        opened(sealed, sign=sign)
    with pytest.raises(CiphertextRejected):
        opened(sealed, symmetric_key=symmetric_key)
    with pytest.raises(CiphertextRejected):
        opened(sealed, **signed_anew(data=data))


@pytest.mark.parametrize("data", ["", "!", "AAA", "AAAA"])
def test_signed_data_that_is_no_ciphertext_is_refused(data: str) -> None:
    sealed = envelope()
    with pytest.raises(CiphertextRejected):
        opened(sealed, **signed_anew(data=data))


@pytest.mark.parametrize(
    "session_key",
    [b"x", bytes(range(0x80, 0x90)), base64.b64encode(b"15 bytes of key"), b"\xff\xfe" * 12],
)
def test_wrapped_content_that_is_no_key_is_refused(session_key: bytes) -> None:
    sealed = envelope()
    wrapped = base64.b64encode(sm2.encrypt(PEER.public, session_key)).decode()
    with pytest.raises(CryptoError):
        opened(sealed, symmetric_key=wrapped)


def test_repr_of_an_envelope_shows_none_of_it() -> None:
    sealed = envelope()
    assert sealed.data not in repr(sealed)
    assert sealed.symmetric_key not in repr(sealed)
    assert sealed.sign not in repr(sealed)


@pytest.mark.parametrize("more", [-17, -1, 0, 1, 1_572_864])
def test_large_data_is_one_base64_text_without_breaks(more: int) -> None:
    """Encoded in parts of 1,572,864 bytes, so that other threads have their turn."""
    plaintext = bytes(range(256)) * 6144
    plaintext = (plaintext + plaintext)[: 1_572_864 + more]
    own, peer = generate(), generate()
    sealed = seal(plaintext, own, peer.public)
    assert len(sealed.data) == 4 * -(-(len(plaintext) // 16 * 16 + 16) // 3)
    opened = open_envelope(sealed.symmetric_key, sealed.sign, sealed.data, peer, own.public)
    assert opened == plaintext
