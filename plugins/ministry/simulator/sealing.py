"""The platform's end of the sealed envelope: opening requests, sealing answers, spoiling them.

The only module here that knows ``agent.crypto``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.crypto import Layout, PrivateKey, PublicKey, load_private, load_public, open_envelope, seal
from agent.crypto.keys import generate
from agent.errors import CiphertextRejected, SignatureRejected
from agent.events import JsonObject


class Unopened(Exception):
    """A request that cannot be opened; ``code`` is the PE code that says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Sealing:
    """The platform's own key and its peers' public keys by access key; "" is everybody else's."""

    own: PrivateKey
    peers: Mapping[str, PublicKey]
    layout: Layout = Layout.C1C2C3
    _unrelated: PrivateKey = field(default_factory=generate, repr=False)

    def open(self, access_key: str, body: Mapping[str, str]) -> bytes:
        """The plaintext DATA. Raises Unopened: PE2001 for the signature, PE1001 for anything else."""
        try:
            return open_envelope(
                body["symmetric_key"],
                body["sign"],
                body["data"],
                self.own,
                self.peer(access_key),
                layout=self.layout,
            )
        except SignatureRejected as error:
            raise Unopened("PE2001") from error
        except CiphertextRejected as error:
            raise Unopened("PE1001") from error

    def seal(self, access_key: str, plaintext: bytes) -> JsonObject:
        """``biz_data`` of an answer."""
        return self._sealed(access_key, plaintext, self.own)

    def seal_badly(self, access_key: str, plaintext: bytes) -> JsonObject:
        """``biz_data`` whose signature is a sound one of somebody else's key."""
        return self._sealed(access_key, plaintext, self._unrelated)

    def peer(self, access_key: str) -> PublicKey:
        return self.peers.get(access_key) or self.peers[""]

    def _sealed(self, access_key: str, plaintext: bytes, signer: PrivateKey) -> JsonObject:
        sealed = seal(plaintext, signer, self.peer(access_key), layout=self.layout)
        return {"symmetric_key": sealed.symmetric_key, "sign": sealed.sign, "data": sealed.data}


__all__ = [
    "Layout",
    "PrivateKey",
    "PublicKey",
    "Sealing",
    "Unopened",
    "generate",
    "load_private",
    "load_public",
]
