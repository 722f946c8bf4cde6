"""SM2 as the ministry's demo does it (anomalies M08): signing, verifying, wrapping, unwrapping.

Signatures are strict DER over SM3(Z ‖ message) with the signer id of ``curve.SIGNER_ID``. Ciphertexts are
``04 ‖ x ‖ y ‖ C2 ‖ C3`` unless another layout is asked for. What arrives is checked here (encoding, ranges,
curve) before a backend sees it, so that all backends refuse the same things.

``backend`` is the process's chosen one unless given.
"""

from __future__ import annotations

from typing import TypeAlias

from agent.crypto.backends import Backend, choose
from agent.crypto.device_key import DeviceKey, useless
from agent.crypto.keys import PrivateKey, PublicKey
from agent.crypto.wire import (
    Layout,
    ciphertext_refused,
    decode_signature,
    encode_signature,
    join_ciphertext,
    signature_refused,
    split_ciphertext,
)
from agent.errors import CryptoError, SignatureRejected

OwnKey: TypeAlias = PrivateKey | DeviceKey


def sign(private: OwnKey, message: bytes, *, backend: Backend | None = None) -> bytes:
    """The DER signature of the message: 70 to 72 bytes, rarely fewer. Raises ConfigurationError when a
    device cannot sign, or signs what its public key does not verify."""
    if isinstance(private, DeviceKey):
        return _signed_by_device(private, message, backend)
    r, s = (backend or choose()).sign(private.scalar, private.public.point, message)
    return encode_signature(r, s)


def verify(public: PublicKey, message: bytes, signature: bytes, *, backend: Backend | None = None) -> None:
    """Raises ``SignatureRejected`` unless this is a signature of the message for this key."""
    r, s = decode_signature(signature)
    if not (backend or choose()).verify(public.point, message, r, s):
        raise signature_refused("does not verify")


def encrypt(
    public: PublicKey,
    plaintext: bytes,
    *,
    layout: Layout = Layout.C1C2C3,
    backend: Backend | None = None,
) -> bytes:
    """The ciphertext, 97 bytes longer than the plaintext. Raises ``CryptoError`` for an empty one."""
    if not plaintext:
        raise CryptoError("SM2 加密的内容不能为空", hint="请联系技术支持")
    serving = backend or choose()
    while True:
        parts = serving.encrypt(public.point, plaintext)
        # An all-zero key stream leaves the plaintext readable; the standard says to draw again.
        if parts.c2 != plaintext:
            return join_ciphertext(parts, layout)


def decrypt(
    private: OwnKey,
    ciphertext: bytes,
    *,
    layout: Layout = Layout.C1C2C3,
    backend: Backend | None = None,
) -> bytes:
    """The plaintext, C3 checked. Raises ``CiphertextRejected``; ``ConfigurationError`` when a device
    cannot be used now."""
    parts = split_ciphertext(ciphertext, layout)
    if isinstance(private, DeviceKey):
        return _unwrapped_by_device(private, ciphertext, layout, len(parts.c2))
    plaintext = (backend or choose()).decrypt(private.scalar, private.public.point, parts)
    if plaintext is None:
        raise ciphertext_refused("C3 does not fit")
    if plaintext == parts.c2:
        raise ciphertext_refused("all-zero key stream")
    return plaintext


def _signed_by_device(private: DeviceKey, message: bytes, backend: Backend | None) -> bytes:
    signature = private.sign(message)
    try:
        verify(private.public, message, signature, backend=backend)
    except SignatureRejected as error:
        raise useless(str(error.details["reason"])) from error
    return signature


def _unwrapped_by_device(private: DeviceKey, ciphertext: bytes, layout: Layout, length: int) -> bytes:
    plaintext = private.unwrap(ciphertext, layout)
    if len(plaintext) != length:
        raise ciphertext_refused("the device gave another length")
    return plaintext
