import os
from datetime import timedelta
from pathlib import Path

import pytest

from agent.sources.inbox import Inbox
from tests.unit.sources.bench import age, files, names, running


def test_files_come_in_the_order_of_their_arrival_whatever_their_names(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        bench.source.take(1)
        dropped = [f"{number * 7919 % 100}.json" for number in range(100)]
        for name in dropped:
            bench.rename(name)
        assert names(bench.hinted(100)) == dropped


def test_order_of_arrival_is_that_of_renaming_not_of_writing(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        bench.source.take(1)
        first, second = bench.write("a.json.tmp"), bench.write("b.json.tmp")
        second.rename(bench.inbox / "b.json")
        first.rename(bench.inbox / "a.json")
        assert names(bench.hinted(2)) == ["b.json", "a.json"]


def test_rescan_orders_by_time_then_by_natural_name(tmp_path: Path) -> None:
    with running(tmp_path, renames=True) as bench:
        bench.source.stop()
        moment = 1_700_000_000_000_000_000
        for name, time_ns in [("a10", moment), ("a9", moment), ("z1", moment - 1), ("b", moment + 1)]:
            os.utime(bench.write(f"{name}.json"), ns=(time_ns, time_ns))
        bench.source.start()
        assert names(bench.rescan()) == ["z1.json", "a9.json", "a10.json", "b.json"]


def test_what_was_there_before_the_watch_comes_before_what_is_hinted(tmp_path: Path) -> None:
    with running(tmp_path, renames=True) as bench:
        bench.source.stop()
        bench.write("z-old.json")
        bench.source.start()
        bench.rename("a-new.json")
        assert bench.source.wakeup.wait(10)
        assert names(bench.rescan()) == ["z-old.json", "a-new.json"]


def test_rescan_amid_arrivals_does_not_disturb_their_order(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        bench.source.take(1)
        dropped = [f"{99 - number}.json" for number in range(100)]
        got = []
        for place, name in enumerate(dropped):
            age(bench.write(f"{name}.tmp"), place).rename(bench.inbox / name)
            if place % 10 == 5:
                got += bench.look(2.0)
        got += bench.rescan()
        assert names(got) == dropped
        assert all(one.atomic for one in got)


def test_rescan_does_without_hints_when_the_system_tells_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inbox, "_notice", lambda *_: None)
    with running(tmp_path, renames=True) as bench:
        bench.write("a.json")
        assert bench.look(2.0) == []
        assert bench.source.due_in() == 1
        assert names(bench.look(1.0)) == ["a.json"]


def test_limit_leaves_the_rest_in_the_inbox(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        bench.source.take(1)
        for number in range(5):
            bench.rename(f"{number}.json")
        assert names(bench.hinted(2)) == ["0.json", "1.json"]
        assert [name for name in files(bench.inbox) if not name.startswith(".")] == [
            "2.json",
            "3.json",
            "4.json",
        ]
        assert names(bench.hinted(3)) == ["2.json", "3.json", "4.json"]


def test_backlog_beyond_the_limit_is_due_at_once(tmp_path: Path) -> None:
    with running(tmp_path, renames=True) as bench:
        bench.write_unseen("0.json", "1.json", "2.json")
        assert bench.rescan(limit=0) == []
        assert len(bench.look(limit=2)) == 2
        assert bench.source.due_in() == 0
        assert len(bench.look(limit=2)) == 1
        assert bench.source.due_in() > 0


def test_event_ids_sort_as_the_claims_do_even_when_the_clock_is_set_back(tmp_path: Path) -> None:
    with running(tmp_path, renames=True) as bench:
        claimed = []
        for number in range(3):
            bench.write(f"{number}.json")
            claimed += bench.rescan()
            bench.set_back(timedelta(hours=1))
        assert names(claimed) == ["0.json", "1.json", "2.json"]
        identifiers = [one.event_id for one in claimed]
        assert identifiers == sorted(set(identifiers))


class TestReplay:
    def test_unacknowledged_claims_come_again_first_and_unchanged(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            for number in range(3):
                bench.write(f"{number}.json")
            before = bench.rescan()
            bench.acknowledge(before[0])
            bench.write("later.json")
            bench.restart()
            assert bench.source.due_in() == 0
            after = bench.look(limit=2)
            assert after == before[1:]
            assert names(bench.rescan()) == ["later.json"]

    def test_what_is_known_of_a_file_outlives_the_process(self, tmp_path: Path) -> None:
        with running(tmp_path, marker=".ok", incomplete_after_s=2) as bench:
            bench.write("marked.json")
            bench.write("marked.json.ok")
            bench.write("unmarked.json")
            before = [one for _ in range(5) for one in bench.look(2.0)]
            assert [(one.atomic, one.incomplete) for one in before] == [(True, False), (False, True)]
            bench.restart()
            assert bench.look() == before

    def test_new_claims_sort_after_replayed_ones_when_the_clock_was_set_back(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.write("a.json")
            (old,) = bench.rescan()
            bench.set_back(timedelta(days=1))
            bench.restart()
            bench.write("b.json")
            replayed, new = [*bench.look(), *bench.rescan()]
            assert replayed == old
            assert new.event_id > old.event_id

    def test_replay_heeds_the_limit(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            for number in range(5):
                bench.write(f"{number}.json")
            before = bench.rescan()
            bench.write("new.json")
            bench.restart()
            assert bench.look(limit=3) == before[:3]
            assert bench.look(limit=2) == before[3:]
            assert names(bench.rescan()) == ["new.json"]

    def test_foreign_files_in_the_taking_folder_are_left_alone(self, tmp_path: Path) -> None:
        with running(tmp_path) as bench:
            (bench.settings.claims / "note.json").write_text("mine")
            (bench.settings.claims / "20261399T000000000000abcdefa-x.json").write_text("no such date")
            bench.restart()
            assert bench.settled() == []
            assert (bench.settings.claims / "note.json").read_text() == "mine"


class TestGivingBack:
    def test_file_given_back_keeps_its_place(self, tmp_path: Path) -> None:
        with running(tmp_path) as bench:
            bench.source.take(1)
            for name in ("c.json", "b.json", "a.json"):
                bench.rename(name)
            taken = bench.hinted(3)
            for claimed in (taken[2], taken[0]):
                bench.source.give_back(claimed)
            assert bench.source.due_in() <= 0.25
            bench.rename("new.json")
            assert bench.look() == []
            assert bench.look(0.25, limit=2) == [taken[0], taken[2]]
            assert names(bench.hinted(1)) == ["new.json"]

    def test_changed_file_given_back_keeps_its_place(self, tmp_path: Path) -> None:
        with running(tmp_path) as bench:
            for name in ("a.json", "b.json"):
                bench.write(name)
            taken = bench.settled()
            bench.write("0.json")
            for claimed in reversed(taken):
                claimed.path.write_bytes(b"more")
                bench.source.give_back(claimed)
            assert [name for name in files(bench.inbox) if not name.startswith(".")] == [
                "0.json",
                "a.json",
                "b.json",
            ]
            assert names(bench.settled()) == ["a.json", "b.json", "0.json"]

    def test_replayed_file_given_back_comes_before_all_others(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            for number in range(3):
                bench.write(f"{number}.json")
            bench.rescan()
            bench.restart()
            bench.write("new.json")
            for claimed in bench.look():
                bench.source.give_back(claimed)
            assert names(bench.rescan()) == ["0.json", "1.json", "2.json", "new.json"]

    def test_new_file_of_the_same_name_is_not_overwritten(self, tmp_path: Path) -> None:
        with running(tmp_path) as bench:
            bench.write("a.json", b"old")
            (old,) = bench.settled()
            bench.write("a.json", b"new")
            old.path.write_bytes(b"old and more")
            bench.source.give_back(old)
            assert (bench.inbox / "a.json").read_bytes() == b"new"
            again = bench.settled() + bench.settled()
            assert [bench.source.read(one) for one in again] == [b"old and more", b"new"]
            assert again[0].event_id == old.event_id

    def test_giving_back_twice_or_after_acknowledging_changes_nothing(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.write("a.json")
            (claimed,) = bench.rescan()
            bench.acknowledge(claimed)
            bench.source.give_back(claimed)
            assert files(bench.inbox) == []
            bench.write("b.json")
            (claimed,) = bench.rescan()
            bench.source.give_back(claimed)
            bench.source.give_back(claimed)
            assert names(bench.rescan()) == ["b.json"]

    def test_file_that_has_gone_is_forgotten(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.write("a.json")
            (claimed,) = bench.rescan()
            claimed.path.unlink()
            bench.source.give_back(claimed)
            assert bench.rescan() == []

    def test_crash_between_the_halves_of_giving_back_leaves_one_file(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.write("a.json", b"once")
            (claimed,) = bench.rescan()
            os.link(claimed.path, bench.inbox / "a.json")
            bench.restart()
            (again,) = bench.look() + bench.rescan()
            assert bench.source.read(again) == b"once"
