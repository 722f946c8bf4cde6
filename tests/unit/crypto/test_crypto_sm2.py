"""What the SM2 face refuses, whatever the backend."""

from __future__ import annotations

import pytest

from agent.crypto import backends, curve, der, sm2, sm3, wire
from agent.crypto.backends import Backend
from agent.crypto.backends.gmssl_pure import Gmssl
from agent.crypto.keys import PrivateKey, generate
from agent.crypto.wire import Ciphertext, Layout
from agent.errors import CiphertextRejected, CryptoError, SignatureRejected

PAIR = generate()
MESSAGE = b"5rWL6K+V"


@pytest.fixture(scope="module")
def signature() -> bytes:
    return sm2.sign(PAIR, MESSAGE)


def integers(signature: bytes) -> tuple[int, int]:
    return wire.decode_signature(signature)


def sequence(*contents: bytes) -> bytes:
    return der.element(der.SEQUENCE, *contents)


def padded_integer(value: int) -> bytes:
    return der.element(der.INTEGER, b"\0" + der.integer(value)[2:])


def test_signature_and_message_verify_only_together(signature: bytes, backend: Backend) -> None:
    sm2.verify(PAIR.public, MESSAGE, signature, backend=backend)
    with pytest.raises(SignatureRejected):
        sm2.verify(PAIR.public, MESSAGE[:-1], signature, backend=backend)
    with pytest.raises(SignatureRejected):
        sm2.verify(PAIR.public, b"", signature, backend=backend)


def test_signature_in_any_second_encoding_is_refused(signature: bytes, backend: Backend) -> None:
    r, s = integers(signature)
    encodings = {
        "raw": r.to_bytes(32, "big") + s.to_bytes(32, "big"),
        "trailing byte": signature + b"\0",
        "trailing byte inside": sequence(der.integer(r), der.integer(s), b"\0"),
        "third integer": sequence(der.integer(r), der.integer(s), der.integer(1)),
        "padded r": sequence(padded_integer(r), der.integer(s)),
        "long length": b"\x30\x81" + signature[1:],
        "indefinite length": b"\x30\x80" + signature[2:] + b"\0\0",
        "cut": signature[:-1],
        "empty": b"",
        "set instead of sequence": b"\x31" + signature[1:],
    }
    for encoding in encodings.values():
        with pytest.raises(SignatureRejected):
            sm2.verify(PAIR.public, MESSAGE, encoding, backend=backend)


def test_numbers_out_of_range_are_refused_though_they_are_congruent(
    signature: bytes, backend: Backend
) -> None:
    r, s = integers(signature)
    negative = der.element(der.INTEGER, (s - curve.N).to_bytes(33, "big", signed=True))
    for encoding in {
        "r + N": sequence(der.integer(r + curve.N), der.integer(s)),
        "s + N": sequence(der.integer(r), der.integer(s + curve.N)),
        "s - N": sequence(der.integer(r), negative),
        "r = 0": sequence(der.integer(0), der.integer(s)),
        "s = 0": sequence(der.integer(r), der.integer(0)),
        "r = N": sequence(der.integer(curve.N), der.integer(s)),
    }.values():
        with pytest.raises(SignatureRejected):
            sm2.verify(PAIR.public, MESSAGE, encoding, backend=backend)


@pytest.mark.parametrize("number", [0, curve.N, curve.N + 1, 2**256 - 1, 2**300])
def test_number_out_of_range_is_refused_before_any_arithmetic(number: int) -> None:
    assert wire.decode_signature(sequence(der.integer(1), der.integer(curve.N - 1))) == (1, curve.N - 1)
    for r, s in ((number, 1), (1, number)):
        with pytest.raises(SignatureRejected, match="签名"):
            wire.decode_signature(sequence(der.integer(r), der.integer(s)))


def test_numbers_that_sum_to_zero_are_refused(backend: Backend) -> None:
    assert not backend.verify(PAIR.public.point, MESSAGE, 5, curve.N - 5)


def test_swapped_numbers_are_refused(signature: bytes, backend: Backend) -> None:
    r, s = integers(signature)
    with pytest.raises(SignatureRejected):
        sm2.verify(PAIR.public, MESSAGE, wire.encode_signature(s, r), backend=backend)


@pytest.mark.parametrize("layout", Layout)
def test_both_layouts_open_only_as_themselves(layout: Layout, backend: Backend) -> None:
    other = Layout.C1C3C2 if layout is Layout.C1C2C3 else Layout.C1C2C3
    ciphertext = sm2.encrypt(PAIR.public, b"x" * 24, layout=layout, backend=backend)
    assert sm2.decrypt(PAIR, ciphertext, layout=layout, backend=backend) == b"x" * 24
    with pytest.raises(CiphertextRejected):
        sm2.decrypt(PAIR, ciphertext, layout=other, backend=backend)


