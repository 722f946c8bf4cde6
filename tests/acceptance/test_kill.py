"""The process is killed at every named point along the way; nothing is lost, doubled or reordered.

The platform refuses no repetition (``guards=off``): a message sent twice shows as a row that took
effect twice.
"""

import signal
import sys

import pytest

from agent.demo.processes import eventually
from tests.acceptance.workload import (
    OTHER_INSTITUTION,
    OTHER_PERSON,
    Answers,
    Visit,
    check_ledger,
    check_results,
    interleaved,
)

VISITS = [Visit("ZYA", 501), Visit("ZYB", 3, OTHER_PERSON, OTHER_INSTITUTION)]
LARGE = [Visit("ZYL", 6000)]

ALONG_THE_WAY = [
    "folder.before_claim",
    "folder.after_claim:3",
    "folder.before_archive",
    "folder.after_archive:2",
    "intake.before_commit",
    "intake.after_commit",
    "intake.after_archive",
    "outbox.before_commit:2",
    pytest.param("outbox.before_commit:6", marks=pytest.mark.long),
    "outbox.after_commit:2",
    pytest.param("outbox.after_commit:5", marks=pytest.mark.long),
    "numbers.before_mark",
    "numbers.after_mark:2",
    "dispatch.after_claim",
    pytest.param("dispatch.after_claim:3", marks=pytest.mark.long),
    "dispatch.before_send:2",
    "transport.before_send:3",
    "transport.after_send",
    pytest.param("transport.after_send:4", marks=pytest.mark.long),
    "transport.after_answer:2",
    "dispatch.after_answer",
    pytest.param("dispatch.after_answer:5", marks=pytest.mark.long),
    "dispatch.before_commit:2",
    pytest.param("dispatch.before_commit:4", marks=pytest.mark.long),
    "dispatch.after_commit:3",
    "replies.before_rename",
    "replies.after_rename:2",
    "replies.before_mark:2",
    "replies.after_mark",
]
pytestmark = [
    pytest.mark.kill,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of Unix; Windows has its own run"),
]


@pytest.fixture
def answers(stage):
    with Answers(stage.results) as answers:
        yield answers


def play(stage, answers, point, files, *, faults=()):
    """Drop everything, die at ``point``, start again."""
    stage.start_platform("guards=off", *(f"fault={fault}" for fault in faults))
    for name, content in files:
        stage.drop(name, content)
    stage.start_agent(environment={"HIS_AGENT_CRASH_AT": point}, wait=False)
    assert stage.agent.wait(30) == -signal.SIGKILL, "the point was not reached"
    answers.look()
    stage.start_agent()


def finish(stage, answers, visits, files):
    results = stage.wait_for_results(len(files), 60)
    check_results(results, visits)
    check_ledger(stage, visits)
    assert stage.stop_agent() == 0
    answers.check(results)


@pytest.mark.parametrize("point", ALONG_THE_WAY)
def test_after_a_kill_everything_is_delivered_once_in_order_and_answered_once(stage, answers, point):
    files = interleaved(VISITS)
    play(stage, answers, point, files)
    finish(stage, answers, VISITS, files)
    assert len(stage.final_results()) == len(files)


@pytest.mark.parametrize("point", ["inquiry.before_send", "inquiry.after_answer"])
def test_a_kill_while_an_outcome_is_inquired_about_changes_nothing(stage, answers, point):
    files = interleaved(VISITS)
    play(stage, answers, point, files, faults=["drop_after=every:3,on:GYU101+GYU102+GYU103"])
    finish(stage, answers, VISITS, files)
    assert len(stage.final_results()) == len(files)


@pytest.mark.parametrize("point", ["intake.after_stage", "intake.after_stage:4", "outbox.before_commit:3"])
def test_a_kill_while_a_large_file_is_taken_in_leaves_no_half_of_it(stage, answers, point):
    files = interleaved(LARGE)
    play(stage, answers, point, files)
    finish(stage, answers, LARGE, files)
    assert len(stage.final_results()) == len(files)


def test_a_kill_while_recovering_from_a_kill_is_recovered_from(stage, answers):
    files = interleaved(VISITS)
    play_twice(stage, answers, files)
    finish(stage, answers, VISITS, files)
    assert len(stage.final_results()) == len(files)


def play_twice(stage, answers, files):
    stage.start_platform("guards=off")
    for name, content in files:
        stage.drop(name, content)
    for point in ("dispatch.before_commit:2", "recovery.before_commit"):
        stage.start_agent(environment={"HIS_AGENT_CRASH_AT": point}, wait=False)
        assert stage.agent.wait(30) == -signal.SIGKILL
        answers.look()
    stage.start_agent()


@pytest.mark.parametrize("point", ["daemon.stopping", "daemon.before_close"])
def test_a_kill_while_stopping_is_like_any_other(stage, answers, point):
    files = interleaved(VISITS)
    stage.start_platform("guards=off")
    stage.start_agent(environment={"HIS_AGENT_CRASH_AT": point})
    for name, content in files:
        stage.drop(name, content)
    eventually(lambda: stage.admin("ledger?limit=1"), "the first effect")
    stage.agent.send_signal(signal.SIGTERM)
    assert stage.agent.wait(30) == -signal.SIGKILL
    answers.look()
    stage.start_agent()
    finish(stage, answers, VISITS, files)
    assert len(stage.final_results()) == len(files)


@pytest.mark.parametrize("point", ["control.before_commit", "control.after_commit"])
def test_a_cancellation_that_a_kill_interrupts_is_carried_out_once_and_not_refused(stage, point):
    """Of three batches the platform has the first, and answers late; the rest is cancelled."""
    visit = Visit("ZYC", 1500)
    stage.start_platform("guards=off", "fault=delay_after=every:1,seconds:3,on:GYU102")
    stage.start_agent(environment={"HIS_AGENT_CRASH_AT": point})
    for name, content in (visit.admission(), visit.fees()):
        stage.drop(name, content)
    eventually(lambda: fee_rows(stage), "the platform has the first batch")
    stage.drop("ZYC-2.cancel", b"")
    assert stage.agent.wait(30) == -signal.SIGKILL, "the point was not reached"
    stage.start_agent()
    results = stage.wait_for_results(2, 60)
    assert stage.stop_agent() == 0
    assert stage.final_results() == results
    assert {one["id"]: one["state"] for one in results.values()} == {"ZYC-1": "accepted", "ZYC-2": "partial"}
    (fees,) = (one for one in results.values() if one["id"] == "ZYC-2")
    taken = [row["index"] for row in fees["rows"] if row.get("accepted")]
    assert 0 < len(taken) < visit.rows
    assert fee_rows(stage) == [f"ZYC-{index:06d}" for index in taken]
    (filed,) = stage.data.rglob("*ZYC-2.cancel")
    assert "archive" in filed.parts


def fee_rows(stage):
    """The fee rows that took effect, in order."""
    page = stage.admin("ledger?limit=5000")
    entries = page["entries"] if isinstance(page, dict) else page
    return [entry["key"].rpartition("/")[2] for entry in entries if entry["transaction"] == "GYU102"]
