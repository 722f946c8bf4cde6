"""From configuration to working sources: one list of what is chosen by which setting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal, cast

from agent.clock import Clock
from agent.config.device_model import DeviceConfig, ReaderConfig, ScannerConfig
from agent.devices.cards.driver import DriverBackend
from agent.devices.cards.model import CardBackend, Conclusion
from agent.devices.cards.pcsc import PcscBackend
from agent.devices.cards.source import CardSettings, CardSource, Want
from agent.devices.classify import CodeTable, rules_from
from agent.devices.discovery import ListPorts, PortChoice, PortFinder, system_ports
from agent.devices.evdev_link import KeyboardChoice, open_keyboard
from agent.devices.framing import FramingRules
from agent.devices.hid_link import HidChoice, open_hid
from agent.devices.keymap import FUNCTION_KEYS
from agent.devices.known import KnownDevices, UsbId, parse_usb_id
from agent.devices.model import Deliver, DeviceState, ScanVerdict, ignore_state
from agent.devices.scanner import ScannerLink, ScannerSettings, ScannerSource
from agent.devices.serial_link import LineSettings, open_serial
from agent.devices.text import GS
from agent.helpers.client import HelperProcess
from agent.helpers.process import HelperSettings

_ALWAYS = "always"


def code_tables(config: DeviceConfig) -> dict[str, CodeTable]:
    """The table by which each scanner's codes are classified. Raises ConfigurationError."""
    rules = rules_from(config.codes)
    return {scanner.name: CodeTable(rules, scanner.prefixes, scanner.suffixes) for scanner in config.scanners}


def build_scanner(
    config: ScannerConfig,
    devices: DeviceConfig,
    deliver: Deliver,
    clock: Clock,
    stopping: threading.Event,
    changed: Callable[[DeviceState], None] = ignore_state,
    list_ports: ListPorts = system_ports,
) -> ScannerSource:
    """A scanner source, not yet running. Nothing is opened, and no optional library imported."""
    settings = ScannerSettings(
        config.name,
        config.station,
        config.open == _ALWAYS,
        {ScanVerdict(verdict): data for verdict, data in config.replies.items()},
    )
    return ScannerSource(
        settings, opener(config, devices, clock, list_ports), deliver, clock, stopping, changed
    )


def opener(
    config: ScannerConfig, devices: DeviceConfig, clock: Clock, list_ports: ListPorts = system_ports
) -> Callable[[], ScannerLink]:
    """Opens the scanner that is configured; see the links for what they raise."""
    usb = parse_usb_id(config.usb) if config.usb else None
    if config.kind == "hid-pos":
        return lambda: open_hid(HidChoice(usb, config.serial_number))
    if config.kind == "keyboard":
        return lambda: open_keyboard(_keyboard(config, usb), clock)
    finder = port_finder(config, devices, list_ports)
    return lambda: open_serial(finder, _line(config), clock)


def port_finder(
    config: ScannerConfig, devices: DeviceConfig, list_ports: ListPorts = system_ports
) -> PortFinder:
    """Finds the port of a serial scanner."""
    interface = config.interface if config.interface >= 0 else None
    usb = parse_usb_id(config.usb) if config.usb else None
    choice = PortChoice(config.port, usb, config.serial_number, interface)
    return PortFinder(choice, KnownDevices(devices.usb), list_ports)


def build_reader(
    config: ReaderConfig,
    deliver: Deliver,
    conclude: Callable[[Conclusion], None],
    clock: Clock,
    stopping: threading.Event,
    changed: Callable[[DeviceState], None] = ignore_state,
) -> CardSource:
    """A card source, not yet running."""
    always = Want.READ if config.open == _ALWAYS else Want.NOTHING
    settings = CardSettings(config.name, config.station, always, config.hold_s)
    return CardSource(settings, _backend(config, clock), deliver, conclude, clock, stopping, changed)


def _backend(config: ReaderConfig, clock: Clock) -> CardBackend:
    if config.kind == "driver":
        helper = HelperProcess(HelperSettings(config.name, config.driver), clock)
        return DriverBackend(helper, clock, config.card_type)
    return PcscBackend(config.reader)


def _line(config: ScannerConfig) -> LineSettings:
    """The schema has checked the values."""
    return LineSettings(
        baud=config.baud,
        data_bits=cast(Literal[7, 8], config.data_bits),
        parity=cast(Literal["N", "E", "O"], config.parity),
        stop_bits=cast(Literal[1, 2], config.stop_bits),
        flow=cast(Literal["none", "rtscts", "xonxoff"], config.flow),
        framing=_framing(config),
    )


def _framing(config: ScannerConfig) -> FramingRules:
    return FramingRules(gap_s=config.gap_ms / 1000 if config.gap_ms else None)


def _keyboard(config: ScannerConfig, usb: UsbId | None) -> KeyboardChoice:
    special = {FUNCTION_KEYS[config.gs_key]: GS} if config.gs_key else {}
    return KeyboardChoice(config.port, usb, _framing(config), special)
