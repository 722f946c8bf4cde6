"""Fault switches: what goes wrong, how often, for which transactions.

A switch is written ``name=key:value,…`` on the command line and as a JSON object on the admin
surface, with the same keys:

=============== ======================================================================
``every:N``      strikes every Nth matching request
``p:X``          strikes with probability X, drawn from the seeded generator of the switch
``on:A+B``       only the transactions A and B; all of them without it
``skip:N``       spares the first N matching requests
``times:N``      strikes N times, then no more
``seconds:S``    how long ``delay``, ``delay_after`` and ``drip`` take (default 1)
``negatives:N``  how many negative inquiries ``park`` answers before it commits (default 1)
=============== ======================================================================

Without ``every`` and ``p`` a switch strikes every matching request. Of several decisive faults due
for one request the first wins; the others stay due for the next matching one.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from agent.errors import ConfigurationError
from agent.events import JsonObject

_HINT = "写法如 drop_after=every:7,on:GYU102 或 delay=p:0.1,seconds:0.2"


class Moment(StrEnum):
    """When a fault acts. All but the two pauses are decisive: only one of them strikes a request."""

    PAUSE_BEFORE = "pause_before"
    PAUSE_AFTER = "pause_after"
    INSTEAD = "instead"
    """The request is not processed."""
    PARK = "park"
    AFTER = "after"
    """The request is processed, its answer is not what it should be."""


PAUSES: Final = (Moment.PAUSE_BEFORE, Moment.PAUSE_AFTER)


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A fault that can be switched on; ``about`` is Chinese, for the index of the admin surface."""

    name: str
    moment: Moment
    about: str


COMMON: Final = (
    FaultKind("delay", Moment.PAUSE_BEFORE, "先等待，再处理"),
    FaultKind("delay_after", Moment.PAUSE_AFTER, "处理完成后等待，再应答"),
    FaultKind("drop_before", Moment.INSTEAD, "不处理，直接断开连接"),
    FaultKind("drop_after", Moment.AFTER, "处理完成后不应答，直接断开连接"),
    FaultKind("reset_after", Moment.AFTER, "处理完成后不应答，重置连接"),
    FaultKind("park", Moment.PARK, "断开连接并搁置，查询答复“没有”之后才生效"),
    FaultKind("http500_before", Moment.INSTEAD, "不处理，返回 HTTP 500"),
    FaultKind("http500_after", Moment.AFTER, "处理完成后返回 HTTP 500"),
    FaultKind("other_answer", Moment.AFTER, "处理完成后返回另一个请求的应答"),
    FaultKind("truncated", Moment.AFTER, "处理完成后应答正文只发一半"),
    FaultKind("drip", Moment.AFTER, "处理完成后应答正文缓慢发出"),
    FaultKind("hang_up", Moment.AFTER, "应答完整，随后不打招呼断开连接"),
)
"""The faults that need no knowledge of a protocol."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A fault that is switched on. The fields are those of the table above."""

    name: str
    every: int = 0
    p: float = 0.0
    on: tuple[str, ...] = ()
    skip: int = 0
    times: int = 0
    seconds: float = 1.0
    negatives: int = 1

    def as_json(self) -> JsonObject:
        return {
            "name": self.name,
            "every": self.every,
            "p": self.p,
            "on": list(self.on),
            "skip": self.skip,
            "times": self.times,
            "seconds": self.seconds,
            "negatives": self.negatives,
        }


@dataclass(frozen=True, slots=True)
class Strike:
    """What befalls one request."""

    pause_before: float = 0.0
    pause_after: float = 0.0
    decisive: Switch | None = None
    moment: Moment | None = None
    names: tuple[str, ...] = ()


def parse_switch(text: str) -> Switch:
    """A switch from ``name=key:value,…``. Raises ConfigurationError."""
    name, _, rest = text.partition("=")
    settings: dict[str, Any] = {"name": name.strip()}
    for part in filter(None, (part.strip() for part in rest.split(","))):
        key, colon, value = part.partition(":")
        if not colon:
            raise _refused(f"故障开关 {text!r} 中的 {part!r} 缺少冒号")
        settings[key] = value.split("+") if key == "on" else value
    return read_switch(settings)


def read_switch(settings: Mapping[str, Any]) -> Switch:
    """A switch from its JSON object; numbers may be texts. Raises ConfigurationError."""
    unknown = sorted(set(settings) - set(_READERS))
    if unknown:
        raise _refused(f"故障开关不认识的参数 {'、'.join(unknown)}")
    name = settings.get("name", "")
    if not isinstance(name, str) or not name:
        raise _refused("故障开关缺少名称")
    values = {key: _READERS[key](key, value) for key, value in settings.items()}
    return Switch(**values)


