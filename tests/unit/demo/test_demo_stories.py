"""The stories that ``his-agent demo`` plays: complete as data, and no step that could not fail."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files
from pathlib import Path

import pytest

from agent.clock import BEIJING
from agent.demo.playing import differences
from agent.demo.story import HOSPITAL, Step, Story, load_story
from agent.registry import Registry

NOW = datetime(2026, 3, 9, 8, 30, tzinfo=BEIJING)
NOT_DROPPED = {"story.toml", "platform.toml"}


def stories(tmp_path_factory: pytest.TempPathFactory) -> list[Story]:
    found = []
    for name, protocol in Registry().protocols().items():
        if protocol.rehearse is not None:
            rehearsal = protocol.rehearse(tmp_path_factory.mktemp(name))
            assert HOSPITAL in rehearsal.stations
            story = load_story(name, rehearsal.story)
            assert {act.station for act in story.acts} <= set(rehearsal.stations)
            found.append(story)
    return found


def test_every_file_of_a_story_is_there_and_every_file_there_is_in_the_story(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    told = stories(tmp_path_factory)
    assert "ministry" in {story.system for story in told}
    for story in told:
        named = {name for act in story.acts for step in act.steps for name in (step.file, *step.beside)}
        there = {Path(entry.name) for entry in files(story.package).iterdir() if entry.is_file()}
        data = {path.name for path in there if path.suffix not in {".py", ".pyc"}} - NOT_DROPPED
        assert named == data


def test_no_file_is_dropped_twice(tmp_path_factory: pytest.TempPathFactory) -> None:
    for story in stories(tmp_path_factory):
        dropped = [step.file for act in story.acts for step in act.steps]
        assert len(dropped) == len(set(dropped))


@pytest.mark.parametrize(
    "line", ['colour = "red"', '[[act.step]]\nfile = "a"\nresult = 2', '[[act]]\ntitle = "c"\nhero = "d"']
)
def test_a_word_that_the_form_does_not_know_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    package = tmp_path / "told_wrong"
    package.mkdir()
    (package / "__init__.py").touch()
    told = f'title = "t"\n[[act]]\ntitle = "a"\n[[act.step]]\nfile = "b"\n{line}\n'
    (package / "story.toml").write_text(told, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(TypeError):
        load_story("ministry", "told_wrong")


def test_marks_are_days_of_the_demo_and_only_texts_have_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "marked"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "a.json").write_bytes("{{today}} {{yesterday}} {{month}} {{year}} 甲".encode("gb18030"))
    (package / "a.pdf").write_bytes(b"{{today}}")
    monkeypatch.syspath_prepend(str(tmp_path))
    story = Story("ministry", "t", "marked", ())
    assert story.content("a.json", NOW) == "20260309 20260308 202602 2026 甲".encode("gb18030")
    assert story.content("a.pdf", NOW) == b"{{today}}"


@pytest.mark.parametrize(
    ("step", "result"),
    [
        (Step("f", state="accepted"), {"state": "partial", "code": "RE0000", "message": ""}),
        (Step("f", state="accepted"), {"state": "invalid", "errors": [{"message": "不能为空"}]}),
        (Step("f", rows=2), {"state": "accepted", "rows": [{}]}),
        (Step("f", settled_by="inquiry"), {"state": "accepted", "settled_by": "answer"}),
        (Step("f", settled_by="answer"), {"state": "accepted", "settled_by": "inquiry"}),
    ],
)
def test_what_is_not_as_told_is_said(step: Step, result: dict[str, object]) -> None:
    assert len(list(differences(step, (result,)))) == 1


def test_a_missing_result_is_said_and_what_is_as_told_is_not() -> None:
    right = {"state": "accepted", "rows": [{}, {}], "settled_by": "answer"}
    assert list(differences(Step("f", rows=2), (right,))) == []
    assert len(list(differences(Step("f", rows=2, results=2), (right,)))) == 1
