"""``his-agent download``: what the commands ask of the daemon, and what they show of its answers."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from agent.cli import execute, exits
from agent.cli.session import Session
from agent.control.verbs import complete

FILES = {"system": "ministry", "transaction": "GYD101", "waiting": 0, "unread": 3}
LISTED = {
    "schedules": [
        {
            "system": "ministry",
            "name": "GYD006",
            "about": "异地就医备案信息下载",
            "every_s": 1800,
            "ran_s_ago": None,
            "due_in_s": 60,
        }
    ],
    "files": [{**FILES, "oldest_at": "2026-01-01T09:00:00+08:00", "late": True}],
    "trouble": 28,
}


class Daemon:
    """Stands for a running daemon at the end of the control endpoint; takes only what a verb takes."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, verb: str, args: dict[str, Any] | None = None) -> Any:
        self.asked.append((verb, complete(verb, args or {})))
        return LISTED if verb == "download.list" else {"submissions": [7]}


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    daemon = Daemon()
    monkeypatch.setattr(Session, "client", lambda _session, _config=None: daemon)
    return daemon


def invoke(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = execute(["download", *arguments])
    sys.stdout.flush()
    return code, capsys.readouterr().out


def test_the_list_shows_schedules_unread_files_and_trouble(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = invoke(capsys, "list")
    assert code == exits.OK
    assert [word for word in ("GYD006", "GYD101", "久未取走", "28") if word not in out] == []


def test_a_run_hands_its_fields_on(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = invoke(capsys, "run", "GYD102", "akb020=51", "akc190=a=b", "--json")
    ((verb, args),) = daemon.asked
    assert (code, verb, args["name"]) == (exits.OK, "download.run", "GYD102")
    assert args["fields"] == {"akb020": "51", "akc190": "a=b"}
    assert args["who"]
    assert '"submissions"' in out


@pytest.mark.parametrize("field", ["akb020", "=51"])
def test_a_field_without_its_form_is_a_usage_error(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], field: str
) -> None:
    assert invoke(capsys, "run", "GYD102", field)[0] == exits.USAGE
    assert not daemon.asked


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        (["--wire-id", "51"], ("51", "", "")),
        (
            ["--since", "2026-01-01T08:00:00", "--until", "2026-01-02"],
            ("", "2026-01-01T08:00:00", "2026-01-02T00:00:00"),
        ),
        (
            ["--since", "20260101080000", "--until", "2026-01-01 09:00:00"],
            ("", "2026-01-01T08:00:00", "2026-01-01T09:00:00"),
        ),
        (["--all"], ("", "", "")),
    ],
)
def test_a_repetition_has_three_forms(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], options: list[str], asked: tuple[str, str, str]
) -> None:
    assert invoke(capsys, "again", "GYD101", *options)[0] == exits.OK
    ((_, args),) = daemon.asked
    assert (args["wire_id"], args["since"], args["until"]) == asked


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--all", "--wire-id", "51"],
        ["--since", "2026-01-01"],
        ["--until", "2026-01-01"],
        ["--all", "--since", "2026-01-01"],
        ["--wire-id", "51", "--since", "2026-01-01", "--until", "2026-01-02"],
        ["--since", "yesterday", "--until", "2026-01-02"],
    ],
    ids=" ".join,
)
def test_any_other_mixture_is_a_usage_error(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert invoke(capsys, "again", "GYD101", *options)[0] == exits.USAGE
    assert not daemon.asked
