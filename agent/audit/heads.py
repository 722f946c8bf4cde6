"""Signing the end of the chain, and finding ends in the lines of a system log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from agent.audit.model import UNSIGNED, Head, Seal, Sign
from agent.errors import ConfigurationError, CryptoError

if TYPE_CHECKING:
    from agent.crypto.keys import PrivateKey, PublicKey

_LINE: Final = re.compile(r"\baudit head (\d{1,18}) ([0-9a-f]{64})\b")


def signer(get: Callable[[], PrivateKey]) -> Sign:
    """Signs with the key that ``get`` gives. Without one the head is kept unsigned: that the chain goes on
    matters more, and ``check`` says that the key is missing."""

    def sign(content: bytes) -> Seal:
        from agent.crypto import sm2

        try:
            key = get()
        except ConfigurationError:
            return UNSIGNED
        return Seal(sm2.sign(key, content), key.public.point)

    return sign


def is_signed(head: Head, at: int, seal: Seal) -> bool:
    """Whether the signature is one of this head, whoever's key that is."""
    from agent.crypto import sm2

    try:
        sm2.verify(_public(seal.public), head.content(at), seal.signature)
    except CryptoError:
        return False
    return True


def read_heads(lines: Iterable[str]) -> list[Head]:
    """Every head that the lines of a system log tell of, in order."""
    return [
        Head(int(number), bytes.fromhex(digest)) for line in lines for number, digest in _LINE.findall(line)
    ]


def _public(point: bytes) -> PublicKey:
    from agent.crypto.keys import load_public

    return load_public(point.hex())
