"""What every transaction works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.jiangxi.simulator.seed import Institution
from plugins.jiangxi.simulator.state import Amounts, World


@dataclass(frozen=True, slots=True)
class Manners:
    """Where the document leaves two readings. ``guarded``: a second settlement, discharge or admission
    is refused. ``numbers_as_text``: amounts in answers are texts."""

    guarded: bool = True
    numbers_as_text: bool = True


@dataclass(frozen=True, slots=True)
class Context:
    caller: Institution
    now: datetime
    world: World = field(repr=False)
    manners: Manners = field(default_factory=Manners)

    @property
    def today(self) -> str:
        return f"{self.now:%Y%m%d}"

    @property
    def moment(self) -> str:
        return f"{self.now:%Y%m%d%H%M%S}"


@dataclass(frozen=True, slots=True)
class Reply:
    """``output`` without flag and aae013; ``about`` is what an inquiry asked for (akc190, alc005)."""

    output: JsonObject = field(default_factory=dict, repr=False)
    effects: tuple[Effect, ...] = ()
    about: str = ""


Transaction = Callable[[Context, JsonObject], Reply]


def told(amounts: Amounts) -> JsonObject:
    """The four amounts of FY001, FY004, FY005, KF001 and KF002."""
    return {
        "allowFee": amounts.allow,
        "selfFee": amounts.own,
        "quotaFee": amounts.quota,
        "totalFee": amounts.total,
    }


def listed(amounts: Amounts) -> JsonObject:
    """The same amounts as CX001 and CX002 call them."""
    return {
        "akc268": amounts.quota,
        "cka319": amounts.allow,
        "ake051": amounts.own,
        "akc264": amounts.total,
    }


def written(value: Any, manners: Manners) -> Any:
    """Amounts with both decimals, as text or number; everything below."""
    if isinstance(value, dict):
        return {key: written(child, manners) for key, child in value.items()}
    if isinstance(value, list):
        return [written(child, manners) for child in value]
    if isinstance(value, Decimal):
        return f"{value:.2f}" if manners.numbers_as_text else value
    return value
