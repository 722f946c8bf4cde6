"""The same verbs on both systems: install, update, remove, start, stop, status."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from agent.errors import AgentError

NAME: Final = "his-agent"


class ServiceFailed(AgentError):
    """The operating system refused; ``details`` say which call and what it answered."""

    code = "service"


@dataclass(frozen=True, slots=True)
class Installation:
    """What a person decides when the service is installed. The rest is found out.

    ``scanners`` and ``cards`` open the devices of that kind. The other settings are Windows':
    ``account`` (``.\\name``, ``DOMAIN\\name``; empty: the service's own virtual account), its
    ``password``, and the local group of the accounts of the HIS. That of the operators is named by
    the configuration (``control.operators``).
    """

    config: Path
    scanners: bool = False
    cards: bool = False
    account: str = ""
    password: str = field(default="", repr=False)
    his_group: str = "his-agent-his"


@dataclass(frozen=True, slots=True)
class ServiceState:
    """``state``: ``absent``, ``stopped``, ``starting``, ``running``, ``stopping`` or ``failed``."""

    state: str
    details: dict[str, str] = field(default_factory=dict)


class ServiceHost(Protocol):
    """Every verb returns what it has done, in Chinese, a line a step. Raises ServiceFailed."""

    def install(self, wanted: Installation) -> list[str]: ...

    def update(self, wanted: Installation) -> list[str]:
        """As ``install`` for a service that is there; it is restarted if it was running. The account and
        the devices stay as they are where nothing else is wanted."""
        ...

    def remove(self) -> list[str]:
        """Data, configuration, keys and accounts stay."""
        ...

    def start(self) -> list[str]: ...

    def stop(self) -> list[str]:
        """Returns when the service has stopped."""
        ...

    def status(self) -> ServiceState: ...
