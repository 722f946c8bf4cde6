"""agent.intake.folder: from a dropped file to durable messages, in order, whatever is in the files."""

import json
from dataclasses import replace

import pytest

from agent.errors import StoreFull, SubmissionInvalid
from agent.outbox.model import Receipt, State
from agent.sources import SourceError
from tests.unit.intake.inbox_bench import LANE, admission_file, fee_file
from tests.unit.ministry.ministry_desk import adapter


class Broken:
    """The ministry's adapter with a defect that some content brings out."""

    def __init__(self, **defects):
        self._real = adapter()
        self._defects = defects

    def __getattr__(self, name):
        if name in self._defects:
            return self._defects[name]
        return getattr(self._real, name)


# -- the way of a good file --------------------------------------------------------------------------
def test_files_become_messages_in_the_order_of_their_arrival(bench):
    for his_id in ["Z9", "A1", "M5"]:
        bench.admit(his_id)
    bench.look()
    assert bench.ids() == ["Z9", "A1", "M5"]
    assert {view.state for view in bench.messages()} == {State.READY}
    assert bench.woken == {LANE}


def test_a_stored_file_is_archived_under_the_day_and_leaves_nothing_behind(bench):
    bench.admit("A1")
    bench.look()
    assert bench.archived() == ["A1.json"]
    assert (bench.settings.archive / "2026" / "01" / "06" / "A1.json").is_file()
    assert (bench.waiting_names(), bench.claimed(), bench.rejected()) == ([], [], [])


def test_many_small_files_are_one_commit(bench, monkeypatch):
    commits = []
    original = bench.outbox.write

    def counted(**how):
        commits.append(1)
        return original(**how)

    for number in range(40):
        bench.admit(f"A{number:02d}")
    monkeypatch.setattr(bench.outbox, "write", counted)
    bench.look()
    assert len(bench.messages()) == 40
    assert len(commits) == 1


def test_the_hiss_own_numbers_order_files_that_are_taken_together(bench):
    bench.admit("C", seq=3)
    bench.admit("A", seq=1)
    bench.admit("X")
    bench.admit("B", seq=2)
    bench.look()
    assert bench.ids() == ["A", "B", "X", "C"]


def test_nothing_is_archived_before_it_is_durable(bench, monkeypatch):
    seen = []
    original = bench.source.acknowledge

    def acknowledge(claimed, accepted, now):
        seen.append(bench.ids())
        original(claimed, accepted, now)

    monkeypatch.setattr(bench.source, "acknowledge", acknowledge)
    bench.admit("A1")
    bench.look()
    assert seen == [["A1"]]


# -- bad files ---------------------------------------------------------------------------------------
def test_an_invalid_file_is_rejected_with_every_fault_and_holds_up_nobody(bench):
    bench.admit("A1", aka130="99", aae030="2026-13-45")
    bench.admit("B2")
    bench.look()
    result = bench.result(1)
    assert result["state"] == "invalid"
    assert {error["field"] for error in result["errors"]} >= {"aka130", "aae030"}
    assert bench.rejected() == ["A1.json"]
    assert bench.ids() == ["B2"]


