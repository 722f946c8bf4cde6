"""One configured system, built: its adapter, its transport and its lanes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock
from agent.config.model import SystemConfig
from agent.dispatch.dispatcher import Dispatcher
from agent.dispatch.exchange import Exchange
from agent.dispatch.state import LaneSettings
from agent.hookspecs import KeySource, Preparation, ProtocolAdapter, ProtocolSpec
from agent.lifetimes import Lifetimes
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
    transport = HttpTransport(transport_settings(config), shared.clock)
    dispatcher = Dispatcher(
        system=config.name,
        settings=lane_settings(config),
        outbox=shared.outbox,
        exchange=Exchange(adapter, transport, shared.clock, shared.stopping, shared.outbox.content),
        numbers=shared.numbers,
        lifetimes=shared.lifetimes,
        clock=shared.clock,
        stopping=shared.stopping,
        supervisor=shared.supervisor,
        settled=settled,
    )
    preparation = protocol.prepare(config.options) if protocol.prepare else None
    return System(config, protocol, adapter, transport, dispatcher, preparation)


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
