import os
from pathlib import Path

import pytest

from agent.sources import ClaimKind, SourceError
from tests.unit.sources.bench import age, files, names, running


def test_renamed_file_is_claimed_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        bench.source.take(1)
        bench.rename("a.json", b"content")
        (claimed,) = bench.hinted(1)
        assert (claimed.name, claimed.atomic, claimed.incomplete) == ("a.json", True, False)
        assert bench.source.read(claimed) == b"content"
        assert files(bench.inbox) == [f".taking/{claimed.event_id}-a.json"]


def test_file_moved_in_from_elsewhere_on_the_volume_is_claimed_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        bench.source.take(1)
        (tmp_path / "elsewhere").write_bytes(b"x")
        (tmp_path / "elsewhere").rename(bench.inbox / "a.json")
        assert bench.hinted(1)[0].atomic


def test_written_file_waits_until_it_has_not_changed_for_settle_ms(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        bench.write("a.json")
        assert bench.rescan() == []
        assert bench.look(0.4) == []
        (claimed,) = bench.look(0.1)
        assert (claimed.name, claimed.atomic) == ("a.json", False)


def test_every_change_starts_the_wait_anew(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        path = bench.write("a.json")
        bench.rescan()
        path.write_bytes(b"{} ")
        assert bench.look(0.5) == []
        age(path, 1)
        assert bench.look(0.5) == []
        assert names(bench.look(0.5)) == ["a.json"]


def test_files_settle_while_they_wait_behind_others(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        for number in range(50):
            bench.write(f"{number}.json")
        bench.rescan()
        assert len(bench.look(0.5)) == 50


def test_a_file_seen_at_a_glance_before_the_start_has_settled_since_then(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        bench.write("a.json")
        before = bench.glance()
        bench.restart()
        assert bench.rescan() == []
        bench.restart(before)
        assert names(bench.rescan()) == ["a.json"]


def test_a_file_that_changed_since_the_glance_settles_anew(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        path = bench.write("a.json")
        before = bench.glance()
        path.write_bytes(b"{} ")
        bench.restart(before)
        bench.wind(0.5)
        assert bench.rescan() == []
        assert bench.look(0.4) == []
        assert names(bench.look(0.1)) == ["a.json"]


def test_a_glance_counts_for_the_first_files_only(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        path = bench.write("a.json")
        before = bench.glance()
        bench.restart(before)
        assert names(bench.settled()) == ["a.json"]
        size, changed = before.looks[path.name]
        assert path.write_bytes(b"{}") == size
        os.utime(path, ns=(changed, changed))
        assert bench.rescan() == []


def test_due_in_tells_when_a_file_will_have_settled(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        bench.source.take(1)
        bench.write("a.json")
        bench.until_hinted("a.json")
        bench.wind(0.3)
        assert bench.source.due_in() == pytest.approx(0.2)
        bench.wind(0.2)
        assert bench.source.due_in() == 0
        assert names(bench.source.take(1)) == ["a.json"]


UNTOUCHED = [
    *("a.json.tmp", "a.PART", "~a.json", ".a.json", "Thumbs.db", "desktop.ini"),
    *("plan.pdf", "x.JPG", "x.jpeg", "x.png", "x.bmp"),
]


@pytest.mark.parametrize("name", UNTOUCHED)
def test_unfinished_hidden_and_attached_files_are_never_touched(tmp_path: Path, name: str) -> None:
    with running(tmp_path, renames=True) as bench:
        bench.write(name)
        assert bench.settled() == []
        assert files(bench.inbox) == [name]


def test_hints_of_files_that_are_never_touched_wake_nobody(tmp_path: Path) -> None:
    with running(tmp_path) as bench:
        bench.source.take(1)
        bench.write("a.json.tmp")
        bench.write("plan.pdf")
        bench.rename("b.json")
        assert names(bench.hinted(1)) == ["b.json"]


@pytest.mark.parametrize("name", ["HIS-1.cancel", "HIS-1.ack", "HIS-1.resolve.json", "HIS-1.CANCEL"])
def test_control_files_are_claimed_as_such_even_when_empty(tmp_path: Path, name: str) -> None:
    with running(tmp_path) as bench:
        bench.write(name, b"")
        (claimed,) = bench.settled()
        assert claimed.kind is ClaimKind.CONTROL
        assert bench.source.read(claimed) == b""


def test_folder_of_a_his_that_renames_needs_no_hint_to_know_a_whole_file(tmp_path: Path) -> None:
    with running(tmp_path, renames=True) as bench:
        bench.write("a.json")
        assert [one.atomic for one in bench.rescan()] == [True]


class TestMarker:
    def test_file_is_complete_when_its_marker_appears(self, tmp_path: Path) -> None:
        with running(tmp_path, marker=".ok") as bench:
            bench.write("a.json")
            assert bench.settled() == []
            bench.write("a.json.ok", b"")
            (claimed,) = bench.look()
            assert (claimed.name, claimed.atomic) == ("a.json", True)
            bench.acknowledge(claimed)
            assert files(bench.inbox) == []

    def test_marker_wakes_the_consumer(self, tmp_path: Path) -> None:
        with running(tmp_path, marker=".ok") as bench:
            bench.source.take(1)
            bench.write("a.json")
            bench.write("a.json.ok", b"")
            assert names(bench.hinted(1)) == ["a.json"]

    def test_marker_of_an_earlier_file_does_not_complete_a_later_one(self, tmp_path: Path) -> None:
        with running(tmp_path, marker=".ok") as bench:
            age(bench.write("a.json.ok", b""), 10)
            bench.write("a.json")
            assert bench.settled() == []

    def test_renamed_file_needs_no_marker(self, tmp_path: Path) -> None:
        with running(tmp_path, marker=".ok") as bench:
            bench.source.take(1)
            bench.rename("a.json")
            assert names(bench.hinted(1)) == ["a.json"]

    def test_marker_without_a_file_is_removed_after_a_while(self, tmp_path: Path) -> None:
        with running(tmp_path, marker=".ok") as bench:
            bench.write("a.json.ok", b"")
            bench.rescan()
            assert files(bench.inbox) == ["a.json.ok"]
            bench.look(61)
            assert files(bench.inbox) == []

    def test_file_without_its_marker_is_set_aside_after_a_while(self, tmp_path: Path) -> None:
        with running(tmp_path, marker=".ok") as bench:
            bench.write("a.json")
            bench.rescan()
            for _ in range(29):
                assert bench.look(2.0) == []
            assert [one.incomplete for one in bench.look(2.0)] == [True]


class TestIncomplete:
    @staticmethod
    def grow(path: Path) -> None:
        with path.open("ab") as file:
            file.write(b"x")

    def test_incomplete_file_holds_later_ones_back_then_is_set_aside(self, tmp_path: Path) -> None:
        with running(tmp_path, incomplete_after_s=5) as bench:
            slow = bench.write("slow.json")
            bench.rescan()
            bench.rename("whole.json")
            for _ in range(12):
                self.grow(slow)
                assert bench.look(0.4) == []
            self.grow(slow)
            first, *rest = bench.look(0.4)
            (second,) = rest or bench.hinted(1)
            assert (first.name, first.incomplete) == ("slow.json", True)
            assert (second.name, second.incomplete) == ("whole.json", False)
            bench.acknowledge(first, accepted=False)
            assert files(bench.root / "rejected") == ["slow.json"]

    def test_time_in_which_nobody_looked_does_not_count(self, tmp_path: Path) -> None:
        with running(tmp_path, incomplete_after_s=5) as bench:
            slow = bench.write("slow.json")
            bench.rescan()
            self.grow(slow)
            assert bench.look(3600) == []
            assert [one.incomplete for one in bench.look(0.5)] == [False]

    def test_file_that_waited_behind_another_is_not_overdue_itself(self, tmp_path: Path) -> None:
        with running(tmp_path, incomplete_after_s=5) as bench:
            slow = bench.write("a-slow.json")
            bench.write("b-next.json")
            bench.rescan()
            taken = []
            for _ in range(20):
                self.grow(slow) if slow.exists() else None
                taken += bench.look(0.4)
            assert [(one.name, one.incomplete) for one in taken] == [
                ("a-slow.json", True),
                ("b-next.json", False),
            ]

    def test_patience_is_never_shorter_than_settling_takes(self, tmp_path: Path) -> None:
        with running(tmp_path, incomplete_after_s=1, settle_ms=3000) as bench:
            bench.write("a.json")
            bench.rescan()
            assert bench.look(2.9) == []
            assert [one.incomplete for one in bench.look(0.1)] == [False]


class TestGrowing:
    def test_file_that_grew_while_it_was_claimed_goes_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with running(tmp_path) as bench:
            path = bench.write("a.json", b"part")
            bench.rescan()

            def grow(point: str) -> None:
                if point == "folder.before_claim" and path.stat().st_size == 4:
                    path.write_bytes(b"all of it")

            monkeypatch.setattr("agent.sources.claims.crash_point", grow)
            assert bench.look(0.5) == []
            assert files(bench.inbox) == ["a.json"]
            assert bench.look(0.4) == []
            (claimed,) = bench.look(0.5)
            assert bench.source.read(claimed) == b"all of it"

    def test_file_that_grows_after_the_claim_is_not_read_and_can_be_given_back(self, tmp_path: Path) -> None:
        with running(tmp_path) as bench:
            bench.write("a.json", b"part")
            (claimed,) = bench.settled()
            claimed.path.write_bytes(b"all of it")
            with pytest.raises(SourceError) as caught:
                bench.source.read(claimed)
            assert caught.value.retry
            bench.source.give_back(claimed)
            assert files(bench.inbox) == ["a.json"]
            assert bench.look() == []
            (again,) = bench.look(0.5)
            assert bench.source.read(again) == b"all of it"
