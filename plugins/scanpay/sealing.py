"""Who signs and verifies: keys of the keyring by a profile, or the vendor's own package.

Both take the pairs of a request and give those for the wire, and take an answer and give the pairs whose
signature verified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from agent.errors import ConfigurationError, CryptoError, KeyMissing, KeyRejected, SignatureRejected
from agent.hookspecs import KeySource, generations, hardware_key
from plugins.scanpay import envelopes, signatures
from plugins.scanpay.forms import Received
from plugins.scanpay.keys import DeviceKey, read_private, read_public
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
    """A key of the keyring, parsed once per text."""

    def __init__(self, source: KeySource, name: str, read: Callable[[str], _Key]) -> None:
        self._source = source
        self._name = name
        self._read = read
        self._last: tuple[str, _Key] | None = None

    def all(self) -> list[_Key]:
        """The key, and its former generation while that is kept. Raises KeyMissing or KeyRejected."""
        return [self.get(), *(self._read(text) for text in list(generations(self._source, self._name))[1:])]

    def get(self) -> _Key:
        """Raises KeyMissing or KeyRejected."""
        text = self._source.get(self._name)
        last = self._last
        if last is None or last[0] != text:
            last = self._last = (text, self._read(text))
        return last[1]

    def __repr__(self) -> str:
        return f"Kept({self._name!r})"


class KeptPrivate(Kept["Private"]):
    """One that may also be in a device."""

    def get(self) -> Private:
        device = hardware_key(self._source, self._name)
        return super().get() if device is None else DeviceKey(device)


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
                received = envelopes.open_answer(received, session, self._merchant.get())
            platforms = self._platform.all()
        except KeyMissing as error:
            # The request went out with these keys; that they are gone says nothing about its fate.
            raise CryptoError("收到应答，但密钥已不可用", hint=error.hint, details=error.details) from error
        signature = received.value(PLATFORM_SIGNATURE)
        self._verify(received, signature, platforms)
        return received

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
