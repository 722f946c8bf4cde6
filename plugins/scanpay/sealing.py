"""Who signs and verifies: keys of the keyring by a profile, or the vendor's own package.

Both take the pairs of a request and give those for the wire, and take an answer and give the pairs whose
signature verified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from agent.errors import (
    AnswerRejected,
    CiphertextRejected,
    ConfigurationError,
    CryptoError,
    KeyRejected,
    SignatureRejected,
)
from agent.hookspecs import KeySource, generations, hardware_key
from plugins.scanpay import envelopes, signatures
from plugins.scanpay.forms import Received
from plugins.scanpay.keys import read_device, read_private, read_public
from plugins.scanpay.profiles import Envelope, Profile

if TYPE_CHECKING:
    from plugins.scanpay.keys import Private, Public

PLATFORM_SIGNATURE: Final = "pltfirmsignature"

_Key = TypeVar("_Key")


class Sealing(Protocol):
    """``session`` is the attempt's session key for encrypted envelopes."""

    def seal(self, pairs: Mapping[str, str], session: str) -> Mapping[str, str]:
        """The pairs for the wire. Raises ConfigurationError, or NotSent when nothing can be signed now."""
        ...

    def open(self, received: Received, session: str) -> Received:
        """The pairs of an answer or a callback, verified. Raises CryptoError or AnswerRejected."""
        ...


class Kept(Generic[_Key]):
    """A key of the keyring and its former generation, each parsed once per text."""

    def __init__(self, source: KeySource, name: str, read: Callable[[str], _Key]) -> None:
        self._source = source
        self._name = name
        self._read = read
        self._known: dict[str, tuple[str, _Key]] = {}

    def all(self) -> list[_Key]:
        """The key, and its former generation while that is kept. Raises KeyMissing, KeyRejected, and
        ConfigurationError for a device that cannot be used now."""
        return [self._of(name) for name in generations(self._source, self._name)]

    def get(self) -> _Key:
        """Raises what :meth:`all` does."""
        return self._of(self._name)

    def _of(self, name: str) -> _Key:
        text = self._source.get(name)
        last = self._known.get(name)
        if last is None or last[0] != text:
            last = self._known[name] = (text, self._parsed(name, text))
        return last[1]

    def _parsed(self, _name: str, text: str) -> _Key:
        return self._read(text)

    def __repr__(self) -> str:
        return f"Kept({self._name!r})"


class KeptPrivate(Kept["Private"]):
    """One that may also be in a device."""

    def _parsed(self, name: str, text: str) -> Private:
        device = hardware_key(self._source, name)
        return self._read(text) if device is None else read_device(device)


@dataclass(frozen=True, slots=True)
class SignatureNames:
    """How our two signatures are spelled on the wire (anomalies S02)."""

    merchant: str = "merchantsignature"
    infosys: str = "infosyssignature"


class KeySealing:
    """Signs with the merchant's and the information system's key, verifies with the platform's."""

    def __init__(
        self,
        source: KeySource,
        profile: Profile,
        merchant: str,
        infosys: str,
        platform: str,
        names: SignatureNames = SignatureNames(),
    ) -> None:
        self._profile = profile
        self._merchant = KeptPrivate(source, merchant, read_private)
        self._infosys = KeptPrivate(source, infosys, read_private)
        self._platform = Kept(source, platform, read_public)
        self._names = names

    def seal(self, pairs: Mapping[str, str], session: str) -> Mapping[str, str]:
        try:
            merchant, infosys, platform = self._merchant.get(), self._infosys.get(), self._platform.get()
            signed = {
                **pairs,
                self._names.merchant: signatures.sign(self._profile, pairs.items(), merchant),
                self._names.infosys: signatures.sign(self._profile, pairs.items(), infosys),
            }
            if self._profile.envelope is Envelope.DES:
                return envelopes.close(signed, session, platform)
        except KeyRejected as error:
            raise ConfigurationError(
                f"扫码支付的密钥不能使用：{error.message}", hint=error.hint, details=error.details
            ) from error
        return signed

    def open(self, received: Received, session: str) -> Received:
        try:
            if self._profile.envelope is Envelope.DES and envelopes.SEALED in received.names():
                received = self._unsealed(received, session)
            platforms = self._platform.all()
        except ConfigurationError as error:
            # The request went out with these keys; that they are gone says nothing about its fate.
            raise CryptoError("收到应答，但密钥已不可用", hint=error.hint, details=error.details) from error
        signature = received.value(PLATFORM_SIGNATURE)
        self._verify(received, signature, platforms)
        return received

    def _unsealed(self, received: Received, session: str) -> Received:
        """By our key, or by the one before it while that is kept. Raises what the first does."""
        own, *formers = self._merchant.all()
        try:
            return envelopes.open_answer(received, session, own)
        except (CiphertextRejected, AnswerRejected):
            for former in formers:
                with suppress(CiphertextRejected, AnswerRejected):
                    return envelopes.open_answer(received, session, former)
            raise

    def _verify(self, received: Received, signature: str, platforms: Sequence[Public]) -> None:
        """By the platform's key, or by the one before it while that is kept. Raises what the first does."""
        try:
            signatures.verify(self._profile, received.pairs, signature, platforms[0])
        except SignatureRejected:
            for former in platforms[1:]:
                with suppress(CryptoError):
                    signatures.verify(self._profile, received.pairs, signature, former)
                    return
            raise
