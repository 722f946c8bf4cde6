"""What systemd is told: sd_notify(3) over the datagram socket that it names in the environment."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from typing import Final

from agent.clock import Clock
from agent.errors import ConfigurationError
from agent.logs import get_logger
from agent.service.manager import ServiceManager, Unmanaged

log = get_logger("agent.service")

BEATS_PER_TIMEOUT: Final = 4
"""sd_watchdog_enabled(3) advises twice per time-out at least."""


def manager_of(environment: Mapping[str, str], clock: Clock) -> ServiceManager:
    """The manager that started this process. Raises ConfigurationError for a socket or a time-out that
    cannot be: an agent that reports to nobody would be killed later, in the middle of its work."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return Unmanaged()
    if not address.startswith(("/", "@")):
        raise _unusable("NOTIFY_SOCKET")
    return Systemd(address, _watchdog_s(environment), clock)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """The time-out, if this process is the one that is watched."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    if not microseconds or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    if not microseconds.isdigit() or int(microseconds) == 0:
        raise _unusable("WATCHDOG_USEC")
    return int(microseconds) / 1_000_000


def _unusable(variable: str) -> ConfigurationError:
    return ConfigurationError(
        f"环境变量 {variable} 的值不可用",
        hint="这个变量由 systemd 设置；在别处运行时请去掉它",
        details={"variable": variable},
    )


class Systemd:
    """``watchdog_s`` is None when nobody watches. A message that cannot be delivered is logged: the
    service goes on working, and systemd judges its silence."""

    def __init__(self, address: str, watchdog_s: float | None, clock: Clock) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._every_s = None if watchdog_s is None else watchdog_s / BEATS_PER_TIMEOUT
        self._clock = clock
        self._beaten_at: float | None = None
        self._told_stopping = False

    def ready(self) -> None:
        self._tell("READY=1\nSTATUS=running")

    def alive(self) -> None:
        if self._every_s is None:
            return
        now = self._clock.monotonic()
        if self._beaten_at is None or now - self._beaten_at >= self._every_s:
            self._beaten_at = now
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        if not self._told_stopping:
            self._told_stopping = True
            self._tell("STOPPING=1\nSTATUS=draining what is in flight")

    def _tell(self, message: str) -> None:
        if sys.platform != "win32":
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                    sender.settimeout(1.0)
                    sender.connect(self._address)
                    sender.sendall(message.encode("ascii"))
            except OSError as error:
                log.warning("service manager not reached", errno=error.errno)
