"""Files beside submissions on the real process: killed between file and row, each goes once, in order."""

import json
import signal
import sys

import pytest

from agent.demo.processes import eventually
from agent.demo.stage import Stage
from tests.acceptance.conftest import QUICK
from tests.acceptance.workload import Visit

VISIT = Visit("ZYF", 2)
PLAN = b"%PDF-1.4 invented plan\n%%EOF"
INVOICE = b"\x89PNG\r\n\x1a\n invented invoice"

POINTS = [
    "beside.before_take:2",
    "waiting.after_keep",
    "waiting.after_fulfil",
    "dispatch.after_answer:3",  # the file's answer is in hand, its settlement not begun
    "dispatch.after_commit:4",
    "transport.after_send:4",
]
pytestmark = [
    pytest.mark.kill,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of Unix; Windows has its own run"),
]


@pytest.fixture
def stage(tmp_path):
    """A file that inquiries did not find is sent once more: the platform itself refuses none twice."""
    stage = Stage(tmp_path / "stage", settings={**QUICK, "resend_unguarded": ["GYU002"]})
    yield stage
    stage.close()


def files():
    """A stay whose settlement names a plan, sent before it, and an invoice, sent after it."""
    admission, fees, (name, raw) = VISIT.files()
    settlement = json.loads(raw)
    settlement["data"]["datalist"][0]["filedata"] = [
        {"filetype": "02", "file": "@plan.pdf"},
        {"filetype": "01", "file": "@invoice.png", "fileno": "F-0001"},
    ]
    named = (name, json.dumps(settlement, ensure_ascii=False).encode())
    return [admission, fees, ("plan.pdf", PLAN), ("invoice.png", INVOICE), named]


def effects(stage):
    found = stage.admin("ledger?since=0&limit=5000")
    entries = found["entries"] if isinstance(found, dict) else found
    return [entry["transaction"] for entry in entries]


@pytest.mark.parametrize("point", [None, *POINTS], ids=str)
def test_files_go_once_and_in_order_wherever_the_agent_dies(stage, point):
    stage.start_platform("guards=off")
    for name, content in files():
        stage.drop(name, content)
    if point is not None:
        stage.start_agent(environment={"HIS_AGENT_CRASH_AT": point}, wait=False)
        assert stage.agent.wait(30) == -signal.SIGKILL, "the point was not reached"
    stage.start_agent()
    eventually(lambda: len(stage.final_results()) == 3, "the results are there", 40)
    assert effects(stage) == ["GYU101", "GYU102", "GYU102", "GYU002", "GYU103", "GYU002"]
    summary = stage.admin("ledger/summary")
    assert (summary["duplicates"], summary["reused_wire_ids"], summary["overlaps"]) == ({}, [], 0)
    assert {(one["id"], one["state"]) for one in stage.final_results().values()} == {
        (f"ZYF-{number}", "accepted") for number in (1, 2, 3)
    }
    archived = {path.name for path in (stage.data / "archive").rglob("*") if path.is_file()}
    assert {"plan.pdf", "invoice.png", "ZYF-3.json"} <= archived
    assert list(stage.inbox.glob(".taking/*")) == []


def test_a_file_that_the_platform_refuses_keeps_its_settlement_back(stage):
    stage.start_platform()
    stage.start_agent()
    admission, fees, (name, raw) = VISIT.files()
    for one in (admission, fees):
        stage.drop(*one)
    settlement = json.loads(raw)
    settlement["data"]["datalist"][0] |= {"filedata": [{"filetype": "02", "file": "@plan.pdf"}]}
    settlement["data"]["datalist"][0]["akc190"] = "ZY-NOBODY"
    stage.drop("plan.pdf", PLAN)
    stage.drop(name, json.dumps(settlement, ensure_ascii=False).encode())
    eventually(lambda: len(stage.final_results()) == 3, "the results are there", 40)
    (result,) = [one for one in stage.final_results().values() if one["id"] == "ZYF-3"]
    assert (result["state"], result["code"]) == ("rejected", "RE1008")
    assert [part["state"] for part in result["parts"]] == ["rejected", "cancelled"]
    assert "GYU103" not in effects(stage)
