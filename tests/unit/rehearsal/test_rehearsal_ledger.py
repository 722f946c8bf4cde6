"""The ledger counts effects and calls, and comes back from its file after a kill."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.errors import ConfigurationError
from agent.rehearsal.ledger import Effect, Ledger, read_ledger


def commit(ledger: Ledger, wire_id: str, *effects: Effect, lane: str = "510000001") -> None:
    now = ManualClock().now()
    ledger.commit("GYU102", lane, wire_id, effects, {"refid": wire_id}, now)


def test_effects_keep_their_order_without_gaps() -> None:
    ledger = Ledger(ManualClock())
    commit(ledger, "1", Effect("fee:H/V/1", "H/V"), Effect("fee:H/V/2", "H/V"))
    commit(ledger, "2", Effect("fee:H/W/1", "H/W"), lane="510000002")
    assert [(e.order, e.wire_id, e.key) for e in ledger.entries()] == [
        (1, "1", "fee:H/V/1"),
        (2, "1", "fee:H/V/2"),
        (3, "2", "fee:H/W/1"),
    ]


def test_entries_can_be_asked_for_by_page_lane_visit_and_key() -> None:
    ledger = Ledger(ManualClock())
    commit(ledger, "1", Effect("fee:H/V/1", "H/V"), Effect("fee:H/V/2", "H/V"))
    commit(ledger, "2", Effect("fee:H/W/1", "H/W"), lane="510000002")
    assert [e.order for e in ledger.entries(since=1)] == [2, 3]
    assert [e.order for e in ledger.entries(limit=1)] == [1]
    assert [e.order for e in ledger.entries(visit="H/V")] == [1, 2]
    assert [e.order for e in ledger.entries(lane="510000002")] == [3]
    assert [e.order for e in ledger.entries(key="fee:H/V/2")] == [2]
    assert ledger.entries(transaction="GYU101") == []


def test_a_row_that_came_to_be_twice_is_a_duplicate() -> None:
    ledger = Ledger(ManualClock())
    commit(ledger, "1", Effect("fee:H/V/1"))
    commit(ledger, "2", Effect("fee:H/V/1"))
    commit(ledger, "3", Effect("fee:H/V/2"))
    assert ledger.duplicates() == {"fee:H/V/1": 2}
    assert ledger.standing("fee:H/V/1") == 2


def test_a_row_revoked_and_uploaded_again_is_none() -> None:
    ledger = Ledger(ManualClock())
    commit(ledger, "1", Effect("fee:H/V/1"))
    commit(ledger, "2", Effect("fee:H/V/1", change=-1))
    commit(ledger, "3", Effect("fee:H/V/1"))
    assert ledger.duplicates() == {}
    assert ledger.standing("fee:H/V/1") == 1


def test_a_duplicate_that_was_revoked_later_still_shows() -> None:
    ledger = Ledger(ManualClock())
    for change in (1, 1, -1):
        commit(ledger, "1", Effect("fee:H/V/1", change=change))
    assert ledger.duplicates() == {"fee:H/V/1": 2}


def test_calls_of_one_lane_that_overlap_are_seen() -> None:
    ledger = Ledger(ManualClock())
    first = ledger.begin("GYU102", "510000001", "1")
    other_lane = ledger.begin("GYU102", "510000002", "2")
    second = ledger.begin("GYU102", "510000001", "3")
    for number in (first, other_lane, second):
        ledger.end(number, (), 200, "RE0000")
    after = ledger.begin("GYU102", "510000001", "4")
    ledger.end(after, ("drop_after",), 0, "RE0000")
    assert [call.wire_id for call in ledger.overlaps()] == ["3"]
    assert ledger.calls()[-1].faults == ("drop_after",)


def test_a_wire_id_used_twice_in_a_lane_is_reported() -> None:
    ledger = Ledger(ManualClock())
    for lane, wire_id in (("a", "1"), ("a", "2"), ("b", "1"), ("a", "2")):
        ledger.end(ledger.begin("GYU102", lane, wire_id), (), 200, "RE0000")
    assert ledger.reused_wire_ids() == ["2"]


def test_a_new_ledger_on_the_same_file_knows_everything(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = Ledger(ManualClock(), path, "seed")
    commit(first, "1", Effect("fee:H/V/1", "H/V"))
    first.end(first.begin("GYU102", "510000001", "1"), ("delay",), 200, "RE0000")
    # nothing is closed: the process was killed
    second = Ledger(ManualClock(), path, "seed")
    assert second.entries() == first.entries()
    assert second.calls() == first.calls()
    assert [command.body for command in second.take_commands()] == [{"refid": "1"}]
    assert list(second.take_commands()) == []
    commit(second, "2", Effect("fee:H/V/1", "H/V"))
    assert second.duplicates() == {"fee:H/V/1": 2}
    assert second.begin("GYU102", "510000001", "2") == 2
    first.close()
    second.close()


def test_a_line_cut_off_by_a_kill_is_dropped_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = Ledger(ManualClock(), path)
    commit(first, "1", Effect("fee:H/V/1"))
    commit(first, "2", Effect("fee:H/V/2"))
    first.close()
    os.truncate(path, path.stat().st_size - 5)
    second = Ledger(ManualClock(), path)
    assert [entry.wire_id for entry in second.entries()] == ["1"]
    commit(second, "3", Effect("fee:H/V/3"))
    second.close()
    third = Ledger(ManualClock(), path)
    assert [entry.wire_id for entry in third.entries()] == ["1", "3"]
    third.close()


def test_texts_with_line_separators_of_unicode_stay_one_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = Ledger(ManualClock(), path)
    text = "one\u2028two\x85three\x0bfour\nfive"
    first.commit("GYU102", "lane", "1", [Effect("fee:1")], {"note": text}, ManualClock().now())
    first.close()
    second = Ledger(ManualClock(), path)
    assert second.take_commands()[0].body == {"note": text}
    second.close()


def test_reading_a_file_leaves_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(ManualClock(), path, "seed")
    commit(ledger, "1", Effect("fee:1"))
    ledger.close()
    os.truncate(path, path.stat().st_size - 1)
    content = path.read_bytes()
    assert read_ledger(path, ManualClock()).entries() == []
    assert path.read_bytes() == content


def test_a_reset_is_remembered_by_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = Ledger(ManualClock(), path)
    commit(first, "1", Effect("fee:H/V/1"))
    first.reset()
    commit(first, "2", Effect("fee:H/V/1"))
    first.close()
    second = Ledger(ManualClock(), path)
    assert [entry.wire_id for entry in second.entries()] == ["2"]
    assert len(second.take_commands()) == 1
    second.close()


def test_a_file_of_another_seed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(ManualClock(), path, "one").close()
    with pytest.raises(ConfigurationError, match="初始数据"):
        Ledger(ManualClock(), path, "other")


@pytest.mark.parametrize(
    "content", [b"not json\n", b'{"line":"unheard of"}\n', b'{"line":"commit"}\n', b"\xff\n"]
)
def test_a_file_that_is_no_ledger_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="无法读取"):
        Ledger(ManualClock(), path)
    assert path.read_bytes() == content


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps access in lists, not in a mode")
def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(ManualClock(), path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
