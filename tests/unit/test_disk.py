"""agent.disk: files whole or not at all."""

import os
import stat
import sys

import pytest

from agent.disk import PRIVATE, SHARED, flush_folder, make_folder, reason, replace_durably, write_flushed


def test_a_replaced_file_holds_the_new_bytes_and_nothing_is_left_aside(tmp_path):
    target = tmp_path / "high-water.json"
    replace_durably(target, b"old")
    replace_durably(target, b"new")
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["high-water.json"]


def test_a_shorter_file_replaces_a_longer_one_whole(tmp_path):
    target = tmp_path / "file"
    write_flushed(target, b"x" * 100)
    write_flushed(target, b"y")
    assert target.read_bytes() == b"y"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_a_new_file_is_not_for_the_world(tmp_path):
    write_flushed(tmp_path / "file", b"")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) & 0o007 == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows journals renames and has no such call")
def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_flushed(tmp_path / "no" / "file", b"")
    with pytest.raises(FileNotFoundError):
        flush_folder(tmp_path / "no")


@pytest.fixture
def narrow_umask():
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_new_folders_have_their_mode_whatever_the_umask_and_old_ones_keep_theirs(tmp_path, narrow_umask):
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "shared" / "inbox", SHARED)
    make_folder(tmp_path / "shared" / "private", PRIVATE)
    make_folder(tmp_path / "shared", PRIVATE)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in (".", "shared", "shared/inbox")]
    assert modes == [0o755, 0o770, 0o770]
    assert stat.S_IMODE((tmp_path / "shared" / "private").stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
@pytest.mark.parametrize("parent", [0o2770, 0o3770])
def test_a_new_folder_keeps_the_group_and_the_stickiness_that_its_parent_hands_down(
    tmp_path, narrow_umask, parent
):
    tmp_path.chmod(parent)
    make_folder(tmp_path / "ministry", SHARED)
    assert stat.S_IMODE((tmp_path / "ministry").stat().st_mode) == parent


def test_why_a_file_cannot_be_read_is_said_in_chinese(tmp_path):
    with pytest.raises(OSError) as caught:
        (tmp_path / "none").read_bytes()
    assert reason(caught.value) == "不存在"


def test_a_cause_without_chinese_is_said_in_the_systems_own_words():
    assert reason(OSError(-7, "strange things happen")) == "strange things happen"
    assert reason(OSError()) == "原因不明"
