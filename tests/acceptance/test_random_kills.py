"""A thousand kills at random moments, under a stream of visits and lost answers (``make kill-long``).

``HIS_AGENT_KILLS`` sets how many; the seed is printed, so that a failing run can be repeated.
"""

import os
import random
import signal
import sys
import time

import pytest

from agent.demo.stage import Stage, eventually
from agent.rehearsal.people import invented_identity
from tests.acceptance.conftest import QUICK
from tests.acceptance.workload import Visit, check_ledger

KILLS = int(os.environ.get("HIS_AGENT_KILLS", "1000"))
SEED = int(os.environ.get("HIS_AGENT_KILL_SEED", "20260105"))
FAULTS = ("drop_after=p:0.05", "drop_before=p:0.02", "http500_after=p:0.02", "park=p:0.01", "RE1173=p:0.02")

pytestmark = [
    pytest.mark.long,
    pytest.mark.kill,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of Unix"),
]


def visit(number: int) -> Visit:
    person = invented_identity(number)
    return Visit(f"RK{number:06d}", 1 + number % 4, {"aac002": person.aac002, "aac003": person.aac003})


def test_random_kills_lose_double_and_reorder_nothing(tmp_path, capsys):
    chance = random.Random(SEED)
    stage = Stage(tmp_path / "stage", settings=QUICK)
    try:
        kills = play(stage, chance)
        stage.start_agent()
        visits = [visit(number) for number in range(KILLS)]
        results = stage.wait_for_results(3 * KILLS, 600)
        stage.stop_agent()
        report(stage, kills, results, capsys)
        assert kills == KILLS
        assert sorted(result["id"] for result in results.values()) == sorted(
            f"{one.stay}-{part}" for one in visits for part in (1, 2, 3)
        )
        assert {result["state"] for result in results.values()} == {"accepted"}
        check_ledger(stage, visits)
    finally:
        stage.close()


def play(stage, chance):
    """For each kill: a visit is dropped, file by file, and the agent dies at a random moment."""
    kills = 0
    stage.start_platform("guards=off", f"crowd={KILLS}", f"seed={SEED}", *(f"fault={f}" for f in FAULTS))
    for number in range(KILLS):
        stage.start_agent(wait=False)
        for name, content in visit(number).files():
            stage.drop(name, content)
        lifetime = time.monotonic() + chance.uniform(0.2, 1.6)
        eventually(lambda end=lifetime: time.monotonic() >= end, "the moment of the kill")
        stage.agent.kill()
        assert stage.agent.wait() == -signal.SIGKILL
        kills += 1
    return kills


def report(stage, kills, results, capsys):
    summary = stage.admin("ledger/summary")
    inquired = sum(result["settled_by"] == "inquiry" for result in results.values())
    with capsys.disabled():
        print(
            f"\n{kills} kills (seed {SEED}): {len(results)} submissions, each answered once;"
            f" {inquired} settled by inquiry; calls {summary['calls']};"
            f" rows twice {len(summary['duplicates'])}; wire ids twice {len(summary['reused_wire_ids'])};"
            f" calls of a lane side by side {summary['overlaps']}"
        )
