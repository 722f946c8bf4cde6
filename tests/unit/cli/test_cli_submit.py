"""Placing files and waiting for their results, on real folders."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent import jsontext
from agent.cli import execute, exits
from agent.cli.submit import choose_folder, place, read_field, result_marks, wait_for_result
from agent.clock import ManualClock, SystemClock
from agent.config import AgentConfig, FolderConfig, load
from agent.errors import ConfigurationError, ControlError
from agent.replies.render import render

RESULT = {
    "id": "S-1",
    "system": "alpha",
    "transaction": "A1",
    "state": "accepted",
    "final": True,
    "revision": 2,
    "code": "",
    "message": '说 "final": false <final>false</final>',
    "data": {"final": "false"},
    "rows": [],
}


@pytest.fixture
def config(tmp_path: Path) -> AgentConfig:
    path = tmp_path / "his-agent.toml"
    path.write_text("[systems.alpha]\n")
    config = load(path)
    for kind in (config.folders[0].inbox, config.folders[0].results):
        kind.mkdir(parents=True)
    return config


@pytest.fixture
def folder(config: AgentConfig) -> FolderConfig:
    return config.folders[0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "提交 1.json"
    path.write_text("{}")
    return path


def test_a_placed_file_is_whole_under_its_own_name_and_nothing_else_is_left(
    folder: FolderConfig, file: Path
) -> None:
    place(file, folder)
    assert {entry.name: entry.read_bytes() for entry in folder.inbox.iterdir()} == {file.name: b"{}"}
    assert file.exists()


def test_a_file_is_visible_only_under_a_name_that_is_never_taken_until_it_is_whole(
    folder: FolderConfig, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    link = os.link

    def watching(source: Path, target: Path) -> None:
        seen.append([entry.name for entry in folder.inbox.iterdir()])
        link(source, target)

    monkeypatch.setattr(os, "link", watching)
    place(file, folder)
    assert len(seen) == 1
    assert all(name.endswith(".tmp") for name in seen[0])


def test_where_links_do_not_work_a_rename_does(
    folder: FolderConfig, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_source: Path, _target: Path) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    place(file, folder)
    assert [entry.name for entry in folder.inbox.iterdir()] == [file.name]
    with pytest.raises(ConfigurationError, match="同名"):
        place(file, folder)


def test_a_file_of_the_same_name_that_still_waits_is_never_replaced(folder: FolderConfig, file: Path) -> None:
    (folder.inbox / file.name).write_text("earlier")
    with pytest.raises(ConfigurationError, match="同名"):
        place(file, folder)
    assert [entry.read_text() for entry in folder.inbox.iterdir()] == ["earlier"]


def test_a_folder_with_markers_gets_one_after_the_file(folder: FolderConfig, file: Path) -> None:
    place(file, replace(folder, marker=".ok"))
    assert sorted(entry.name for entry in folder.inbox.iterdir()) == [file.name, f"{file.name}.ok"]


def test_an_inbox_that_cannot_be_written_is_told(folder: FolderConfig, file: Path) -> None:
    folder.inbox.rmdir()
    with pytest.raises(ConfigurationError, match="无法放入"):
        place(file, folder)


def test_the_only_folder_needs_no_name_and_several_do(config: AgentConfig, folder: FolderConfig) -> None:
    two = replace(config, folders=(folder, replace(folder, name="ward")))
    assert choose_folder(config, "") is folder
    assert choose_folder(two, "ward").name == "ward"
    with pytest.raises(ConfigurationError, match="alpha、ward"):
        choose_folder(two, "")
    with pytest.raises(ConfigurationError, match="beta"):
        choose_folder(config, "beta")


@pytest.mark.parametrize("form", ["json", "xml", "csv", "ini"])
@pytest.mark.parametrize("final", [True, False])
def test_state_and_finality_are_read_from_a_result_in_any_form(form: str, final: bool) -> None:
    text = render({**RESULT, "final": final}, form).decode("utf-8")
    assert read_field(form, text, "final") == str(final).lower()
    assert read_field(form, text, "state") == "accepted"


class HurryingClock(ManualClock):
    """Time passes by being waited for."""

    def wait(self, event: threading.Event, timeout: float | None) -> bool:
        self.advance(timeout or 0)
        return event.is_set()


def answer(folder: FolderConfig, name: str, **changes: object) -> Path:
    path = folder.results / f"{name}.S-1.result.json"
    aside = folder.results / ".1.writing"
    aside.write_bytes(render({**RESULT, **changes}))
    aside.replace(path)
    return path


def test_waiting_ends_with_the_final_result_and_not_with_an_interim_one(folder: FolderConfig) -> None:
    answer(folder, "a.json", final=False, state="queued")
    timer = threading.Timer(0.05, answer, (folder, "a.json"))
    timer.start()
    state, text = wait_for_result(folder, "a.json", {}, 5, SystemClock())
    timer.join()
    assert (state, jsontext.read_object(text)["revision"]) == ("accepted", 2)


def test_a_result_that_was_there_before_is_not_taken_for_the_new_one(folder: FolderConfig) -> None:
    answer(folder, "a.json")
    before = result_marks(folder, "a.json")
    with pytest.raises(ControlError) as caught:
        wait_for_result(folder, "a.json", before, 60, HurryingClock())
    assert exits.exit_code(caught.value) == exits.TOO_LATE


def test_results_of_files_with_similar_names_are_not_mixed_up(folder: FolderConfig) -> None:
    answer(folder, "a.json.json")
    answer(folder, "ba.json")
    mine = answer(folder, "a.json")
    (folder.results / "a.json.result.json").write_text("{}")
    assert set(result_marks(folder, "a.json")) >= {mine, folder.results / "a.json.result.json"}
    assert folder.results / "ba.json.S-1.result.json" not in result_marks(folder, "a.json")


def test_submitting_without_a_daemon_leaves_the_file_in_the_inbox_and_says_so(
    config: AgentConfig, folder: FolderConfig, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attachment = tmp_path / "plan.pdf"
    attachment.write_bytes(b"%PDF")
    code = execute(["submit", str(file), "--attach", str(attachment), "--config", str(config.path)])
    assert code == exits.OK
    assert "没有运行" in capsys.readouterr().out
    assert sorted(entry.name for entry in folder.inbox.iterdir()) == sorted([file.name, "plan.pdf"])