def _text(_: str, value: Any) -> str:
    return str(value)


def _transactions(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise _refused(f"故障开关参数 {key} 应为交易编号列表")
    return tuple(value)


def _number(kind: type[int] | type[float], low: float, high: float) -> Callable[[str, Any], Any]:
    def read(key: str, value: Any) -> Any:
        try:
            number = kind(value)
        except (TypeError, ValueError):
            raise _refused(f"故障开关参数 {key} 不是数字：{value!r}") from None
        if not low <= number <= high:
            raise _refused(f"故障开关参数 {key} 应在 {low} 到 {high} 之间")
        return number

    return read


_READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "name": _text,
    "every": _number(int, 0, 1_000_000_000),
    "p": _number(float, 0, 1),
    "on": _transactions,
    "skip": _number(int, 0, 1_000_000_000),
    "times": _number(int, 0, 1_000_000_000),
    "seconds": _number(float, 0, 86_400),
    "negatives": _number(int, 1, 1_000),
}


class _Live:
    """A switch and its counters."""

    def __init__(self, switch: Switch, moment: Moment, seed: str) -> None:
        self.switch = switch
        self.moment = moment
        self.seen = 0
        self.fired = 0
        self._due = False
        self._chance = random.Random(seed)  # noqa: S311 a rehearsal must be repeatable, not secret

    def notice(self, transaction: str) -> bool:
        """Count a request; whether the fault is due for it."""
        switch = self.switch
        if switch.on and transaction not in switch.on:
            return False
        self.seen += 1
        if self.seen <= switch.skip or (switch.times and self.fired >= switch.times):
            return False
        if switch.p:
            self._due |= self._chance.random() < switch.p
        if switch.every:
            self._due |= (self.seen - switch.skip) % switch.every == 0
        return self._due or not (switch.p or switch.every)

    def fire(self) -> None:
        self.fired += 1
        self._due = False


class FaultBoard:
    """The switches of one server. Safe to use from several threads; the seed makes runs repeatable."""

    def __init__(self, kinds: Iterable[FaultKind], switches: Iterable[Switch] = (), seed: int = 0) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._seed = seed
        self._lock = threading.Lock()
        self._live: list[_Live] = []
        self.replace(switches)

    @property
    def kinds(self) -> Sequence[FaultKind]:
        return tuple(self._kinds.values())

    def replace(self, switches: Iterable[Switch]) -> None:
        """Switch exactly these on, with fresh counters. Raises ConfigurationError for an unknown fault."""
        live = [self._enliven(switch, number) for number, switch in enumerate(switches)]
        with self._lock:
            self._live = live

    def add(self, switches: Iterable[Switch]) -> None:
        """Switch these on beside the others. Raises ConfigurationError for an unknown fault."""
        with self._lock:
            start = len(self._live)
            self._live += [self._enliven(switch, start + n) for n, switch in enumerate(switches)]

    def strike(self, transaction: str, impossible: frozenset[str] = frozenset()) -> Strike:
        """What befalls this request. Faults in ``impossible`` cannot befall it and stay due."""
        with self._lock:
            due = [live for live in self._live if live.notice(transaction)]
            due = [live for live in due if live.switch.name not in impossible]
            decisive = next((live for live in due if live.moment not in PAUSES), None)
            struck = [live for live in due if live.moment in PAUSES or live is decisive]
            for live in struck:
                live.fire()
        return Strike(
            pause_before=sum(live.switch.seconds for live in struck if live.moment is Moment.PAUSE_BEFORE),
            pause_after=sum(live.switch.seconds for live in struck if live.moment is Moment.PAUSE_AFTER),
            decisive=decisive.switch if decisive else None,
            moment=decisive.moment if decisive else None,
            names=tuple(live.switch.name for live in struck),
        )

    def as_json(self) -> list[JsonObject]:
        """The switches with ``seen`` (matching requests) and ``fired``."""
        with self._lock:
            return [{**live.switch.as_json(), "seen": live.seen, "fired": live.fired} for live in self._live]

    def _enliven(self, switch: Switch, number: int) -> _Live:
        kind = self._kinds.get(switch.name)
        if kind is None:
            raise _refused(f"没有名为 {switch.name} 的故障，可选：{'、'.join(self._kinds)}")
        return _Live(switch, kind.moment, f"{self._seed}/{number}/{switch.name}")


def _refused(message: str) -> ConfigurationError:
    return ConfigurationError(message, hint=_HINT)
