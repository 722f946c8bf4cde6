"""SM2 over the point arithmetic of ``gmssl`` (pure Python): slow, and always there.

Only the point arithmetic is gmssl's, reached below its public methods on purpose: those draw nonces from
``random.choice`` (a guessable nonce gives the private key away), strip leading ``0`` and ``4`` digits off
public keys, and check neither C3 nor the curve. Nonces, ranges, KDF and checks are done here. The
arithmetic takes a time that depends on its numbers, so that whoever could time single signatures on
this machine might learn about the key: one more reason why a faster backend goes first.
"""

from __future__ import annotations

import secrets
from hmac import compare_digest
from importlib.metadata import version

from gmssl import sm2

from agent.crypto import sm3
from agent.crypto.curve import (
    COORDINATE_BYTES,
    GENERATOR,
    GENERATOR_X,
    GENERATOR_Y,
    SIGNER_ID,
    A,
    B,
    N,
    point_bytes,
)
from agent.crypto.wire import Ciphertext

_CURVE_BYTES = point_bytes(A, B) + point_bytes(GENERATOR_X, GENERATOR_Y)


class Gmssl:
    """The last resort."""

    name = "gmssl"

    def __init__(self) -> None:
        self.version = f"gmssl {version('gmssl')}，纯 Python，较慢"
        self._arithmetic = sm2.CryptSM2(private_key="", public_key="")

    def derive_point(self, scalar: bytes) -> bytes:
        return self._multiply(int.from_bytes(scalar, "big"), GENERATOR)

    def sign(self, scalar: bytes, point: bytes, message: bytes) -> tuple[int, int]:
        secret, digest = int.from_bytes(scalar, "big"), _message_number(point, message)
        while True:
            nonce = _fresh_nonce()
            r = (digest + _x_of(self._multiply(nonce, GENERATOR))) % N
            s = pow(1 + secret, -1, N) * (nonce - r * secret) % N
            if r != 0 and r + nonce != N and s != 0:
                return r, s

    def verify(self, point: bytes, message: bytes, r: int, s: int) -> bool:
        t = (r + s) % N
        if t == 0:
            return False
        total = self._add(self._multiply(s, GENERATOR), self._multiply(t, point))
        return total is not None and (_message_number(point, message) + _x_of(total)) % N == r

    def encrypt(self, point: bytes, plaintext: bytes) -> Ciphertext:
        nonce = _fresh_nonce()
        shared = self._multiply(nonce, point)
        c2 = _exclusive_or(plaintext, _key_stream(shared, len(plaintext)))
        return Ciphertext(self._multiply(nonce, GENERATOR), c2, _check_value(shared, plaintext))

    def decrypt(self, scalar: bytes, point: bytes, parts: Ciphertext) -> bytes | None:
        shared = self._multiply(int.from_bytes(scalar, "big"), parts.c1)
        plaintext = _exclusive_or(parts.c2, _key_stream(shared, len(parts.c2)))
        return plaintext if compare_digest(_check_value(shared, plaintext), parts.c3) else None

    def _multiply(self, factor: int, point: bytes) -> bytes:
        """factor · point, for a factor within 1 … N-1, whose product is never the point at infinity."""
        return bytes.fromhex(self._arithmetic._kg(factor, point.hex()))

    def _add(self, left: bytes, right: bytes) -> bytes | None:
        """left + right, or None for the point at infinity. gmssl's addition knows neither equal nor
        opposite points."""
        jacobian = left.hex() + "1"
        if left == right:
            total = self._arithmetic._double_point(jacobian)
        elif left[:COORDINATE_BYTES] == right[:COORDINATE_BYTES]:
            return None
        else:
            total = self._arithmetic._add_point(jacobian, right.hex())
        return bytes.fromhex(self._arithmetic._convert_jacb_to_nor(total))


def _fresh_nonce() -> int:
    return secrets.randbelow(N - 1) + 1


def _x_of(point: bytes) -> int:
    return int.from_bytes(point[:COORDINATE_BYTES], "big")


def _message_number(point: bytes, message: bytes) -> int:
    """e of GB/T 32918.2: SM3(Z ‖ message), where Z binds signer id, curve and public point."""
    bits = (len(SIGNER_ID) * 8).to_bytes(2, "big")
    identity = sm3.digest(bits, SIGNER_ID, _CURVE_BYTES, point)
    return int.from_bytes(sm3.digest(identity, message), "big")


def _key_stream(shared: bytes, length: int) -> bytes:
    """The KDF of GB/T 32918.4 over ``x2 ‖ y2``."""
    blocks = -(-length // sm3.DIGEST_BYTES)
    stream = b"".join(sm3.digest(shared, count.to_bytes(4, "big")) for count in range(1, blocks + 1))
    return stream[:length]


def _check_value(shared: bytes, plaintext: bytes) -> bytes:
    """C3: SM3(x2 ‖ plaintext ‖ y2)."""
    return sm3.digest(shared[:COORDINATE_BYTES], plaintext, shared[COORDINATE_BYTES:])


def _exclusive_or(left: bytes, right: bytes) -> bytes:
    mixed = int.from_bytes(left, "big") ^ int.from_bytes(right, "big")
    return mixed.to_bytes(len(left), "big")
