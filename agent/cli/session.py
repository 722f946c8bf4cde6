"""What the options common to all commands say, and what commands build from it on demand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.config import AgentConfig
    from agent.control import ControlClient
    from agent.hookspecs import HardwareKey
    from agent.keys import KeyRing
    from agent.registry import Registry


@dataclass(slots=True)
class Session:
    """One run of the command line. ``config`` is None when ``--config`` was not given."""

    config: Path | None = None
    json: bool = False

    def path(self) -> Path:
        """The configuration file: ``--config``, else ``HIS_AGENT_CONFIG``, else the default place."""
        from agent.config import ENVIRONMENT, default_path

        named = os.environ.get(ENVIRONMENT)
        return self.config or (Path(named) if named else default_path())

    def load(self, registry: Registry | None = None) -> AgentConfig:
        """The configuration; with a registry the systems' options are checked too.
        Raises ConfigurationError."""
        from agent.config import load

        return load(self.path(), registry.options if registry else None)

    def client(self, config: AgentConfig | None = None) -> ControlClient:
        """Raises ConfigurationError."""
        from agent.control import ControlClient, endpoint_at

        control = (config or self.load()).control
        return ControlClient(endpoint_at(control.path), timeout_s=control.timeout_s)


def key_ring(config: AgentConfig) -> KeyRing:
    """The keyring of the account that runs this command. Plugins are looked at only for a key in a device."""
    from agent.keys import KeyRing

    return KeyRing(allow=config.keys.allow_backends, devices=_open_device)


def _open_device(reference: str) -> HardwareKey:
    from agent.registry import Registry

    return Registry().open_hardware_key(reference)
