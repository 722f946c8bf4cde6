"""Scanners, card readers and codes as frozen values; ``agent.devices.building`` makes them work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ScannerConfig:
    """One scanner. ``replies`` are bytes by verdict (taken, duplicate, wrong_kind, nobody_waits)."""

    name: str
    station: str
    kind: str = "serial"
    open: str = "while_waiting"
    port: str = ""
    usb: str = ""
    serial_number: str = ""
    interface: int = -1
    baud: int = 9600
    data_bits: int = 8
    parity: str = "N"
    stop_bits: int = 1
    flow: str = "none"
    gap_ms: int = 0
    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    gs_key: str = ""
    replies: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReaderConfig:
    """One card reader; ``driver`` is the command of the vendor library's helper."""

    name: str
    station: str
    kind: str = "pcsc"
    open: str = "while_waiting"
    reader: str = ""
    driver: tuple[str, ...] = ()
    card_type: int = 1
    hold_s: float = 60.0


@dataclass(frozen=True, slots=True)
class UnaskedConfig:
    """What becomes of a scan or a card of ``kind`` that nobody waits for: a ``transaction`` of ``system``
    with the fixed fields ``data``. ``station`` "" means all."""

    name: str
    kind: str
    system: str
    transaction: str
    station: str = ""
    data: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """``codes`` are rows for ``rules_from``, ``usb`` rows for ``KnownDevices``, in the file's order."""

    scanners: tuple[ScannerConfig, ...] = ()
    readers: tuple[ReaderConfig, ...] = ()
    codes: tuple[Mapping[str, object], ...] = ()
    usb: tuple[Mapping[str, object], ...] = ()
    unasked: tuple[UnaskedConfig, ...] = ()
