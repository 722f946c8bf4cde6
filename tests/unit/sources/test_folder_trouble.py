import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.errors import ConfigurationError, SubmissionInvalid
from agent.sources import Condition, SourceError
from tests.unit.sources.bench import Bench, age, files, names, running

OTHER_VOLUME = Path("/dev/shm")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another volume."""
    if not OTHER_VOLUME.is_dir() or OTHER_VOLUME.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has one volume")
    folder = OTHER_VOLUME / f"his-agent-{secrets.token_hex(4)}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def condition(bench: Bench) -> Condition:
    return bench.source.state().condition


class TestThingsThatAreNoFiles:
    def test_they_are_left_alone_hold_nothing_back_and_are_counted(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            (tmp_path / "secret").write_text("not for you")
            (bench.inbox / "a.json").mkdir()
            (bench.inbox / "b.json").symlink_to(tmp_path / "secret")
            os.mkfifo(bench.inbox / "c.json")
            bench.write("d.json")
            assert names(bench.rescan()) == ["d.json"]
            assert "忽略了 3 个" in bench.source.state().sentence
            assert condition(bench) is Condition.RUNNING

    def test_hint_of_a_link_renamed_into_place_is_not_followed(self, tmp_path: Path) -> None:
        with running(tmp_path) as bench:
            bench.source.take(1)
            (tmp_path / "secret").write_text("not for you")
            (tmp_path / "link").symlink_to(tmp_path / "secret")
            (tmp_path / "link").rename(bench.inbox / "a.json")
            bench.rename("b.json")
            assert names(bench.hinted(1)) == ["b.json"]
            assert (bench.inbox / "a.json").is_symlink()

    def test_claimed_file_replaced_by_a_link_is_not_read(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            (tmp_path / "secret").write_bytes(b"{}")
            bench.write("a.json", b"{}")
            (claimed,) = bench.rescan()
            claimed.path.unlink()
            claimed.path.symlink_to(tmp_path / "secret")
            with pytest.raises(SourceError):
                bench.source.read(claimed)


class TestNames:
    @pytest.mark.parametrize("name", ["病" * 82 + ".json", "x" * 255, "x." + "y" * 253])
    def test_name_too_long_to_carry_an_event_id_is_kept_whole(self, tmp_path: Path, name: str) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.write(name, b"1")
            (claimed,) = bench.rescan()
            assert (claimed.name, bench.source.read(claimed)) == (name, b"1")
            bench.restart()
            assert bench.look() == [claimed]
            bench.acknowledge(claimed)
            assert [Path(path).name for path in files(bench.root / "archive")] == [name]
            assert list(bench.settings.claims.iterdir()) == []

    def test_long_name_that_is_given_back_lies_in_the_inbox_as_it_was(self, tmp_path: Path) -> None:
        name = "病" * 82 + ".json"
        with running(tmp_path) as bench:
            bench.write(name, b"1")
            (claimed,) = bench.settled()
            claimed.path.write_bytes(b"12")
            bench.source.give_back(claimed)
            assert name in os.listdir(bench.inbox)
            assert list(bench.settings.claims.iterdir()) == []
            (again,) = bench.settled()
            assert bench.source.read(again) == b"12"

    def test_long_name_that_is_taken_in_the_archive_is_cut(self, tmp_path: Path) -> None:
        name = "病" * 82 + ".json"
        with running(tmp_path, renames=True) as bench:
            for content in (b"1", b"2"):
                bench.write(name, content)
                bench.acknowledge(*bench.rescan())
            kept = [bench.root / "archive" / path for path in files(bench.root / "archive")]
            assert sorted(path.read_bytes() for path in kept) == [b"1", b"2"]
            assert all(path.suffix == ".json" and path.name.startswith("病病") for path in kept)

    def test_name_that_grows_too_long_as_text_is_filed_under_a_cut_one(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.write(os.fsdecode(("张" * 100 + ".json").encode("gb18030")))
            (claimed,) = bench.rescan()
            assert claimed.name == "张" * 100 + ".json"
            bench.acknowledge(claimed)
            (filed,) = files(bench.root / "archive")
            assert filed.endswith(".json")

    def test_folder_that_a_crash_left_without_its_file_is_removed(self, tmp_path: Path) -> None:
        with running(tmp_path) as bench:
            (bench.settings.claims / "20260101T093000000123abcdefa").mkdir(parents=True)
            bench.restart()
            assert list(bench.settings.claims.iterdir()) == []

    def test_path_too_long_for_any_claim_is_shortened_and_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def beyond(path: Path, _target: Path) -> Path:
            raise OSError(errno.ENAMETOOLONG, "as on Windows", str(path))

        monkeypatch.setattr(Path, "rename", beyond)
        with running(tmp_path, renames=True) as bench:
            bench.write("病" * 82 + ".json")
            (claimed,) = bench.rescan()
            assert claimed.name.startswith("病病病")
            assert claimed.name.endswith(".json")
            assert [path.is_file() for path in bench.settings.claims.iterdir()] == [True]
            with pytest.raises(SubmissionInvalid) as caught:
                bench.source.read(claimed)
            assert [fault.rule for fault in caught.value.faults] == ["name_too_long"]
            bench.restart()
            assert bench.look() == [claimed]
            bench.acknowledge(claimed, accepted=False)
            assert files(bench.root / "rejected") == [claimed.name]

    def test_name_in_another_encoding_is_given_as_text(self, tmp_path: Path) -> None:
        with running(tmp_path) as bench:
            raw_name = os.fsdecode("张三.json".encode("gb18030"))
            bench.write(raw_name, b"1")
            (claimed,) = bench.settled()
            assert claimed.name == "张三.json"
            assert bench.source.read(claimed) == b"1"
            claimed.path.write_bytes(b"12")
            bench.source.give_back(claimed)
            assert raw_name in os.listdir(bench.inbox)
            (again,) = bench.settled()
            bench.acknowledge(again)
            assert files(bench.root / "archive")[0].endswith("张三.json")

    def test_names_with_any_characters_survive_the_claim(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            odd = ["a-b-c.json", "a\nb.json", "a b.json", "20260101T000000000000abcdefa-x.json", "é.json"]
            for name in odd:
                bench.write(name)
            claimed = bench.rescan()
            assert sorted(names(claimed)) == sorted(odd)
            bench.restart()
            assert bench.look() == claimed


class TestRights:
    def test_inbox_that_nothing_can_be_taken_from_is_told_of_until_it_can(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(path: Path, *_: object) -> None:
            raise PermissionError(errno.EACCES, "read only", str(path))

        with monkeypatch.context() as read_only:
            read_only.setattr(Path, "touch", refused)
            with running(tmp_path) as bench:
                bench.rescan()
                assert condition(bench) is Condition.WAITING
                assert "不可写" in bench.source.state().sentence
                read_only.undo()
                bench.rescan()
                assert condition(bench) is Condition.RUNNING


class TestReading:
    def test_too_large_file_is_refused_unread(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True, max_bytes=10) as bench:
            bench.write("fits.json", b"x" * 10)
            bench.write("large.json", b"x" * 11)
            fits, large = bench.rescan()
            assert bench.source.read(fits) == b"x" * 10
            with pytest.raises(SubmissionInvalid) as caught:
                bench.source.read(large)
            assert [fault.rule for fault in caught.value.faults] == ["too_large"]

    def test_file_that_vanished_before_its_claim_is_forgotten(self, tmp_path: Path) -> None:
        with running(tmp_path) as bench:
            bench.write_unseen("a.json")
            bench.rescan()
            (bench.inbox / "a.json").unlink()
            assert bench.look(0.5) == []
            assert bench.source.due_in() > 0

    def test_file_that_stays_unreadable_is_set_aside_after_a_while(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken_disk(*_: object) -> bytes:
            raise SourceError("取走的文件现在读不出来")

        with running(tmp_path, renames=True, incomplete_after_s=5) as bench:
            bench.write("a.json")
            (claimed,) = bench.rescan()
            monkeypatch.setattr("agent.sources.folder.read_claimed", broken_disk)
            for _ in range(3):
                assert not claimed.incomplete
                with pytest.raises(SourceError):
                    bench.source.read(claimed)
                bench.source.give_back(claimed)
                (claimed,) = bench.look(2.0)
            assert claimed.incomplete

    def test_file_that_stays_unreadable_and_cannot_go_back_is_set_aside_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with running(tmp_path, incomplete_after_s=5) as bench:
            bench.write("a.json")
            (claimed,) = bench.settled()
            (bench.inbox / "a.json").mkdir()
            claimed.path.write_bytes(b"still growing")
            for _ in range(3):
                assert not claimed.incomplete
                with claimed.path.open("ab") as file:
                    file.write(b"more")
                with pytest.raises(SourceError):
                    bench.source.read(claimed)
                bench.source.give_back(claimed)
                assert bench.look() == []
                (claimed,) = bench.look(2.0)
            assert claimed.incomplete

    def test_pipe_in_the_place_of_a_claimed_file_blocks_nobody(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.write("a.json", b"")
            (claimed,) = bench.rescan()
            claimed.path.unlink()
            os.mkfifo(claimed.path)
            with pytest.raises(SourceError):
                bench.source.read(claimed)

    def test_errors_name_no_file(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.write("李四.json")
            (claimed,) = bench.rescan()
            claimed.path.unlink()
            with pytest.raises(SourceError) as caught:
                bench.source.read(claimed)
            assert "李四" not in f"{caught.value!r} {caught.value} {caught.value.details} {claimed!r}"


class TestFiling:
    def test_accepted_files_go_to_the_day_and_refused_ones_aside(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.write("good.json")
            bench.write("bad.json")
            bad, good = sorted(bench.rescan(), key=lambda one: one.name)
            bench.acknowledge(good)
            bench.acknowledge(bad, accepted=False)
            assert files(bench.root / "archive") == ["2026/01/01/good.json"]
            assert files(bench.root / "rejected") == ["bad.json"]
            assert files(bench.inbox) == []

    def test_nothing_in_the_archive_is_ever_overwritten(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            for content in (b"1", b"2", b"3"):
                bench.write("in.json", content)
                bench.acknowledge(*bench.rescan())
            day = bench.root / "archive/2026/01/01"
            assert sorted(path.read_bytes() for path in day.iterdir()) == [b"1", b"2", b"3"]
            assert (day / "in.json").read_bytes() == b"1"

    def test_acknowledging_twice_changes_nothing(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.write("a.json")
            (claimed,) = bench.rescan()
            bench.acknowledge(claimed, claimed)
            assert files(bench.root / "archive") == ["2026/01/01/a.json"]
            assert condition(bench) is Condition.RUNNING

    def test_crash_between_the_halves_of_a_move_leaves_one_file(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.write("a.json")
            (claimed,) = bench.rescan()
            day = bench.root / "archive/2026/01/01"
            day.mkdir(parents=True)
            os.link(claimed.path, day / "a.json")
            bench.restart()
            bench.acknowledge(*bench.look())
            assert files(bench.root / "archive") == ["2026/01/01/a.json"]
            assert files(bench.inbox) == []

    def test_file_that_cannot_be_filed_is_kept_and_filed_later(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            (bench.root / "archive").write_text("in the way")
            bench.write_unseen("a.json")
            bench.acknowledge(*bench.rescan())
            assert condition(bench) is Condition.WAITING
            assert 0 < bench.source.due_in() <= 2
            (bench.root / "archive").unlink()
            assert bench.look(2.0) == []
            assert files(bench.root / "archive") == ["2026/01/01/a.json"]
            assert condition(bench) is Condition.RUNNING

    def test_files_go_to_another_volume_whole(self, tmp_path: Path, elsewhere: Path) -> None:
        with running(tmp_path, renames=True, archive=elsewhere / "archive") as bench:
            for content in (b"1", b"2"):
                age(bench.write("a.json", content), 100)
                (claimed,) = bench.rescan()
                modified = claimed.path.stat().st_mtime_ns
                bench.acknowledge(claimed)
            found = sorted((elsewhere / "archive/2026/01/01").iterdir())
            assert sorted(path.read_bytes() for path in found) == [b"1", b"2"]
            assert modified in [path.stat().st_mtime_ns for path in found]
            assert files(bench.inbox) == []

    def test_crash_after_the_copy_to_another_volume_leaves_one_copy(
        self, tmp_path: Path, elsewhere: Path
    ) -> None:
        with running(tmp_path, renames=True, archive=elsewhere) as bench:
            bench.write("a.json", b"once")
            (claimed,) = bench.rescan()
            (elsewhere / "2026/01/01").mkdir(parents=True)
            shutil.copy2(claimed.path, elsewhere / "2026/01/01/a.json")
            bench.restart()
            bench.acknowledge(*bench.look())
            assert files(elsewhere) == ["2026/01/01/a.json"]
            assert files(bench.inbox) == []


class TestTheFolderItself:
    def test_taking_folder_on_another_volume_is_a_mistake_of_configuration(
        self, tmp_path: Path, elsewhere: Path
    ) -> None:
        bench = Bench(tmp_path, taking=elsewhere / "taking")
        with pytest.raises(ConfigurationError):
            bench.source.start()

    def test_taking_folder_may_lie_outside_the_inbox(self, tmp_path: Path) -> None:
        with running(tmp_path, taking=tmp_path / "taking") as bench:
            bench.source.take(1)
            bench.rename("a.json")
            (claimed,) = bench.hinted(1)
            assert files(tmp_path / "taking") == [f"{claimed.event_id}-a.json"]

    def test_unreachable_inbox_is_waited_for(self, tmp_path: Path) -> None:
        share = tmp_path / "share"
        bench = Bench(tmp_path, inbox=share / "in", renames=True)
        shutil.rmtree(share)
        share.write_text("not mounted")
        bench.source.start()
        assert condition(bench) is Condition.WAITING
        assert bench.look(2.0) == []
        share.unlink()
        (share / "in").mkdir(parents=True)
        bench.write("a.json")
        assert names(bench.rescan()) == ["a.json"]
        assert condition(bench) is Condition.RUNNING
        bench.source.stop()

    def test_inbox_that_goes_away_and_returns_is_watched_again(self, tmp_path: Path) -> None:
        with running(tmp_path) as bench:
            bench.source.take(1)
            shutil.rmtree(bench.inbox)
            bench.look(2.0)
            assert condition(bench) is Condition.RUNNING
            bench.rename("a.json")
            assert names(bench.hinted(1)) == ["a.json"]

    def test_other_folder_in_the_place_of_the_inbox_is_noticed(self, tmp_path: Path) -> None:
        with running(tmp_path) as bench:
            bench.source.take(1)
            bench.inbox.rename(tmp_path / "unmounted")
            bench.inbox.mkdir()
            bench.look(2.0)
            bench.rename("a.json")
            assert names(bench.hinted(1)) == ["a.json"]

    def test_claims_left_in_a_folder_that_returns_are_replayed_once(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.write("a.json")
            (claimed,) = bench.rescan()
            bench.inbox.rename(tmp_path / "unmounted")
            bench.rescan()
            shutil.rmtree(bench.inbox)
            (tmp_path / "unmounted").rename(bench.inbox)
            assert bench.rescan() == []
            bench.acknowledge(claimed)
            assert files(bench.root / "archive") == ["2026/01/01/a.json"]

    def test_removed_taking_folder_is_made_again(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            shutil.rmtree(bench.settings.claims)
            bench.write("a.json")
            assert names(bench.rescan() + bench.look(0.25)) == ["a.json"]

    def test_file_that_cannot_be_claimed_is_shown_and_claimed_later(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True, incomplete_after_s=5) as bench:
            claims = bench.settings.claims
            shutil.rmtree(claims)
            claims.write_text("in the way")
            bench.write("a.json")
            for _ in range(6):
                assert bench.look(2.0) == []
            assert "1 个文件" in bench.source.state().sentence
            claims.unlink()
            assert names([one for _ in range(3) for one in bench.look(2.0)]) == ["a.json"]
            assert bench.source.state().sentence == "正常"

    def test_dead_watch_is_shown_and_mended(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            bench.source.take(1)
            bench.source._inbox._watch.stop()  # type: ignore[union-attr]  # what watchdog does when it fails
            assert "通知" in bench.source.state().sentence
            bench.write("a.json")
            assert names(bench.rescan()) == ["a.json"]
            assert bench.source.state().sentence == "正常"

    def test_file_of_an_impossible_time_is_as_old_as_its_first_sight(self, tmp_path: Path) -> None:
        with running(tmp_path, renames=True) as bench:
            path = bench.write("a.json")
            os.utime(path, ns=(0, 2**33 * 10**9))
            (claimed,) = bench.rescan()
            assert claimed.modified_at - claimed.seen_at < timedelta(days=365 * 300)

    def test_stop_ends_every_thread_of_the_watch(self, tmp_path: Path) -> None:
        with running(tmp_path) as bench:
            assert bench.source._inbox.watching
            bench.source.stop()
            assert not bench.source._inbox.watching
