"""Windows' card service stops with its last reader and leaves broken contexts: what its numbers lead to.

The library is the border to hardware; here it is a stand-in that fails as Windows does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from agent.devices.cards.model import CardRemoved, CardSilent
from agent.devices.cards.pcsc import PcscBackend
from agent.devices.cards.pcsc_errors import CardServiceStopped, raise_for
from agent.devices.cards.source import Want
from agent.devices.model import DeviceBusy, DeviceCondition, DeviceMissing
from tests.unit.devices.card_rig import CardStation

NO_SERVICE, SERVICE_STOPPED, NO_READERS, TIMEOUT = 0x8010001D, 0x8010001E, 0x8010002E, 0x8010000A


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (NO_SERVICE, CardServiceStopped),
        (SERVICE_STOPPED, CardServiceStopped),
        (0x80100003, CardServiceStopped),
        (0x000006BA, CardServiceStopped),
        (NO_READERS, DeviceMissing),
        (0x80100017, DeviceMissing),
        (0x8010000B, DeviceBusy),
        (0x80100069, CardRemoved),
        (0x80100068, CardRemoved),
        (0x80100066, CardSilent),
        (0x12345678, CardSilent),
    ],
)
@pytest.mark.parametrize("signed", [False, True])
def test_every_number_has_its_meaning_signed_or_not(number: int, kind: type[Exception], signed: bool) -> None:
    told = number - (1 << 32) if signed and number >> 31 else number
    with pytest.raises(kind):
        raise_for(told)


def test_success_is_no_error() -> None:
    assert raise_for(0) is None


class Windows:
    """``smartcard.scard`` on a machine whose service ends with the last reader. Contexts of a service that
    ended stay broken for ever."""

    SCARD_SCOPE_SYSTEM = 2
    SCARD_E_NO_READERS_AVAILABLE = NO_READERS
    SCARD_E_TIMEOUT = TIMEOUT

    def __init__(self) -> None:
        self.running = True
        self.readers = ["USB reader 0"]
        self.released: list[int] = []
        self._contexts = 0
        self._born = 0
        self._service = 1

    def stop(self) -> None:
        self.running = False
        self._service += 1

    def SCardEstablishContext(self, _scope: int) -> tuple[int, int]:
        if not self.running:
            return NO_SERVICE, 0
        self._contexts += 1
        self._born = self._service
        return 0, self._contexts

    def SCardReleaseContext(self, context: int) -> int:
        self.released.append(context)
        return 0

    def SCardListReaders(self, _context: int, _groups: list[str]) -> tuple[int, list[str]]:
        status = self._status()
        if status or not self.readers:
            return status or NO_READERS, []
        return 0, self.readers

    def SCardGetStatusChange(
        self, _context: int, wait_ms: int, known: list[tuple[str, int]]
    ) -> tuple[int, list[Any]]:
        return self._status(), [(name, 0x10, []) for name, _ in known]

    def _status(self) -> int:
        return 0 if self.running and self._born == self._service else SERVICE_STOPPED


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Windows:
    service, package = Windows(), ModuleType("smartcard")
    package.scard = service  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "smartcard", package)
    return service


@pytest.mark.parametrize("how", ["service", "readers"])
def test_the_polling_outlives_the_service_and_its_readers_and_begins_with_a_new_context(
    windows: Windows, how: str
) -> None:
    away: dict[str, tuple[Callable[[], Any], str]] = {
        "service": (windows.stop, "card_service"),
        "readers": (windows.readers.clear, "device_missing"),
    }
    go, reason = away[how]
    station = CardStation(Want.READ, backend=PcscBackend())
    station.until("ready")
    go()
    assert station.until(reason).condition is DeviceCondition.WAITING
    windows.running, windows.readers[:] = True, ["USB reader 1"]
    assert station.until("ready").label == "USB reader 1"
    assert windows.released[0] == 1, "the broken context is given back"
    station.stop()
