"""The two SM2 keys of an access key, read from the keyring by name and parsed once per text.

The platform's site hands out one pair (anomalies M07), so the peer's name may hold a private key: its
public part is then the peer's.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from agent.crypto import PrivateKey, PublicKey, load_private, load_public
from agent.errors import KeyRejected
from agent.hookspecs import KeySource, generations


class Keys:
    """Own private and peer public key. Both raise KeyMissing and KeyRejected."""

    def __init__(self, source: KeySource, own: str, peer: str) -> None:
        self._source = source
        self._own = own
        self._peer = peer
        self._private: tuple[str, PrivateKey] | None = None
        self._public: tuple[str, PublicKey] | None = None

    def own(self) -> PrivateKey:
        text = self._source.get(self._own)
        if self._private is None or self._private[0] != text:
            self._private = (text, load_private(text))
        return self._private[1]

    def peer(self) -> PublicKey:
        text = self._source.get(self._peer)
        if self._public is None or self._public[0] != text:
            self._public = (text, _load_peer(text))
        return self._public[1]

    def former_pairs(self) -> Iterator[tuple[PrivateKey, PublicKey]]:
        """Every other pair of generations that an answer may be sealed for and signed with, while one side
        or the other has just changed its key. Raises KeyRejected."""
        owns = [load_private(text) for text in generations(self._source, self._own)]
        peers = [_load_peer(text) for text in generations(self._source, self._peer)]
        yield from list(product(owns, peers))[1:]

    def __repr__(self) -> str:
        return f"Keys(own={self._own!r}, peer={self._peer!r})"


def _load_peer(text: str) -> PublicKey:
    try:
        return load_public(text)
    except KeyRejected as as_public:
        try:
            return load_private(text).public
        except KeyRejected:
            raise as_public from None
