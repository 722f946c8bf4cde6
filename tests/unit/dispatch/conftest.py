"""Benches for lanes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.dispatch.lane_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    built = Bench(tmp_path)
    yield built
    built.close()


@pytest.fixture
def bench_of(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """A bench with other settings."""
    built: list[Bench] = []

    def build(**how: Any) -> Bench:
        built.append(Bench(tmp_path, **how))
        return built[-1]

    yield build
    for one in built:
        one.close()
