"""The outbox without a daemon: this process takes the database's lock and acts on it itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.cli.session import Session, key_ring
from agent.control.client import error_code
from agent.control.outbox_handlers import OutboxHandlers
from agent.control.resolving import resolved_by
from agent.control.trace_handlers import TraceHandlers
from agent.control.verbs import complete
from agent.errors import ControlError, StoreError

if TYPE_CHECKING:
    from agent.config import AgentConfig
    from agent.events import JsonObject
    from agent.hookspecs import ProtocolAdapter
    from agent.outbox.base import Outbox

_DATABASE: Final = "outbox.db"


def call(session: Session, verb: str, args: JsonObject) -> JsonObject:
    """Ask the daemon, or do it here when none runs. Raises ControlError, StoreError, ConfigurationError."""
    config = session.load()
    try:
        return session.client(config).call(verb, args)
    except ControlError as error:
        if error_code(error) != "not_running":
            raise
    return _here(config, verb, args)


def _here(config: AgentConfig, verb: str, args: JsonObject) -> JsonObject:
    if not database(config).exists():
        raise StoreError(
            f"还没有数据库 {database(config)}", hint="请先运行 his-agent run；或用 --config 指明另一份配置"
        )
    with opened_outbox(config) as outbox:
        handlers = _handlers(config, outbox)
        return handlers[verb](complete(verb, args))


def _handlers(config: AgentConfig, outbox: Outbox) -> Mapping[str, Callable[[JsonObject], JsonObject]]:
    from threading import Event

    from agent.clock import SystemClock
    from agent.records import RecordHandlers

    clock, adapter_of = SystemClock(), _adapters(config)
    records = RecordHandlers(config, outbox, key_ring(config), clock, Event())
    acts = OutboxHandlers(outbox, clock, lambda: None, resolved_by(adapter_of))
    traces = TraceHandlers(outbox, adapter_of, tuple(config.systems), clock)
    return {**acts.handlers(), **records.handlers(), **traces.handlers()}


def _adapters(config: AgentConfig) -> Callable[[str], ProtocolAdapter | None]:
    """Builds a system's adapter when a decision needs it; None for one that is not configured."""

    def adapter_of(name: str) -> ProtocolAdapter | None:
        from agent.registry import Registry

        system = config.systems.get(name)
        return Registry().protocol(name).build(system.options, key_ring(config)) if system else None

    return adapter_of


@contextmanager
def opened_outbox(config: AgentConfig) -> Iterator[Outbox]:
    """The database under this process's lock. Raises StoreLocked, StoreDamaged, KeyMissing …"""
    from agent.clock import SystemClock
    from agent.opening import open_outbox

    outbox: Outbox = open_outbox(
        database(config),
        keys=key_ring(config),
        clock=SystemClock(),
        answer_within_s=config.answer_within_s,
    )
    try:
        yield outbox
    finally:
        outbox.close()


def database(config: AgentConfig) -> Path:
    return config.data / _DATABASE
