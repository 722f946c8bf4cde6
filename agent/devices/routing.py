"""Where a code goes: to what waits for it at its station, else to a transaction, else to a file. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.devices.classify import Code
from agent.devices.model import ScanVerdict


class Goal(StrEnum):
    WAITING = "waiting"
    """The submission that waits at this station for ``Route.kind``."""
    TRANSACTION = "transaction"
    """A submission of its own: ``Route.system`` and ``Route.transaction``."""
    FILE = "file"
    """A file in ``scans/``."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a kind that nobody waits for becomes, as the station's configuration says: a transaction
    whose ``field`` takes the code's text, beside the fixed ``data`` that it needs."""

    system: str
    transaction: str
    field: str
    data: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """``verdict`` is what the person is told unless storing finds a duplicate."""

    goal: Goal
    kind: str
    verdict: ScanVerdict
    target: Target | None = None


def route(code: Code, waiting: Collection[str], targets: Mapping[str, Target]) -> Route:
    """``waiting``: kinds that submissions of the station wait for; ``targets``: the station's own.

    A code may fit several kinds: the first one that is waited for wins, then the first one that has
    a target.
    """
    for kind in code.kinds:
        if kind in waiting:
            return Route(Goal.WAITING, kind, ScanVerdict.TAKEN)
    for kind in code.kinds:
        if kind in targets:
            return Route(Goal.TRANSACTION, kind, ScanVerdict.TAKEN, targets[kind])
    verdict = ScanVerdict.WRONG_KIND if waiting else ScanVerdict.NOBODY_WAITS
    return Route(Goal.FILE, code.kind, verdict)
