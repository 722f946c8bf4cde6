from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import logs
from agent.clock import ManualClock
from agent.config import LogConfig
from agent.errors import ConfigurationError, KeyMissing

NAME = "张三丰"
ID_NUMBER = "350123199001011234"


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    former, level = list(root.handlers), root.level
    for handler in former:
        root.removeHandler(handler)
    path = tmp_path / "logs" / "his-agent.jsonl"
    yield path
    logs.close()
    logging.captureWarnings(capture=False)
    root.handlers[:] = former
    root.setLevel(level)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_line_carries_event_fields_level_logger_and_the_injected_time(log_file: Path) -> None:
    logs.configure(LogConfig(log_file), clock=ManualClock())
    logs.get_logger("agent.dispatch").info("lane stopped", lane="L1", tries=3)
    assert lines(log_file) == [
        {
            "event": "lane stopped",
            "lane": "L1",
            "tries": 3,
            "level": "info",
            "logger": "agent.dispatch",
            "time": "2026-01-01T09:00:00.000+08:00",
        }
    ]


def test_sensitive_fields_are_masked_however_deep_and_from_whatever_library(log_file: Path) -> None:
    logs.configure(LogConfig(log_file))
    logs.hide(["aac003"])
    logs.get_logger("agent.x").info("row refused", row={"rows": [{"AAC003": NAME}]}, who=ID_NUMBER)
    logging.getLogger("urllib3.connectionpool").warning("retry for %s", ID_NUMBER)
    text = log_file.read_text("utf-8")
    assert len(lines(log_file)) == 2
    assert NAME not in text
    assert ID_NUMBER not in text


def failing(secret: str) -> None:
    held = f"local {secret}"
    raise ValueError(held)


@pytest.mark.parametrize("through", ["agent.x", "watchdog.observers"])
def test_of_an_exception_only_types_codes_and_places_are_kept(log_file: Path, through: str) -> None:
    logs.configure(LogConfig(log_file))
    try:
        try:
            failing(NAME)
        except ValueError as error:
            raise KeyMissing("缺少密钥", hint="请导入", details={"key": "alpha/own"}) from error
    except KeyMissing:
        if through.startswith("agent"):
            logs.get_logger(through).exception("cannot encode")
        else:
            logging.getLogger(through).exception("cannot encode")
    (line,) = lines(log_file)
    outer, inner = line["exception"]
    assert (outer["type"], outer["code"]) == ("agent.errors.KeyMissing", "key_missing")
    assert outer["details"] == {"key": "alpha/own"}
    assert inner["type"] == "builtins.ValueError"
    assert inner["places"][-1].endswith(" failing")
    text = log_file.read_text("utf-8")
    assert NAME not in text
    assert "Traceback" not in text


def test_exception_chains_that_bite_their_tail_end(log_file: Path) -> None:
    logs.configure(LogConfig(log_file))
    one, other = ValueError(), TypeError()
    one.__cause__, other.__cause__ = other, one
    logging.getLogger("agent.x").error("odd", exc_info=one)
    assert len(lines(log_file)[0]["exception"]) == 2


def test_levels_below_the_configured_one_and_chatter_of_libraries_are_left_out(log_file: Path) -> None:
    logs.configure(LogConfig(log_file, level="warning"))
    logs.get_logger("agent.x").info("too low")
    logs.get_logger("plugins.ministry").warning("kept")
    logging.getLogger("urllib3").info("chatter")
    assert [line["event"] for line in lines(log_file)] == ["kept"]


def test_warnings_of_libraries_are_lines_too(log_file: Path) -> None:
    logs.configure(LogConfig(log_file))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn(f"old {ID_NUMBER}", UserWarning, stacklevel=1)
    (line,) = lines(log_file)
    assert line["logger"] == "py.warnings"
    assert ID_NUMBER not in line["event"]


