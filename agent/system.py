"""One configured system, built: its adapter, its transport and its lanes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from agent.clock import Clock
from agent.config.model import SystemConfig
from agent.dispatch.dispatcher import Dispatcher
from agent.dispatch.exchange import Exchange
from agent.dispatch.skew import SkewWatch
from agent.dispatch.state import LaneSettings
from agent.errors import ConfigurationError
from agent.hookspecs import KeySource, Preparation, ProtocolAdapter, ProtocolSpec
from agent.lifetimes import Lifetimes
from agent.listening import Listener, ListenerSettings, Receiver
from agent.numbers import Numbers
from agent.outbox.base import Outbox
from agent.outbox.model import Settled
from agent.supervisor import Supervisor
from agent.transport.base import Transport, TransportSettings
from agent.transport.http import HttpTransport


@dataclass(frozen=True, slots=True)
class System:
    """What the daemon holds of one system."""

    config: SystemConfig
    protocol: ProtocolSpec
    adapter: ProtocolAdapter
    transport: Transport
    dispatcher: Dispatcher
    preparation: Preparation | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all systems share."""

    outbox: Outbox
    numbers: Numbers
    lifetimes: Lifetimes
    keys: KeySource
    clock: Clock
    stopping: threading.Event
    supervisor: Supervisor


def build_system(
    config: SystemConfig,
    protocol: ProtocolSpec,
    shared: Surroundings,
    settled: Callable[[Settled], None],
) -> System:
    """Raises ConfigurationError. Missing keys are no error here: lanes stop and say what they lack."""
    adapter = protocol.build(config.options, shared.keys)
    watch = SkewWatch(config.name)
    transport = HttpTransport(transport_settings(config), shared.clock)
    dispatcher = Dispatcher(
        system=config.name,
        settings=lane_settings(config),
        outbox=shared.outbox,
        exchange=Exchange(adapter, transport, shared.clock, shared.stopping, shared.outbox.content, watch),
        numbers=shared.numbers,
        lifetimes=shared.lifetimes,
        clock=shared.clock,
        stopping=shared.stopping,
        supervisor=shared.supervisor,
        settled=settled,
    )
    preparation = protocol.prepare(config.options) if protocol.prepare else None
    return System(config, protocol, adapter, transport, dispatcher, preparation)


def build_listener(
    system: System, shared: Surroundings, settled: Callable[[Settled], None]
) -> Listener | None:
    """None where nothing is configured. Raises ConfigurationError for a protocol that hears nothing."""
    config = system.config.listener
    if config is None:
        return None
    if system.protocol.hear is None:
        raise ConfigurationError(
            f"系统 {system.config.name} 没有主动通知，不能配置 listener",
            hint=f"请删除 [systems.{system.config.name}.listener]",
        )
    hearing = system.protocol.hear(system.adapter)
    receiver = Receiver(system.config.name, system.adapter, hearing, shared.outbox, shared.clock, settled)
    settings = ListenerSettings(
        host=config.host,
        port=config.port,
        path=config.path,
        peers=tuple(ip_network(peer, strict=False) for peer in config.peers),
        max_bytes=config.max_kb * 1024,
    )
    return Listener(settings, receiver.receive, shared.clock, shared.stopping)


def transport_settings(config: SystemConfig) -> TransportSettings:
    wire = config.transport
    return TransportSettings(
        connect_s=wire.connect_timeout_s,
        answer_s=wire.answer_timeout_s,
        verify_tls=wire.verify,
        ca_file=Path(wire.ca_file) if wire.ca_file else None,
        proxy=wire.proxy,
    )


def lane_settings(config: SystemConfig) -> LaneSettings:
    return LaneSettings(
        strict=config.order == "strict",
        parallel=config.parallel,
        probe_after=config.probe_after,
        backoff_cap_s=config.backoff_cap_s,
        negatives=config.negatives,
        negative_quiet_s=config.negative_quiet_s,
        answer_timeout_s=config.transport.answer_timeout_s,
        resend_unguarded=frozenset(config.resend_unguarded),
    )
