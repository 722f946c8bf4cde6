"""The outbox without a daemon: this process takes the database's lock and acts on it itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.cli.session import Session, key_ring
from agent.control.client import error_code
from agent.control.outbox_handlers import OutboxHandlers
from agent.control.verbs import complete
from agent.errors import ControlError, StoreError

if TYPE_CHECKING:
    from agent.config import AgentConfig
    from agent.events import JsonObject
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
    from agent.clock import SystemClock

    if not database(config).exists():
        raise StoreError(
            f"还没有数据库 {database(config)}", hint="请先运行 his-agent run；或用 --config 指明另一份配置"
        )
    with opened_outbox(config) as outbox:
        handlers = OutboxHandlers(outbox, SystemClock(), lambda: None).handlers()
        return handlers[verb](complete(verb, args))


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
