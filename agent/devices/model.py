"""What scanners and card readers give, what comes back, and how they are."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from agent.errors import AgentError
from agent.events import Event


class DeviceError(AgentError):
    """A device cannot be used now; its code is the state's word, its message the state's sentence."""

    code = "device"
    retry = True


class DeviceMissing(DeviceError):
    code = "device_missing"


class DeviceBusy(DeviceError):
    """Held by another program."""

    code = "device_busy"


class DeviceDenied(DeviceError):
    """The operating system does not let this account use it."""

    code = "device_denied"


class DeviceAmbiguous(DeviceError):
    """Several devices fit what is configured: never guess which till one belongs to."""

    code = "device_ambiguous"


class DeviceGone(DeviceError):
    """It was there and no longer answers."""

    code = "device_gone"


class DeviceUnsupported(DeviceError):
    """The library for it is not installed, or this system has no such devices."""

    code = "device_unsupported"
    retry = False


class ScanVerdict(StrEnum):
    """What became of a scan or a card, for the person who holds the scanner."""

    TAKEN = "taken"
    DUPLICATE = "duplicate"
    WRONG_KIND = "wrong_kind"
    NOBODY_WAITS = "nobody_waits"
    """Kept nevertheless: what arrives unasked is never lost."""


Deliver: TypeAlias = Callable[[Event], ScanVerdict]
"""Returns when the event is durable; storing the same id again changes nothing."""


class DeviceCondition(StrEnum):
    IDLE = "idle"
    """Closed: nothing waits for it."""
    READY = "ready"
    WAITING = "waiting"
    """For something outside, and tries again by itself: unplugged, held by another program."""
    FAILED = "failed"
    """A person has to mend something."""


@dataclass(frozen=True, slots=True)
class DeviceState:
    """For the status. ``reason`` is a stable English word, ``sentence`` Chinese, ``label`` the port or
    reader; ``delivered`` and ``discarded`` count since the start."""

    condition: DeviceCondition
    reason: str
    sentence: str
    label: str = ""
    delivered: int = 0
    discarded: int = 0


IDLE: Final = DeviceState(DeviceCondition.IDLE, "idle", "未打开：没有等待扫码或读卡的业务")


def ignore_state(_state: DeviceState) -> None:
    """For a source whose changes nobody watches."""


def state_of(error: DeviceError, label: str = "") -> DeviceState:
    condition = DeviceCondition.WAITING if error.retry else DeviceCondition.FAILED
    return DeviceState(condition, error.code, str(error), label)


def not_stored(state: DeviceState) -> DeviceState:
    """The device works, but what it read cannot be stored."""
    sentence = "读到的内容还没有存下，正在重试；请看其他报警（磁盘、数据库）"
    return replace(state, condition=DeviceCondition.WAITING, reason="not_stored", sentence=sentence)


def new_event_id(now: datetime) -> str:
    """Sorts by time and never repeats: Beijing time in microseconds and random hex digits."""
    return f"{now.strftime('%Y%m%dT%H%M%S%f')}{secrets.token_hex(6)}d"
