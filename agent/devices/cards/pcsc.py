"""PC/SC readers through pyscard: own polling, a new context after every failure of the service.

Windows stops its service with the last reader and leaves old contexts broken (8010001D, 8010001E);
pcscd may be restarted at any time. So nothing is kept across a failure but which cards were given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeAlias

from agent.devices.cards.atr import reset_info
from agent.devices.cards.authentication import Authentication
from agent.devices.cards.model import CardData, CardSession, Challenge, Finding, Proofs
from agent.devices.cards.pcsc_errors import card_gone, checked, raise_for
from agent.devices.cards.ssse import read_card, read_person, select
from agent.devices.model import DeviceBusy, DeviceError, DeviceMissing, DeviceUnsupported

_WAIT_MS: Final = 300
_LEAVE_MS: Final = 100
_LEAVE_LOOKS: Final = 20
"""A reader may notice late that its card was pulled out: pcscd looks every 400 ms."""
_PRESENT: Final = 0x20
_CHANGED: Final = 0x02
_COUNT: Final = 0xFFFF0000
"""The upper half of a reader's state counts insertions and removals."""

_State: TypeAlias = tuple[str, int, list[int]]
"""A reader's name, the flags of its state, and the answer to reset of its card."""


class PcscBackend:
    """Readers whose name contains ``reader`` (all without it). See ``CardBackend``."""

    def __init__(self, reader: str = "") -> None:
        self._wanted = reader
        self._context: Any = None
        self._given: dict[str, int] = {}
        self._uncertain: set[str] = set()
        self._readers: list[str] = []

    @property
    def label(self) -> str:
        return "、".join(self._readers) or self._wanted

    @property
    def given(self) -> bool:
        return bool(self._given)

    def next_card(self) -> CardSession | None:
        scard = library()
        if self._context is None:
            self._context = checked(*scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM))
        self._readers = self._names(scard)
        if not self._readers:
            raise DeviceMissing("没有找到读卡器", hint="请插好读卡器；已插好的请安装驱动", details={})
        states = self._states(scard, 0, [(name, 0) for name in self._readers])
        for name, state, atr in states:
            if not state & _PRESENT:
                self._given.pop(name, None)
                self._uncertain.discard(name)
            elif self._given.get(name) != state & _COUNT:
                return self._open(scard, name, state & _COUNT, bytes(atr))
        self._states(scard, _WAIT_MS, [(name, state & ~_CHANGED) for name, state, _ in states])
        return None

    def renew(self) -> None:
        self._uncertain.update(self._given)
        self._given.clear()
        context, self._context = self._context, None
        if context is not None:
            library().SCardReleaseContext(context)

    def close(self) -> None:
        self.renew()

    def _names(self, scard: Any) -> list[str]:
        status, names = scard.SCardListReaders(self._context, [])
        if status & 0xFFFFFFFF == scard.SCARD_E_NO_READERS_AVAILABLE & 0xFFFFFFFF:
            return []
        return [name for name in checked(status, names) if self._wanted in name]

    def _states(
        self, scard: Any, wait_ms: int, known: list[tuple[str, int]]
    ) -> list[tuple[str, int, list[int]]]:
        status, states = scard.SCardGetStatusChange(self._context, wait_ms, known)
        if status & 0xFFFFFFFF == scard.SCARD_E_TIMEOUT & 0xFFFFFFFF:
            return []
        found: list[_State] = checked(status, states)
        return found

    def _open(self, scard: Any, name: str, count: int, atr: bytes) -> CardSession:
        """Hold the card. One that another program holds is tried again; any other is given once."""
        try:
            session = PcscSession(scard, self._context, name, count, atr, name in self._uncertain)
        except DeviceBusy:
            raise
        except DeviceError:
            self._given[name] = count
            raise
        self._given[name] = count
        self._uncertain.discard(name)
        return session


class PcscSession:
    """A card held exclusively, in a transaction. See ``CardSession``."""

    def __init__(self, scard: Any, context: Any, name: str, count: int, atr: bytes, uncertain: bool) -> None:
        self.uncertain = uncertain
        self._count = count
        self._scard = scard
        self._context = context
        self._name = name
        self._atr = atr
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        status, self._card, self._protocol = scard.SCardConnect(
            context, name, scard.SCARD_SHARE_EXCLUSIVE, protocols
        )
        raise_for(status)
        self._state = _PRESENT
        self._authentication = Authentication(self._transmit)
        try:
            raise_for(scard.SCardBeginTransaction(self._card))
        except DeviceError:
            self.close()
            raise
        self._is_present()

    def read(self) -> CardData:
        algorithm = select(self._transmit)
        return read_card(self._transmit, algorithm, reset_info(self._atr))

    def challenge(self, card: CardData) -> Challenge:
        return self._authentication.challenge(card)

    def conclude(self, card: CardData, challenge: Challenge, proofs: Proofs) -> tuple[Finding, CardData]:
        finding = self._authentication.conclude(challenge, proofs)
        if finding is Finding.GENUINE and card.person is None:
            card = replace(card, person=read_person(self._transmit))
        return finding, card

    def keep(self) -> None:
        """Windows resets a card whose transaction is idle for five seconds; asking for its status counts."""
        status, *_ = self._scard.SCardStatus(self._card)
        raise_for(status)
        if not self._is_present():
            raise card_gone()

    def close(self) -> None:
        """Reset, so that no other program finds the card authenticated."""
        self._scard.SCardEndTransaction(self._card, self._scard.SCARD_LEAVE_CARD)
        self._scard.SCardDisconnect(self._card, self._scard.SCARD_RESET_CARD)

    def _transmit(self, command: bytes) -> bytes:
        status, answer = self._scard.SCardTransmit(self._card, self._protocol, list(command))
        if (status or len(answer) < 2) and self._leaves():
            raise card_gone()
        return bytes(checked(status, answer))

    def _leaves(self) -> bool:
        """Whether the reader reports the card gone, a moment after an exchange that failed."""
        for _ in range(_LEAVE_LOOKS):
            if not self._is_present():
                return True
            self._scard.SCardGetStatusChange(self._context, _LEAVE_MS, [(self._name, self._state)])
        return not self._is_present()

    def _is_present(self) -> bool:
        """A pulled card shows as many different errors; the reader's state is the same for all. Where it
        has counted a removal the card is gone, even if pcscd still calls the reader full."""
        status, states = self._scard.SCardGetStatusChange(self._context, 0, [(self._name, 0)])
        if status:
            return False
        self._state = states[0][1] & ~_CHANGED
        return bool(self._state & _PRESENT) and self._state & _COUNT == self._count


def library() -> Any:
    """``smartcard.scard``, imported when the first card is wanted. Raises DeviceUnsupported."""
    try:
        from smartcard import scard
    except ImportError:
        raise DeviceUnsupported(
            "没有安装读卡组件 pyscard", hint="请安装 his-agent[cards]；Linux 上还需要 pcscd"
        ) from None
    return scard
