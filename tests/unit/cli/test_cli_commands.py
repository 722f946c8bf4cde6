"""The command line in this process: what it prints, and what it ends with."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from agent.cli import HIDDEN, MODULES, check, execute, exits, root
from agent.cli.base import Group
from agent.cli.simulate import collect
from agent.config import load
from agent.errors import (
    AgentError,
    ConfigurationError,
    ControlError,
    KeyMissing,
    StoreLocked,
    SubmissionInvalid,
)

Invoke = Callable[..., "Said"]


class Said:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def invoke(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.delenv("HIS_AGENT_CONFIG", raising=False)

    def call(*arguments: object) -> Said:
        code = execute([str(argument) for argument in arguments])
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Said(code, out.decode("utf-8"), err.decode("utf-8"))

    return call


@pytest.fixture
def configured(tmp_path: Path, invoke: Invoke) -> Path:
    """A configuration with the ministry, and its folders."""
    path = tmp_path / "his-agent.toml"
    path.write_text('[systems.ministry]\nurl = "http://127.0.0.1:9/"\naccess_key = "510000001"\n')
    assert invoke("init", "--config", path).code == exits.OK
    return path


# -- help -------------------------------------------------------------------------------------------


def all_commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, (module, _) in MODULES.items():
        found.append((name,))
        command = import_module(module).command
        if isinstance(command, Group):
            found += [(name, inner) for inner in command.commands]
    return found


@pytest.mark.parametrize("path", all_commands(), ids=" ".join)
def test_every_command_has_chinese_help_and_the_common_options(invoke: Invoke, path: tuple[str, ...]) -> None:
    said = invoke(*path, "--help")
    assert said.code == exits.OK
    assert said.out.startswith("用法：his-agent " + " ".join(path))
    assert {"--config", "--json", "--help"} <= set(re.findall(r"--[a-z]+", said.out))
    for english in ("Usage", "Options", "Commands", "Show this", "required", "default"):
        assert english not in said.out


def test_every_option_is_explained_in_chinese() -> None:
    for path in all_commands():
        context = click.Context(root)
        command: click.Command | None = root
        for name in path:
            assert isinstance(command, click.Group)
            command = command.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert re.search("[一-鿿]", parameter.help or ""), (path, parameter.name)


def test_the_overview_lists_every_command_without_importing_any_or_anything_slow() -> None:
    code = (
        "import sys; from agent.cli import execute; execute(['--help'])\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    overview, imported = done.stdout.decode("utf-8"), set(done.stderr.decode().split())
    assert {name for name in MODULES if f"  {name} " in overview} == set(MODULES) - HIDDEN
    slow = {"structlog", "rich", "keyring", "pluggy", "requests", "cryptography", "sqlite3", "tomllib"}
    assert not imported & (slow | {module for module, _ in MODULES.values()})


def test_the_one_line_in_the_overview_stands_for_a_command_that_exists() -> None:
    for name, (module, line) in MODULES.items():
        assert import_module(module).command.name == name
        assert re.search("[一-鿿]", line)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frobnicate"], ["没有命令 frobnicate"]),
        (["outbox", "skpi", "1"], ["没有命令 skpi"]),
        (["outbox", "skip"], ["缺少参数 编号", "--help"]),
        (["outbox", "skip", "1"], ["缺少选项 --reason"]),
        (["outbox", "skip", "0", "--reason", "x"], ["编号", "不小于 1"]),
        (["outbox", "skip", "one", "--reason", "x"], ["编号", "整数"]),
        (["outbox", "resolve", "1", "--as", "maybe", "--reason", "x"], ["accepted、rejected、resend"]),
        (["outbox", "resolve", "1", "--as", "resend", "--reason", "x", "--data", "{"], ["--data", "JSON"]),
        (["outbox", "list", "--stat", "ready"], ["没有选项 --stat", "--state"]),
        (["submit", "/no/such/file"], ["文件", "不存在"]),
        (["submit", __file__, "--wait", "soon"], ["--wait", "数字"]),
        (["simulate", "ministry", "port"], ["名称=值"]),
        (["status", "--config"], ["--config"]),
    ],
)
def test_a_wrong_command_line_is_explained_in_chinese_and_ends_with_2(
    invoke: Invoke, arguments: list[str], words: list[str]
) -> None:
    said = invoke(*arguments)
    assert said.code == exits.USAGE
    assert all(word in said.err for word in words), said.err
    assert said.out == ""


# -- exit codes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("x"), 3),
        (KeyMissing("x"), 3),
        (ControlError("x", details={"code": "not_running"}), 4),
        (ControlError("x", details={"code": "not_possible"}), 5),
        (ControlError("x"), 5),
        (StoreLocked("x"), 6),
        (ControlError("x", details={"code": "timeout"}), 7),
        (SubmissionInvalid([]), 1),
        (AgentError("x"), 1),
    ],
)
def test_each_kind_of_error_ends_with_its_own_code(error: AgentError, code: int) -> None:
    assert exits.exit_code(error) == code


def test_the_documentation_lists_every_exit_code_and_every_command() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert documented == codes
    for path in all_commands():
        assert (f"his-agent {' '.join(path)}" in page) is (path[0] not in HIDDEN), path


def test_people_are_told_an_error_on_standard_error_with_what_to_do(invoke: Invoke, configured: Path) -> None:
    said = invoke("--config", configured, "status")
    assert said.code == exits.NOT_RUNNING
    assert said.out == ""
    assert "错误：代理程序没有运行" in said.err
    assert "处理：" in said.err


def test_programs_are_told_an_error_as_json_on_standard_output(invoke: Invoke, configured: Path) -> None:
    said = invoke("status", "--config", configured, "--json")
    assert said.code == exits.NOT_RUNNING
    assert said.json()["error"]["code"] == "not_running"
    assert said.json()["ok"] is False
    assert said.err == ""


@pytest.mark.parametrize("place", ["before", "after", "environment"])
def test_the_configuration_may_be_named_before_or_after_the_command_or_by_the_environment(
    invoke: Invoke, configured: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = ["--config", configured]
    if place == "environment":
        monkeypatch.setenv("HIS_AGENT_CONFIG", str(configured))
        named = []
    said = invoke(*(named if place == "before" else []), "status", *(named if place == "after" else []))
    assert said.code == exits.NOT_RUNNING


def test_a_missing_configuration_ends_with_3(invoke: Invoke, tmp_path: Path) -> None:
    said = invoke("status", "--config", tmp_path / "none.toml")
    assert (said.code, "init" in said.err) == (exits.CONFIGURATION, True)


def test_a_console_that_lacks_chinese_does_not_break_the_command(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", narrow)
    assert execute(["status", "--config", str(tmp_path / "none.toml")]) == exits.CONFIGURATION


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_bug_is_told_by_type_and_place_and_never_by_its_text(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    from agent.cli.session import Session

    def broken(_session: Session) -> Path:
        raise RuntimeError("the patient's name")

    monkeypatch.setattr(Session, "path", broken)
    said = invoke("status", *form)
    assert said.code == exits.FAILURE
    assert "RuntimeError" in (said.out if form else said.err)
    assert re.search(r"test_cli_commands\.py:\d+ broken", said.err)
    assert "patient" not in said.out + said.err


# -- init -------------------------------------------------------------------------------------------


def test_init_writes_a_loadable_sample_and_makes_closed_folders(invoke: Invoke, tmp_path: Path) -> None:
    path, data = tmp_path / "etc" / "his-agent.toml", tmp_path / "data"
    said = invoke("init", "--config", path, "--data", data, "--json")
    assert said.json()["written"] is True
    assert load(path).data == data
    assert "#[systems.ministry]" in path.read_text(encoding="utf-8")
    if os.name == "posix":
        assert (path.stat().st_mode & 0o777, data.stat().st_mode & 0o777) == (0o640, 0o750)
        assert (data / "logs").stat().st_mode & 0o777 == 0o700


def test_init_never_touches_a_configuration_that_is_there_but_makes_its_missing_folders(
    invoke: Invoke, configured: Path
) -> None:
    before = configured.read_bytes()
    folder = load(configured).folders[0]
    folder.results.rmdir()
    said = invoke("init", "--config", configured, "--json")
    assert said.json() == {"config": str(configured), "written": False, "folders": [str(folder.results)]}
    assert configured.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="modes")
def test_folders_of_the_his_are_reachable_by_its_group_and_the_rest_is_private(configured: Path) -> None:
    config = load(configured)
    folder = config.folders[0]
    shared = (folder.inbox, folder.results)
    private = (
        folder.archive,
        folder.rejected,
        folder.taking,
        config.log.file.parent,
        config.control.path.parent,
    )
    assert {path.stat().st_mode & 0o777 for path in shared} == {0o770}
    assert {path.stat().st_mode & 0o777 for path in private} == {0o700}


def test_init_into_a_place_that_cannot_be_written_ends_with_3(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert invoke("init", "--config", tmp_path / "file" / "his-agent.toml").code == exits.CONFIGURATION


# -- check without a daemon -------------------------------------------------------------------------


def test_check_tells_every_problem_of_the_configuration_as_a_finding(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "his-agent.toml"
    path.write_text("[agent]\nnode = 5\n[log]\nlevel = 'loud'\n")
    said = invoke("check", "--config", path, "--json")
    assert said.code == exits.FAILURE
    findings = said.json()["findings"]
    assert [finding["subject"] for finding in findings] == ["log.level", "agent.node"]
    assert all(str(path) in finding["hint"] for finding in findings)


def test_check_without_a_daemon_says_so_and_judges_what_it_can(
    invoke: Invoke, configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = invoke("check", "--config", configured, "--json")
    found = {finding["check"]: finding for finding in said.json()["findings"]}
    assert said.code == exits.FAILURE
    assert "连通" in found["daemon"]["message"]
    assert found["folder"]["level"] == "ok"
    assert found["key"]["level"] == "error"
    assert found["outbox"]["level"] == "ok"
    assert not (configured.parent / "outbox.db").exists()


def test_check_for_people_lists_findings_with_what_to_do(invoke: Invoke, configured: Path) -> None:
    said = invoke("check", "--config", configured)
    assert "怎么处理" in said.out
    assert re.search(r"共 \d+ 项，\d+ 项需要处理", said.out)


@pytest.mark.parametrize(
    ("levels", "code", "says"),
    [
        (["ok", "ok"], exits.OK, "共 2 项，全部正常"),
        (["ok", "warning"], exits.OK, "共 2 项，1 项请注意"),
        (["error", "warning", "ok"], exits.FAILURE, "共 3 项，1 项需要处理，1 项请注意"),
    ],
)
def test_remarks_are_no_failure_and_are_counted_apart(levels: list[str], code: int, says: str) -> None:
    assert (check.judged(levels), check.summary(levels)) == (code, says)


# -- catalogs and simulators ------------------------------------------------------------------------


def test_catalogs_can_be_listed_shown_and_exported(invoke: Invoke) -> None:
    systems = {row["system"]: row for row in invoke("catalog", "list", "--json").json()}
    assert systems["ministry"]["transactions"] == 39
    codes = [row["code"] for row in invoke("catalog", "list", "ministry", "--json").json()]
    assert len(codes) == 39
    shown = invoke("catalog", "show", "ministry", codes[0], "--json").json()
    exported = invoke("catalog", "export", "ministry").json()
    assert shown in exported["transactions"]
    assert exported == invoke("catalog", "export", "ministry", "--json").json()


def test_a_transaction_is_shown_to_people_field_by_field(invoke: Invoke) -> None:
    said = invoke("catalog", "show", "ministry", "GYU101")
    assert "GYU101" in said.out.splitlines()[0]
    assert any(line.strip().startswith("akc190\t") for line in said.out.lower().splitlines())


@pytest.mark.parametrize(
    "arguments", [("show", "ministry", "GYX999"), ("list", "nowhere"), ("export", "nowhere")]
)
def test_an_unknown_system_or_transaction_ends_with_3(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    said = invoke("catalog", *arguments)
    assert said.code == exits.CONFIGURATION
    assert "处理：" in said.err


def test_options_of_a_simulator_given_several_times_become_a_list() -> None:
    assert collect(["port=7015", "fault=a=1", "fault=b"]) == {"port": "7015", "fault": ["a=1", "b"]}


def test_a_system_without_a_simulator_is_told(invoke: Invoke) -> None:
    assert invoke("simulate", "nowhere").code == exits.CONFIGURATION


# -- run --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [b"", b"[]", b"{}", b'{"a/b": 1}', b'{"a/b": ""}', b"\xff"])
def test_run_refuses_keys_on_standard_input_that_are_none(
    invoke: Invoke, configured: Path, monkeypatch: pytest.MonkeyPatch, given: bytes
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    said = invoke("run", "--config", configured, "--keys-from-stdin")
    assert said.code == exits.CONFIGURATION
    assert "标准输入" in said.err


def test_run_with_a_faulty_configuration_ends_with_3_before_anything_is_made(
    invoke: Invoke, tmp_path: Path
) -> None:
    path = tmp_path / "his-agent.toml"
    path.write_text("[systems.ministry]\n")
    said = invoke("run", "--config", path)
    assert said.code == exits.CONFIGURATION
    assert "systems.ministry.url" in said.err
    assert [entry.name for entry in tmp_path.iterdir()] == ["his-agent.toml"]


def test_no_command_at_all_shows_the_help_without_calling_it_an_error(invoke: Invoke) -> None:
    said = invoke()
    assert said.code == exits.USAGE
    assert said.err.startswith("用法：his-agent")
    assert "错误" not in said.err
    assert "init" in said.err


def test_the_version_is_told(invoke: Invoke) -> None:
    said = invoke("--version")
    assert said.code == exits.OK
    assert re.fullmatch(r"his-agent \d+\.\d+\.\d+\S*\n", said.out)


@pytest.mark.parametrize("arguments", [("--json", "outbox", "show"), ("outbox", "show", "--json")])
def test_a_wrong_command_line_is_told_in_json_to_a_program(
    invoke: Invoke, arguments: tuple[str, ...]
) -> None:
    said = invoke(*arguments)
    assert said.code == exits.USAGE
    assert said.json()["error"]["code"] == "usage"
    assert said.json()["error"]["message"] == "缺少参数 编号"
    assert said.err == ""


def test_surplus_arguments_are_named_in_chinese(invoke: Invoke) -> None:
    assert "错误：多了参数：one two\n" in invoke("status", "one", "two").err


def test_the_columns_of_a_help_text_stand_below_one_another(invoke: Invoke) -> None:
    lines = invoke("submit", "--help").out.splitlines()
    options = [line for line in lines if line.startswith("  --")]
    starts = {_cells(re.split(r"(?<=\S) {2,}", line.strip())[0]) + _gap(line) for line in options}
    assert len(options) >= 6
    assert len(starts) == 1


def _cells(text: str) -> int:
    return sum(2 if ord(character) > 0x2E80 else 1 for character in text)


def _gap(line: str) -> int:
    found = re.search(r"(?<=\S) {2,}", line)
    assert found is not None
    return len(found[0])


def test_a_first_init_says_that_the_folders_come_with_the_systems(tmp_path: Path, invoke: Invoke) -> None:
    path = tmp_path / "his-agent.toml"
    assert "再运行一次 his-agent init" in invoke("init", "--config", path).out
    path.write_text('[systems.ministry]\nurl = "http://127.0.0.1:9/"\naccess_key = "510000001"\n')
    assert "再运行一次" not in invoke("init", "--config", path).out
    assert (tmp_path / "inbox" / "ministry").is_dir()
