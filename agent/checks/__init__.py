"""``his-agent check``: what is wrong with an installation, and what to do about each finding.

Checks look and report; none of them changes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from agent.checks.folders import check_folders, check_scans
from agent.checks.keys import check_audit_key, check_certificates, check_keys, check_sm2
from agent.checks.machine import check_clock, check_disk
from agent.checks.model import Finding, Level, worst
from agent.config.device_model import DeviceConfig
from agent.key_material import key_uses

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.config.model import AgentConfig
    from agent.hookspecs import ProtocolSpec
    from agent.keys import KeyRing
    from agent.registry import Registry

__all__ = ["Finding", "Level", "run_checks", "worst"]


def run_checks(config: AgentConfig, registry: Registry, ring: KeyRing, clock: Clock) -> list[Finding]:
    """Everything that can be told without opening the database or talking to a platform.

    The daemon adds what it knows of its lanes, the command line whether the database opens.
    """
    protocols = registry.require(config.systems)
    uses = {
        use.name: use
        for name, protocol in protocols.items()
        for use in key_uses(protocol, config.systems[name].options)
    }
    return [
        *check_clock(clock),
        *check_disk(config.data),
        *check_folders(config),
        *check_scans(config, clock.now()),
        *check_keys(ring, uses.values()),
        *check_certificates(ring, uses.values(), clock.now()),
        *check_audit_key(ring),
        *check_sm2(),
        *_devices(config),
        *_unasked(config, protocols, ring, clock),
    ]


def _unasked(
    config: AgentConfig, protocols: Mapping[str, ProtocolSpec], ring: KeyRing, clock: Clock
) -> Iterable[Finding]:
    asked = [one for one in config.devices.unasked if one.system in protocols]
    if not asked:
        return ()
    from agent.checks.unasked import check_unasked

    systems = {one.system for one in asked}
    adapters = {name: protocols[name].build(config.systems[name].options, ring) for name in systems}
    return check_unasked(asked, adapters, clock.now())


def _devices(config: AgentConfig) -> Iterable[Finding]:
    """Imported only where devices are configured: every start of the agent imports this module."""
    if config.devices == DeviceConfig():
        return ()
    from agent.checks.devices import check_devices

    return check_devices(config.devices)