@pytest.mark.skipif(os.name == "nt", reason="modes")
def test_the_file_and_its_successors_are_closed_to_other_accounts(log_file: Path) -> None:
    logs.configure(LogConfig(log_file, max_mb=1, keep=2))
    fill(log_file, 1)
    files = sorted(log_file.parent.iterdir())
    assert [file.name for file in files] == ["his-agent.jsonl", "his-agent.jsonl.1"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert log_file.parent.stat().st_mode & 0o777 == 0o700


def fill(path: Path, megabytes: int) -> None:
    """Write until a little more than ``megabytes`` have gone out since the start."""
    log = logs.get_logger("agent.filler")
    for number in range(megabytes * 1024 + 64):
        log.info("filler", number=number, text="x " * 512)


def test_full_files_give_way_to_new_ones_and_only_the_configured_number_stays(log_file: Path) -> None:
    logs.configure(LogConfig(log_file, max_mb=1, keep=2))
    fill(log_file, 4)
    names = sorted(file.name for file in log_file.parent.iterdir())
    assert names == ["his-agent.jsonl", "his-agent.jsonl.1", "his-agent.jsonl.2"]
    assert lines(log_file)[-1]["number"] == 4 * 1024 + 63


def test_a_file_that_cannot_be_renamed_is_written_on_without_losing_a_line(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows a viewer that holds the file open makes the renaming fail."""
    logs.configure(LogConfig(log_file, max_mb=1, keep=2))

    def held_open(source: str, target: str) -> None:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(os, "rename", held_open)
    fill(log_file, 1)
    monkeypatch.undo()
    assert [line["number"] for line in lines(log_file)] == list(range(1024 + 64))


def test_a_line_that_cannot_be_written_is_told_without_its_content(
    log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(LogConfig(log_file))
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.FileHandler)
    assert handler.stream is not None
    handler.stream.close()
    logs.get_logger("agent.x").info("lost", text="confidential")
    told = capsys.readouterr().err
    assert "log line lost: ValueError" in told
    assert "confidential" not in told
    assert "Traceback" not in told
    handler.stream = handler._open()


def test_the_console_shows_readable_masked_lines_when_asked_for(log_file: Path) -> None:
    console = io.StringIO()
    logs.configure(LogConfig(log_file, console="always"), console=console)
    logs.get_logger("agent.x").warning("lane stopped", lane="L1", who=ID_NUMBER)
    shown = console.getvalue()
    assert "lane stopped" in shown
    assert "lane=L1" in shown
    assert ID_NUMBER not in shown
    assert "\x1b[" not in shown


def test_the_console_shows_an_exception_as_lines_of_types_codes_and_places(
    log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console = io.StringIO()
    logs.configure(LogConfig(log_file, console="always"), console=console)
    try:
        try:
            failing(NAME)
        except ValueError as error:
            raise KeyMissing("缺少密钥", hint="请导入", details={"key": "alpha/own"}) from error
    except KeyMissing:
        logs.get_logger("agent.x").exception("cannot encode", lane="L1")
    first, outer, place, inner, *places = console.getvalue().splitlines()
    assert "cannot encode" in first
    assert "lane=L1" in first
    assert outer == "agent.errors.KeyMissing code=key_missing message=缺少密钥 details={'key': 'alpha/own'}"
    assert place.startswith(f"    {__file__}:")
    assert inner == "builtins.ValueError"
    assert places[-1].endswith(" failing")
    assert NAME not in console.getvalue()
    assert capsys.readouterr().err == ""


KEYS = st.sampled_from(
    ["exception", "stack", "exc_info", "stack_info", "level", "logger", "time", "timestamp"]
)
JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = st.dictionaries(KEYS | st.text("abcxyz.é名", max_size=4), JSON_LIKE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(fields=FIELDS)
def test_no_field_whatever_its_name_and_shape_costs_a_line_on_file_or_console(
    log_file: Path, capsys: pytest.CaptureFixture[str], fields: dict[str, Any]
) -> None:
    console = io.StringIO()
    logs.configure(LogConfig(log_file, console="always"), console=console)
    before = len(lines(log_file))
    try:
        failing(NAME)
    except ValueError:
        logs.get_logger("agent.x").error("worker failed", **{"exc_info": True, **fields})
    assert "worker failed" in console.getvalue()
    assert NAME not in console.getvalue()
    assert len(lines(log_file)) == before + 1
    assert "log line lost" not in capsys.readouterr().err


def test_watchdog_is_heard_except_for_what_it_says_at_every_stop(log_file: Path) -> None:
    logs.configure(LogConfig(log_file))
    watchdog = logging.getLogger("watchdog.observers.inotify")
    watchdog.error("InotifyEmitter.queue_events() called when the thread is inactive")
    watchdog.warning("Inotify queue overflowed")
    assert [line["event"] for line in lines(log_file)] == ["Inotify queue overflowed"]


@pytest.mark.parametrize("console", ["auto", "never"])
def test_without_a_terminal_nothing_goes_to_the_console_unless_asked(log_file: Path, console: str) -> None:
    stream = io.StringIO()
    logs.configure(LogConfig(log_file, console=console), console=stream)
    logs.get_logger("agent.x").warning("quiet")
    assert stream.getvalue() == ""
    assert len(lines(log_file)) == 1


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IO[str]]:
    """A stream that the environment names as the journal's, as systemd.exec(5) says."""
    with (tmp_path / "journal").open("w+", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        yield stream


def test_the_journal_gets_priorities_one_line_each_and_no_second_time(
    log_file: Path, journal: IO[str]
) -> None:
    logs.configure(LogConfig(log_file), console=journal)
    logs.get_logger("agent.x").info("agent started", who=ID_NUMBER, folders=2)
    logging.getLogger("other").error("two\nlines")
    journal.seek(0)
    first, second = journal.read().splitlines()
    assert first.startswith('<6>agent started {"')
    assert json.loads(first.partition(" started ")[2])["folders"] == 2
    assert ID_NUMBER not in first
    assert "2026-" not in first
    assert second.startswith("<3>two\\nlines")


def test_standard_error_that_was_led_elsewhere_is_not_taken_for_the_journal(
    log_file: Path, journal: IO[str]
) -> None:
    stream = io.StringIO()
    logs.configure(LogConfig(log_file), console=stream)
    logs.get_logger("agent.x").warning("quiet")
    assert stream.getvalue() == ""


def test_a_further_handler_gets_masked_lines_with_their_level(log_file: Path) -> None:
    records: list[tuple[int, str]] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append((record.levelno, self.format(record)))

    logs.configure(LogConfig(log_file, console="never"), also=[Keeping()])
    logs.get_logger("agent.x").error("lane stopped", who=ID_NUMBER)
    ((level, line),) = records
    assert level == logging.ERROR
    assert line.startswith("lane stopped {")
    assert ID_NUMBER not in line


def test_an_unusable_place_for_the_file_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(ConfigurationError, match="日志"):
        logs.configure(LogConfig(tmp_path / "logs" / "x.jsonl"))


def test_importing_the_module_imports_neither_structlog_nor_rich() -> None:
    code = "import sys, agent.logs; print({'structlog', 'rich'} & set(sys.modules))"
    assert run_python(code) == ("set()\n", "")


def test_configuring_loads_no_rich_and_leaves_it_importable(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from agent import logs; from agent.config import LogConfig\n"
        f"logs.configure(LogConfig(Path({str(tmp_path / 'x.jsonl')!r})))\n"
        "assert 'rich' not in sys.modules\nimport rich\nprint(rich.__name__)"
    )
    assert run_python(code) == ("rich\n", "")


def test_the_first_lines_of_several_threads_wait_for_the_import_to_be_whole() -> None:
    code = """
import sys, threading
from agent.logs import get_logger

failures = []

def write_during_the_import():
    while "structlog" not in sys.modules:
        pass
    try:
        get_logger("second").warning("first line")
    except AttributeError as error:
        failures.append(error)

second = threading.Thread(target=write_during_the_import)
second.start()
get_logger("first").warning("first line")
second.join()
print("failures:", failures)
"""
    out, _ = run_python(code)
    assert out.splitlines()[-1] == "failures: []"


def run_python(code: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout, done.stderr
