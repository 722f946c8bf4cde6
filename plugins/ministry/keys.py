"""The two SM2 keys of an access key, by name: texts of the keyring, parsed once per text, or keys in devices.

The platform's site hands out one pair (anomalies M07), so the peer's name may hold a private key: its
public part is then the peer's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import TypeVar

from agent.crypto import OwnKey, PublicKey, device_key, load_private, load_public
from agent.errors import KeyRejected
from agent.hookspecs import KeySource, generations, hardware_key

_Key = TypeVar("_Key")


class Keys:
    """Own private and peer public key. Both raise KeyMissing and KeyRejected, and ConfigurationError for a
    device that cannot be used now."""

    def __init__(self, source: KeySource, own: str, peer: str) -> None:
        self._source = source
        self._own = own
        self._peer = peer
        self._owns: dict[str, tuple[str, OwnKey]] = {}
        self._peers: dict[str, tuple[str, PublicKey]] = {}

    def own(self) -> OwnKey:
        return self._own_of(self._own)

    def peer(self) -> PublicKey:
        return self._peer_of(self._peer)

    def former_pairs(self) -> Iterator[tuple[OwnKey, PublicKey]]:
        """Every other pair of generations that an answer may be sealed for and signed with, while one side
        or the other has just changed its key. Raises KeyRejected, ConfigurationError."""
        owns = [self._own_of(name) for name in generations(self._source, self._own)]
        peers = [self._peer_of(name) for name in generations(self._source, self._peer)]
        yield from list(product(owns, peers))[1:]

    def __repr__(self) -> str:
        return f"Keys(own={self._own!r}, peer={self._peer!r})"

    def _own_of(self, name: str) -> OwnKey:
        def read(text: str) -> OwnKey:
            device = hardware_key(self._source, name)
            return load_private(text) if device is None else device_key(device)

        return _once(self._owns, name, self._source.get(name), read)

    def _peer_of(self, name: str) -> PublicKey:
        def read(text: str) -> PublicKey:
            device = hardware_key(self._source, name)
            return _load_peer(text) if device is None else device_key(device).public

        return _once(self._peers, name, self._source.get(name), read)


def _once(known: dict[str, tuple[str, _Key]], name: str, text: str, read: Callable[[str], _Key]) -> _Key:
    last = known.get(name)
    if last is None or last[0] != text:
        last = known[name] = (text, read(text))
    return last[1]


def _load_peer(text: str) -> PublicKey:
    try:
        return load_public(text)
    except KeyRejected as as_public:
        try:
            return load_private(text).public
        except KeyRejected:
            raise as_public from None
