"""Medians, percentiles and what is to be reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Target:
    """``at_least`` or at most ``bound``."""

    name: str
    measured: float
    bound: float
    unit: str = ""
    at_least: bool = False

    @property
    def reached(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that ``part`` (0 … 1) of all values do not exceed."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def middle(values: Sequence[float]) -> float:
    return median(values)


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median of the rounds' ratios: both sides of each were measured one after the other."""
    return median([over / under for over, under in zip(numerators, denominators, strict=True)])
