"""Serves a rehearsal until interrupted, with the options that all protocols have in common.

=============== ==================================================================================
``port``        default per protocol; 0 takes a free one
``fault``       one switch as text, or a list of them (``agent.rehearsal.faults``)
``seed``        number for the faults' chances, default 0: the same run again
``ledger``      file that keeps ledger and state, so that a killed server knows what it did
``ready_file``  written once the server answers: ``{"url", "admin", "pid"}``
=============== ==================================================================================
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import jsontext
from agent.clock import Clock
from agent.errors import ConfigurationError
from agent.rehearsal.admin import PREFIX
from agent.rehearsal.exchange import Rehearsal
from agent.rehearsal.faults import Switch, parse_switch
from agent.rehearsal.server import RehearsalServer

COMMON_OPTIONS = frozenset({"port", "fault", "seed", "ledger", "ready_file"})


@dataclass(frozen=True, slots=True)
class Common:
    """The common options, read."""

    port: int
    faults: tuple[Switch, ...] = ()
    seed: int = 0
    ledger: Path | None = None
    ready_file: Path | None = None


def read_common(options: Mapping[str, Any], own: Sequence[str], default_port: int) -> Common:
    """Read the common options; ``own`` are the protocol's. Raises ConfigurationError for all others."""
    unknown = sorted(set(options) - COMMON_OPTIONS - set(own))
    if unknown:
        known = "、".join(sorted(COMMON_OPTIONS | set(own)))
        raise ConfigurationError(f"演练服务器不认识选项 {'、'.join(unknown)}", hint=f"可用：{known}")
    return Common(
        port=whole_option(options, "port", default_port, highest=65535),
        faults=tuple(parse_switch(text) for text in _texts(options.get("fault"))),
        seed=whole_option(options, "seed", 0),
        ledger=path_option(options, "ledger"),
        ready_file=path_option(options, "ready_file"),
    )


def whole_option(options: Mapping[str, Any], name: str, default: int, highest: int = 1_000_000_000) -> int:
    """A whole number from 0 to ``highest``, given as a number or a text. Raises ConfigurationError."""
    value = options.get(name)
    if value is None or value == "":
        return default
    text = str(value)
    if not (text.isascii() and text.isdigit()) or int(text) > highest:
        raise ConfigurationError(f"选项 {name} 应为 0 到 {highest} 的整数", hint=f"如 {name}={default}")
    return int(text)


def choice_option(options: Mapping[str, Any], name: str, among: tuple[str, ...]) -> str:
    """One of ``among``, the first by default. Raises ConfigurationError."""
    value = str(options.get(name) or "") or among[0]
    if value not in among:
        raise ConfigurationError(f"选项 {name} 不能是 {value}", hint=f"可选：{'、'.join(among)}")
    return value


def path_option(options: Mapping[str, Any], name: str) -> Path | None:
    value = options.get(name)
    return Path(str(value)) if value else None


def serve_until_interrupted(
    rehearsal: Rehearsal, common: Common, clock: Clock, announce: Callable[[str], None]
) -> None:
    """Serve until Ctrl-C or the end of the process is asked for; ``announce`` gets the server's address."""
    server = RehearsalServer(rehearsal, common.port, clock=clock)
    rehearsal.stopping = server.stopping
    try:
        with _interruption() as interrupted, server:
            announce(server.url)
            if common.ready_file is not None:
                _write_ready(common.ready_file, server.url)
            while not clock.wait(interrupted, 0.5):  # Windows cannot interrupt a wait without an end
                pass
    finally:
        rehearsal.ledger.close()


@contextmanager
def _interruption() -> Iterator[threading.Event]:
    """An event that SIGINT, SIGTERM and Windows' SIGBREAK set; signals belong to the main thread only."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    before = {number: signal.signal(number, lambda *_: interrupted.set()) for number in numbers}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write_ready(path: Path, url: str) -> None:
    content = jsontext.write({"url": url, "admin": url + PREFIX, "pid": os.getpid()})
    aside = path.with_name(path.name + ".tmp")
    aside.write_text(content, encoding="utf-8")
    aside.replace(path)


def _texts(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) else [str(item) for item in value]
