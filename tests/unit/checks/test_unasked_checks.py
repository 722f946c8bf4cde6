"""Checks of [unasked.<name>]: a transaction that takes no such scan is told before anybody scans."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from agent.checks import run_checks
from agent.clock import BEIJING, ManualClock
from agent.config import load
from agent.keys import KeyRing
from agent.keys_memory import MemoryKeyring
from agent.registry import Registry

CONFIG = """
[agent]
data = "data"
[systems.ministry]
url = "http://127.0.0.1:9/"
access_key = "510000001"
[scanners.gun]
station = "till-1"
[unasked.codes]
kind = "esscard"
system = "ministry"
transaction = "{transaction}"
"""


@pytest.mark.parametrize(("transaction", "told"), [("GYU010", []), ("GYD052", ["unasked.codes"])])
def test_a_transaction_that_takes_no_such_scan_is_an_error(
    tmp_path: Path, transaction: str, told: list[str]
) -> None:
    path = tmp_path / "his-agent.toml"
    path.write_text(CONFIG.format(transaction=transaction))
    registry = Registry()
    found = run_checks(
        load(path, registry.options),
        registry,
        KeyRing(backend=MemoryKeyring()),
        ManualClock(datetime(2026, 1, 6, tzinfo=BEIJING)),
    )
    assert [finding.subject for finding in found if finding.check == "unasked"] == told
