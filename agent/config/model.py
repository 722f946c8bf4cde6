"""Configuration as frozen values: what a file says, completed by defaults and resolved to paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.config.device_model import DeviceConfig


@dataclass(frozen=True, slots=True)
class ControlConfig:
    """The local control endpoint: a Unix socket, on Windows the file that holds port and token, which the
    local group ``operators`` may read."""

    path: Path
    timeout_s: float = 10.0
    operators: str = ""


@dataclass(frozen=True, slots=True)
class LogConfig:
    """``console``: ``auto`` (when standard error is a terminal), ``always`` or ``never``."""

    file: Path
    level: str = "info"
    max_mb: int = 20
    keep: int = 10
    console: str = "auto"


@dataclass(frozen=True, slots=True)
class KeysConfig:
    """``allow_backends``: keyring backends (``module.Class``) to be trusted beside the known ones."""

    allow_backends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetentionConfig:
    """Days after which things go; 0 keeps them for ever. The audit trail is kept for 183 days at least."""

    archive_days: int = 90
    rejected_days: int = 90
    results_days: int = 7
    downloads_days: int = 30
    scans_days: int = 30
    messages_days: int = 180
    logs_days: int = 180
    audit_days: int = 1095


@dataclass(frozen=True, slots=True)
class TransportConfig:
    """How a system is reached. ``proxy`` is used only when given: environment proxies never are."""

    connect_timeout_s: float = 5.0
    answer_timeout_s: float = 30.0
    proxy: str = field(default="", repr=False)
    ca_file: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class ListenerConfig:
    """Where a system may call; ``peers`` are addresses or networks as ``ipaddress`` reads them."""

    host: str
    port: int
    path: str
    peers: tuple[str, ...]
    max_kb: int


@dataclass(frozen=True, slots=True)
class SystemConfig:
    """One system. ``options`` are its protocol's own, as ``ProtocolSpec.options`` declares them.

    ``order``: ``interactive`` lets interactive messages pass bulk ones, ``strict`` does not.
    ``parallel`` queries run beside a lane. ``negatives`` inquiries in a row, ``negative_quiet_s``
    apart, prove that an attempt never arrived. After ``probe_after`` failed tries the endpoint is
    probed. ``resend_unguarded`` names transactions that may be resent although the system has no
    rule against their repetition.
    """

    name: str
    options: Mapping[str, Any] = field(repr=False)
    transport: TransportConfig = field(default_factory=TransportConfig)
    listener: ListenerConfig | None = None
    order: str = "interactive"
    parallel: int = 1
    negatives: int = 2
    negative_quiet_s: float = 60.0
    probe_after: int = 8
    resend_unguarded: tuple[str, ...] = ()
    backoff_cap_s: float = 60.0


@dataclass(frozen=True, slots=True)
class FolderConfig:
    """One watched inbox. ``taking`` lies on its volume. ``marker`` (``.ok``) completes a file."""

    name: str
    system: str
    inbox: Path
    results: Path
    archive: Path
    rejected: Path
    taking: Path
    encoding: str = "auto"
    settle_ms: int = 500
    marker: str = ""
    max_file_mb: int = 50
    incomplete_after_s: float = 60.0
    result_format: str = "json"
    result_encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """Everything that a configuration file says. ``node`` is one of 0 … ``nodes`` - 1."""

    path: Path
    data: Path
    control: ControlConfig
    log: LogConfig
    node: int = 0
    nodes: int = 1
    answer_within_s: float = 20.0
    downloads: Path = Path("downloads")
    """Where downloads are left for the HIS; absolute once loaded."""
    scans: Path = Path("scans")
    """Where scans and cards are left that nobody waits for; absolute once loaded."""
    unread_after_h: float = 24.0
    keys: KeysConfig = field(default_factory=KeysConfig)
    retention: RetentionConfig = field(default_factory=RetentionConfig)
    devices: DeviceConfig = field(default_factory=DeviceConfig)
    systems: Mapping[str, SystemConfig] = field(default_factory=dict)
    folders: tuple[FolderConfig, ...] = ()
