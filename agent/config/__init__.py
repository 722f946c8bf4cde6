"""Configuration: one TOML file, declared once in ``schema``, read once at start, frozen ever after."""

from agent.config.load import ENVIRONMENT, default_path, load
from agent.config.model import (
    AgentConfig,
    ControlConfig,
    FolderConfig,
    KeysConfig,
    LogConfig,
    SystemConfig,
    TransportConfig,
)

__all__ = [
    "ENVIRONMENT",
    "AgentConfig",
    "ControlConfig",
    "FolderConfig",
    "KeysConfig",
    "LogConfig",
    "SystemConfig",
    "TransportConfig",
    "default_path",
    "load",
]
