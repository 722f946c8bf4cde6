"""SM4 (GB/T 32907) in ECB mode with PKCS#5 padding, as the ministry's demo has it.

By ``cryptography``, at some hundred MB/s; by ``gmssl``, six hundred times slower, only where that package's
OpenSSL was built without SM4. The padding is checked in full: each of its bytes, not only the last.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from agent.errors import CiphertextRejected, CryptoError

KEY_BYTES = 16
BLOCK_BYTES = 16

Blocks = Callable[[bytes, bool, bytes | memoryview], bytes]
"""Turns whole blocks over: key, whether to encrypt, blocks."""


def encrypt(key: bytes, plaintext: bytes, *, blocks: Blocks | None = None) -> bytes:
    """The ciphertext, 1 to 16 bytes longer than the plaintext. ``CryptoError`` for a wrong key size."""
    _check_key(key)
    turn = blocks or _blocks()
    whole = len(plaintext) - len(plaintext) % BLOCK_BYTES
    rest = plaintext[whole:]
    padding = BLOCK_BYTES - len(rest)
    view = memoryview(plaintext)[:whole]
    return turn(key, True, view) + turn(key, True, rest + bytes((padding,)) * padding)


def decrypt(key: bytes, ciphertext: bytes, *, blocks: Blocks | None = None) -> bytes:
    """The plaintext. Raises ``CiphertextRejected`` for a broken length or padding."""
    _check_key(key)
    if not ciphertext or len(ciphertext) % BLOCK_BYTES:
        raise _refused("length")
    turn = blocks or _blocks()
    padded = turn(key, False, ciphertext)
    padding = padded[-1]
    if not 1 <= padding <= BLOCK_BYTES or padded[-padding:] != bytes((padding,)) * padding:
        raise _refused("padding")
    return padded[:-padding]


def cryptography_blocks(key: bytes, encrypting: bool, data: bytes | memoryview) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    cipher = Cipher(algorithms.SM4(key), modes.ECB())  # noqa: S305 - the ministry's format
    context = cipher.encryptor() if encrypting else cipher.decryptor()
    return context.update(data)


def gmssl_blocks(key: bytes, encrypting: bool, data: bytes | memoryview) -> bytes:
    from gmssl import sm4

    cipher = sm4.CryptSM4()
    cipher.set_key(key, sm4.SM4_ENCRYPT if encrypting else sm4.SM4_DECRYPT)
    output = bytearray()
    for start in range(0, len(data), BLOCK_BYTES):
        output += bytes(cipher.one_round(cipher.sk, list(data[start : start + BLOCK_BYTES])))
    return bytes(output)


@cache
def _blocks() -> Blocks:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        cryptography_blocks(bytes(KEY_BYTES), True, bytes(BLOCK_BYTES))
    except UnsupportedAlgorithm:
        return gmssl_blocks
    return cryptography_blocks


def _check_key(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise CryptoError("SM4 密钥长度不是 16 字节", hint="请联系技术支持", details={"reason": "key size"})


def _refused(reason: str) -> CiphertextRejected:
    return CiphertextRejected(
        "SM4 密文无法解开", hint="请联系平台确认报文是否完整、双方密钥是否配对", details={"reason": reason}
    )
