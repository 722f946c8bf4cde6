"""The process is killed at every point of a file's way, and started again: nothing lost, nothing twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.sources import taker
from tests.unit.sources.bench import files

COUNT = 5
NAMES = [f"{number}.json" for number in range(COUNT)]
POINTS = ["folder.before_claim", "folder.after_claim", "folder.before_archive", "folder.after_archive"]


def run(root: Path, crash_at: str) -> int:
    environment = {**os.environ, "HIS_AGENT_CRASH_AT": crash_at}
    command = [sys.executable, taker.__file__, str(root), str(root / "ledger")]
    return subprocess.run(command, env=environment, check=False, timeout=60).returncode


@pytest.mark.parametrize("nth", [1, 2, COUNT])
@pytest.mark.parametrize("point", POINTS)
def test_killed_process_loses_nothing_repeats_nothing_and_keeps_the_order(
    tmp_path: Path, point: str, nth: int
) -> None:
    (tmp_path / "in").mkdir()
    for name in NAMES:
        (tmp_path / "in" / name).write_text(name)
    assert run(tmp_path, f"{point}:{nth}") == -signal.SIGKILL
    assert run(tmp_path, "") == 0
    assert [line.split()[1] for line in (tmp_path / "ledger").read_text().splitlines()] == NAMES
    assert sorted(Path(name).name for name in files(tmp_path / "archive")) == NAMES
    assert files(tmp_path / "in") == []
    assert files(tmp_path / "rejected") == []
