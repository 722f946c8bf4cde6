"""What one backend signs or encrypts, the other verifies or decrypts; what one refuses, both refuse."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.crypto import backends, curve, sm2
from agent.crypto.backends import Backend, libcrypto
from agent.crypto.keys import PrivateKey
from agent.crypto.wire import Layout
from agent.errors import CryptoError

SCALARS = st.one_of(
    st.integers(1, curve.N - 2),
    st.integers(1, 1000),
    st.integers(curve.N - 1000, curve.N - 2),
    st.integers(1, 2**240),
)
MESSAGES = st.binary(max_size=200)
PAIRS = list(itertools.permutations(backends.NAMES, 2))
FEW = settings(max_examples=12, deadline=None)


@pytest.fixture(scope="module")
def loaded() -> dict[str, Backend]:
    try:
        libcrypto.load()
    except CryptoError as error:
        pytest.skip(f"no libcrypto 3 here: {error.details['reason']}")
    return {name: backends.load(name) for name in backends.NAMES}


def key(scalar: int) -> PrivateKey:
    return PrivateKey(scalar.to_bytes(32, "big"))


@given(scalar=SCALARS)
@settings(max_examples=40, deadline=None)
def test_backends_derive_the_same_point(loaded: dict[str, Backend], scalar: int) -> None:
    points = {backend.derive_point(scalar.to_bytes(32, "big")) for backend in loaded.values()}
    assert len(points) == 1


@pytest.mark.parametrize(("signer", "verifier"), PAIRS)
@given(scalar=SCALARS, message=MESSAGES)
@FEW
def test_signature_of_one_verifies_by_the_other(
    loaded: dict[str, Backend], signer: str, verifier: str, scalar: int, message: bytes
) -> None:
    private = key(scalar)
    signature = sm2.sign(private, message, backend=loaded[signer])
    sm2.verify(private.public, message, signature, backend=loaded[verifier])


@pytest.mark.parametrize(("sender", "receiver"), PAIRS)
@given(scalar=SCALARS, plaintext=st.binary(min_size=1, max_size=600), layout=st.sampled_from(Layout))
@FEW
def test_ciphertext_of_one_opens_by_the_other(
    loaded: dict[str, Backend], sender: str, receiver: str, scalar: int, plaintext: bytes, layout: Layout
) -> None:
    private = key(scalar)
    ciphertext = sm2.encrypt(private.public, plaintext, layout=layout, backend=loaded[sender])
    assert sm2.decrypt(private, ciphertext, layout=layout, backend=loaded[receiver]) == plaintext


@given(scalar=SCALARS, message=MESSAGES, r=st.integers(1, curve.N - 1), s=st.integers(1, curve.N - 1))
@FEW
def test_signature_drawn_at_random_is_refused_by_both(
    loaded: dict[str, Backend], scalar: int, message: bytes, r: int, s: int
) -> None:
    point = key(scalar).public.point
    assert not any(backend.verify(point, message, r, s) for backend in loaded.values())
