"""What the service does between its start and its stop, without a word to Windows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from pathlib import Path

from agent import logs
from agent.clock import SystemClock
from agent.config import load
from agent.glances import glance_at
from agent.keys import KeyRing
from agent.registry import Registry
from agent.service.manager import ServiceManager
from agent.service.shares import Connect, ShareKeeper

log = logs.get_logger("winservice")


def run(
    path: Path,
    manager: ServiceManager,
    asked_to_stop: threading.Event,
    *,
    handlers: Iterable[logging.Handler] = (),
    connect: Connect | None = None,
) -> None:
    """The daemon with the configuration at ``path``, until ``asked_to_stop`` is set, also before it has
    started. ``handlers`` get the log's lines too, ``connect`` opens shares. Raises what ``daemon.run``
    does: a service that swallowed it would look well and never be restarted.
    """
    registry = Registry()
    config = load(path, registry.options)
    clock = SystemClock()
    glances = glance_at((folder.inbox for folder in config.folders), clock)
    ring = KeyRing(allow=config.keys.allow_backends, devices=registry.open_hardware_key)
    logs.configure(config.log, also=handlers)

    from agent.daemon import Daemon, serve  # after logs, as the command line does

    try:
        daemon = Daemon(config, registry, ring, clock, manager, glances)
        daemon.asked_to_stop = asked_to_stop
        keeper = ShareKeeper.of(config, ring, daemon.clock, daemon.stopping, connect)
        if keeper is not None:
            keeper.connect_all()
            daemon.supervisor.run("shares", keeper.run, keeper.wakeup)
        with logs.strays_caught():
            serve(daemon)
    except Exception:
        log.exception("service ended by an error")
        raise
    finally:
        logs.close()