BAD = {
    "truncated.json": '{"transaction": "GYU101", "id": "T1", "data": {"datalist": [',
    "empty.json": "",
    "duplicate.json": '{"transaction": "GYU101", "id": "T1", "id": "T2", "data": {}}',
    "nan.json": '{"transaction": "GYU101", "id": "T1", "data": {"x": NaN}}',
    "deep.json": '{"transaction": "GYU101", "id": "T1", "data": ' + "[" * 5000 + "]" * 5000 + "}",
    "bytes.json": b"\xff\xfe\x00\x00\xff",
    "array.json": "[1, 2]",
    "number.json": '{"transaction": "GYU101", "id": "T1", "data": {"x": ' + "9" * 5000 + "}}",
    "surrogate.json": '{"transaction": "GYU101", "id": "T1", "data": {"datalist": [{"aac003": "\\ud800"}]}}',
    "surrogate-id.json": '{"transaction": "GYU101", "id": "\\ud800", "data": {"datalist": [{}]}}',
    "far.json": json.dumps(admission_file("FAR", occurred_at="9999-12-31T23:59:59")),
    "seq.json": json.dumps(admission_file("SEQ", seq=10**40)),
    "what.bin": "x",
    "no-rows.csv": "#transaction=GYU101\r\n#id=C1\r\naka130\r\n72\r\n",
    "entity.xml": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_every_bad_file_is_answered_clearly_and_the_next_one_goes_on(bench, name):
    bench.drop(name, BAD[name])
    bench.admit("GOOD")
    bench.look()
    assert "GOOD" in bench.ids()
    result = bench.result(1)
    assert result["state"] == "invalid"
    assert all(error["message"] and error["rule"] != "internal_defect" for error in result["errors"])
    assert bench.rejected() == [name]


def test_a_file_too_large_to_read_is_refused_unread(inbox_of, monkeypatch):
    bench = inbox_of(max_bytes=1000)
    bench.drop("big.json", b"x" * 400_000)
    bench.admit("GOOD")
    monkeypatch.setattr("agent.intake.heavy.subprocess.Popen", None)
    bench.look()
    assert [error["rule"] for error in bench.result(1)["errors"]] == ["too_large"]
    assert bench.ids() == ["GOOD"]


def test_a_file_that_never_becomes_complete_is_refused_unread(inbox_of):
    bench = inbox_of(renames=False, marker=".ok", incomplete_after_s=5)
    (bench.inbox / "A1.json").write_text(json.dumps(admission_file("A1")))
    bench.look()
    assert [error["rule"] for error in bench.result(1)["errors"]] == ["incomplete_file"]
    assert bench.rejected() == ["A1.json"]
    assert bench.ids() == []


# -- ids ---------------------------------------------------------------------------------------------
def test_the_same_submission_again_changes_nothing_and_is_answered_again(bench):
    bench.admit("A1")
    bench.look()
    content = admission_file("A1")
    shuffled = {key: content[key] for key in reversed(content)}
    bench.drop("again.json", json.dumps(shuffled, indent=3))
    bench.look()
    assert [accepted.receipt for _, accepted in bench.told] == [Receipt.STORED, Receipt.REPEATED]
    assert bench.ids() == ["A1"]
    assert bench.archived() == ["A1.json", "again.json"]


def test_other_content_under_a_used_id_is_refused(bench):
    bench.admit("A1")
    bench.drop("other.json", {**admission_file("A1"), "data": admission_file("A2")["data"]})
    bench.look()
    assert [accepted.receipt for _, accepted in bench.told] == [Receipt.STORED, Receipt.REFUSED]
    assert bench.rejected() == ["other.json"]
    assert [error["rule"] for error in bench.result(2)["errors"]] == ["id_taken"]


def test_a_corrected_file_may_use_the_id_of_an_invalid_one(bench):
    bench.admit("A1", aka130="99")
    bench.look()
    bench.write_results()
    bench.admit("A1")
    bench.look()
    assert bench.ids() == ["A1"]
    assert bench.result(2)["state"] == "queued"


# -- crashes and refusals of the surroundings ----------------------------------------------------------
def test_a_crash_between_commit_and_archive_stores_nothing_twice(bench, monkeypatch):
    bench.admit("A1")
    monkeypatch.setattr(bench.source, "acknowledge", lambda *_: None)
    for _ in range(3):
        bench.step_for(2.1)
    assert bench.claimed() == ["A1.json"]
    bench.restart()
    bench.look()
    assert bench.ids() == ["A1"]
    assert bench.told[-1][1].receipt is Receipt.REPLAYED
    assert (bench.archived(), bench.claimed()) == (["A1.json"], [])


def test_a_crash_between_claim_and_commit_loses_nothing(bench):
    bench.admit("A1")
    bench.clock.advance(3)
    while not bench.source.take(10):
        bench.clock.advance(1)
    bench.restart()
    bench.look()
    assert bench.ids() == ["A1"]


def test_a_full_disk_keeps_files_claimed_and_in_order_until_there_is_room(bench):
    connection = bench.outbox._writer.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(50):
        bench.admit(f"A{number:02d}")
    for _ in range(5):
        bench.clock.advance(2.1)
        assert not bench.intake.step()
    assert bench.ids() == []
    assert len(bench.claimed()) + len(bench.waiting_names()) == 50
    assert bench.archived() == []
    connection.execute("PRAGMA max_page_count = 1000000")
    bench.look()
    assert bench.ids() == [f"A{number:02d}" for number in range(50)]
    assert len(bench.archived()) == 50


def test_while_the_outbox_cannot_store_the_inbox_rests(bench):
    bench.outbox._writer.connection.execute("PRAGMA max_page_count = 1")
    (pages,) = bench.outbox._writer.connection.execute("PRAGMA page_count").fetchone()
    bench.outbox._writer.connection.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(50):
        bench.admit(f"A{number:02d}")
    bench.clock.advance(2.1)
    for _ in range(5):
        bench.intake.step()
        bench.clock.advance(1)
    bench.stopping.set()
    bench.intake.run()
    assert bench.ids() == []


def test_a_file_that_cannot_be_read_for_a_while_keeps_its_place(bench, monkeypatch):
    original = bench.source.read
    failing = {"Z1.json"}

    def read(claimed):
        if claimed.name in failing:
            raise SourceError("in use", details={"errno": 13})
        return original(claimed)

    monkeypatch.setattr(bench.source, "read", read)
    bench.admit("A0")
    bench.admit("Z1")
    bench.admit("B2")
    for _ in range(4):
        bench.step_for(2.1)
    assert bench.ids() == ["A0"]
    assert sorted(bench.waiting_names() + bench.claimed()) == ["B2.json", "Z1.json"]
    failing.clear()
    bench.look()
    assert bench.ids() == ["A0", "Z1", "B2"]


def test_a_file_that_can_never_be_read_is_refused_in_time_and_frees_the_others(inbox_of, monkeypatch):
    bench = inbox_of(incomplete_after_s=5)
    original = bench.source.read

    def read(claimed):
        if claimed.name == "A1.json":
            arrival = bench.source._held[claimed.event_id]
            if arrival.unreadable_since is None:
                arrival.unreadable_since = bench.clock.monotonic()
            raise SourceError("damaged sector")
        return original(claimed)

    monkeypatch.setattr(bench.source, "read", read)
    bench.admit("A1")
    bench.admit("B2")
    bench.look()
    assert [error["rule"] for error in bench.result(1)["errors"]] == ["incomplete_file"]
    assert bench.ids() == ["B2"]


def test_a_claimed_file_that_vanishes_holds_up_nobody(bench, monkeypatch):
    original = bench.source.read

    def vanish_first(claimed):
        if claimed.name == "A1.json":
            claimed.path.unlink(missing_ok=True)
        return original(claimed)

    monkeypatch.setattr(bench.source, "read", vanish_first)
    bench.admit("A1")
    bench.admit("B2")
    bench.look()
    assert bench.ids() == ["B2"]


# -- defects -----------------------------------------------------------------------------------------
def test_a_plugin_that_fails_on_a_file_costs_that_file_only(inbox_of):
    real = adapter()

    def plan(submission, today):
        if submission.id == "A1":
            raise ZeroDivisionError(submission.data)
        return real.plan(submission, today)

    bench = inbox_of(Broken(plan=plan))
    bench.admit("A1")
    bench.admit("B2")
    bench.look()
    assert [error["rule"] for error in bench.result(1)["errors"]] == ["internal_defect"]
    assert bench.ids() == ["B2"]
    assert (bench.rejected(), bench.archived()) == (["A1.json"], ["B2.json"])


def test_a_file_that_cannot_be_stored_is_answered_and_the_files_beside_it_are_stored(inbox_of):
    real = adapter()

    def plan(submission, today):
        made = real.plan(submission, today)
        if submission.id == "B2":
            drafts = tuple(replace(draft, body={"x": object()}) for draft in made.drafts)
            return replace(made, drafts=drafts)
        return made

    bench = inbox_of(Broken(plan=plan))
    for his_id in ["A1", "B2", "C3"]:
        bench.admit(his_id)
    bench.look()
    assert bench.ids() == ["A1", "C3"]
    assert (bench.rejected(), bench.archived()) == (["B2.json"], ["A1.json", "C3.json"])


def test_what_was_in_hand_when_the_thread_failed_is_in_hand_once_after_its_restart(bench, monkeypatch):
    for his_id in ["A1", "B2"]:
        bench.admit(his_id)

    def fail(_item):
        raise SystemError

    with monkeypatch.context() as broken:
        broken.setattr(type(bench.intake), "_advance", fail)
        with pytest.raises(SystemError):
            bench.look()
    bench.source.stop()
    bench.source.start()
    bench.look()
    assert bench.ids() == ["A1", "B2"]
    assert [accepted.receipt for _, accepted in bench.told] == [Receipt.STORED] * 2


def test_an_invalid_submission_wakes_no_lane(bench):
    bench.drop("fees.json", fee_file("F1", 1, after="nobody"))
    bench.look()
    assert bench.result(1)["state"] == "invalid"
    assert bench.woken == set()
    assert SubmissionInvalid.code == "submission_invalid"


class CutShort:
    """A preparation whose helper the stop of the agent ends: what it gives back is no verdict."""

    def __init__(self, stopping):
        self._stopping = stopping

    def prepare(self, submission, now):
        self._stopping.set()
        return replace(submission, transaction="cut short")

    def close(self):
        """Nothing was opened."""


def test_a_file_whose_preparation_the_stop_cut_short_is_not_answered_but_read_again(bench):
    bench.intake._preparer = replace(bench.intake._preparer, preparation=CutShort(bench.stopping))
    bench.admit("A1")
    while not bench.stopping.is_set():
        bench.step_for(2.1)
    bench.step_for(2.1)
    assert (bench.ids(), bench.told, bench.claimed()) == ([], [], ["A1.json"])
    bench.stopping.clear()
    bench.restart()
    bench.look()
    assert (bench.ids(), bench.archived(), bench.rejected()) == (["A1"], ["A1.json"], [])


def test_a_full_disk_is_told_until_files_are_taken_in_again(bench, monkeypatch):
    bench.admit("A1")
    with monkeypatch.context() as full:

        def refuse(*_arguments, **_options):
            raise StoreFull("磁盘已满", hint="请清理磁盘")

        full.setattr(bench.outbox, "write", refuse)
        bench.step_for(2.1)
        bench.step_for(2.1)
        assert "磁盘已满" in bench.intake.trouble
        assert "请清理磁盘" in bench.intake.trouble
    bench.look()
    assert bench.ids() == ["A1"]
    assert bench.intake.trouble == ""


def test_a_file_that_cannot_be_read_is_told_as_long_as_others_wait_for_it(bench, monkeypatch):
    bench.admit("A1")
    with monkeypatch.context() as locked:

        def refuse(_claimed):
            raise SourceError("文件现在读不了", details={"errno": 13})

        locked.setattr(bench.source, "read", refuse)
        bench.step_for(2.1)
        bench.step_for(2.1)
        assert "请检查文件权限" in bench.intake.trouble
    bench.look()
    assert bench.ids() == ["A1"]
    assert bench.intake.trouble == ""
