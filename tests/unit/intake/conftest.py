"""An inbox for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.intake.inbox_bench import InboxBench


@pytest.fixture
def inbox_of(tmp_path: Path) -> Iterator[Callable[..., InboxBench]]:
    built: list[InboxBench] = []

    def build(*what: Any, **settings: Any) -> InboxBench:
        built.append(InboxBench(tmp_path, *what, **settings))
        return built[-1]

    yield build
    for one in built:
        one.close()


@pytest.fixture
def bench(inbox_of: Callable[..., InboxBench]) -> InboxBench:
    return inbox_of()