def test_changed_ciphertexts_are_refused(backend: Backend) -> None:
    ciphertext = sm2.encrypt(PAIR.public, b"0123456789abcdef", backend=backend)
    for position in (0, 1, 40, 64, 65, 80, 81, 100, len(ciphertext) - 1):
        changed = bytearray(ciphertext)
        changed[position] ^= 1
        with pytest.raises(CiphertextRejected):
            sm2.decrypt(PAIR, bytes(changed), backend=backend)


def test_ciphertexts_of_wrong_shape_are_refused(backend: Backend) -> None:
    ciphertext = sm2.encrypt(PAIR.public, b"0123456789abcdef", backend=backend)
    for wrong in (
        b"",
        ciphertext[:96],
        ciphertext[:97],
        ciphertext[1:],
        ciphertext + b"\0",
        b"\x03" + ciphertext[1:],
        b"\x04" + bytes(64) + ciphertext[65:],
    ):
        with pytest.raises(CiphertextRejected):
            sm2.decrypt(PAIR, wrong, backend=backend)


def test_c1_whose_x_is_not_reduced_is_refused(backend: Backend) -> None:
    """x and x + P are the same point to careless arithmetic: a second form of one ciphertext."""
    x, y = next(point for x in range(100) if (point := curve.decompress(x, y_is_odd=False)))
    parts = Ciphertext(curve.point_bytes(x, y), b"c2", bytes(32))
    assert wire.split_ciphertext(wire.join_ciphertext(parts, Layout.C1C2C3), Layout.C1C2C3) == parts
    unreduced = parts._replace(c1=curve.point_bytes(x + curve.P, y))
    with pytest.raises(CiphertextRejected) as refusal:
        sm2.decrypt(PAIR, wire.join_ciphertext(unreduced, Layout.C1C2C3), backend=backend)
    assert refusal.value.details["reason"] == "C1 is no point of the curve"


def test_opposite_of_c1_is_refused(backend: Backend) -> None:
    """-C1 gives the same x2 and another y2: only the check value tells."""
    ciphertext = sm2.encrypt(PAIR.public, b"0123456789abcdef", backend=backend)
    y = int.from_bytes(ciphertext[33:65], "big")
    opposite = ciphertext[:33] + (curve.P - y).to_bytes(32, "big") + ciphertext[65:]
    with pytest.raises(CiphertextRejected):
        sm2.decrypt(PAIR, opposite, backend=backend)


def test_nothing_to_encrypt_is_refused() -> None:
    with pytest.raises(CryptoError):
        sm2.encrypt(PAIR.public, b"")


class ZeroStreamFirst(Gmssl):
    """Encrypts like gmssl, but the first key stream happens to be all zero."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def encrypt(self, point: bytes, plaintext: bytes) -> Ciphertext:
        self.calls += 1
        parts = super().encrypt(point, plaintext)
        return parts._replace(c2=plaintext) if self.calls == 1 else parts


def test_all_zero_key_stream_is_never_sent() -> None:
    backend = ZeroStreamFirst()
    ciphertext = sm2.encrypt(PAIR.public, b"secret", backend=backend)
    assert backend.calls == 2
    assert b"secret" not in ciphertext
    assert sm2.decrypt(PAIR, ciphertext) == b"secret"


def test_all_zero_key_stream_is_never_accepted(backend: Backend) -> None:
    """A ciphertext whose check value fits and whose one byte stands there in the clear."""
    ciphertext = ciphertext_with_zero_stream(PAIR, b"A")
    with pytest.raises(CiphertextRejected) as refusal:
        sm2.decrypt(PAIR, ciphertext, backend=backend)
    assert refusal.value.details["reason"] in {"all-zero key stream", "C3 does not fit"}


def ciphertext_with_zero_stream(private: PrivateKey, plaintext: bytes) -> bytes:
    derive = backends.choose().derive_point
    secret = int.from_bytes(private.scalar, "big")
    for nonce in range(1, 20_000):
        shared = derive((nonce * secret % curve.N).to_bytes(32, "big"))
        if not any(sm3.digest(shared, b"\0\0\0\x01")[: len(plaintext)]):
            c3 = sm3.digest(shared[:32], plaintext, shared[32:])
            return b"\x04" + derive(nonce.to_bytes(32, "big")) + plaintext + c3
    raise AssertionError("no such nonce found")


def test_signatures_and_ciphertexts_are_never_repeated(backend: Backend) -> None:
    assert len({sm2.sign(PAIR, MESSAGE, backend=backend) for _ in range(5)}) == 5
    assert len({sm2.encrypt(PAIR.public, MESSAGE, backend=backend)[:65] for _ in range(5)}) == 5


def test_refusals_show_neither_message_nor_plaintext(backend: Backend) -> None:
    ciphertext = sm2.encrypt(PAIR.public, b"patient-name", backend=backend)
    with pytest.raises(CiphertextRejected) as refusal:
        sm2.decrypt(PAIR, ciphertext[:-1] + bytes([ciphertext[-1] ^ 1]), backend=backend)
    assert "patient" not in f"{refusal.value!r}{refusal.value.details}"
    assert refusal.value.hint
