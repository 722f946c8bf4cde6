"""winservice: the daemon between the service's start and stop; what the Event Log gets; the program."""

import logging
import subprocess
import sys
import threading

import pytest

from agent import logs
from agent.cli.session import key_ring
from agent.clock import SystemClock
from agent.config import load
from agent.errors import ConfigurationError, StoreLocked
from agent.keys_memory import MemoryKeyring
from agent.outbox.ownership import take_ownership
from winservice import __main__ as program
from winservice import event_log, running

PATIENCE_S = 20


class Manager:
    """Windows' service manager, as far as the daemon sees it."""

    def __init__(self):
        self.told = []
        self.is_ready = threading.Event()

    def ready(self):
        self.told.append("ready")
        self.is_ready.set()

    def alive(self):
        self.told.append("alive")

    def stopping(self):
        self.told.append("stopping")


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr("keyring.get_keyring", MemoryKeyring)
    written = tmp_path / "his-agent.toml"
    written.write_text(
        """[agent]
data = "data"
[log]
console = "never"
[control]
path = "c.sock"
[systems.ministry]
url = "http://127.0.0.1:9/"
access_key = "510000001"
""",
        "utf-8",
    )
    before = logging.getLogger().handlers[:]
    yield written
    logs.close()
    logging.captureWarnings(capture=False)
    logging.getLogger().handlers[:] = before


def test_the_service_is_ready_when_everything_runs_and_ends_when_asked(path):
    manager, asked = Manager(), threading.Event()
    service = threading.Thread(target=running.run, args=(path, manager, asked))
    service.start()
    assert manager.is_ready.wait(PATIENCE_S)
    asked.set()
    service.join(PATIENCE_S)
    assert not service.is_alive()
    assert manager.told[0] == "ready"
    assert manager.told[-1] == "stopping"
    assert '"agent stopped"' in (path.parent / "data/logs/his-agent.jsonl").read_text("utf-8")


def test_a_stop_that_came_before_the_start_had_ended_is_obeyed(path):
    manager, asked = Manager(), threading.Event()
    asked.set()
    running.run(path, manager, asked)
    assert manager.told[:2] == ["ready", "stopping"]


def test_the_service_reaches_keys_in_devices_as_the_command_line_does(path, monkeypatch):
    rings = []
    monkeypatch.setattr("agent.daemon.serve", lambda daemon: rings.append(daemon.keys))
    running.run(path, Manager(), threading.Event())
    config = load(path)
    for ring in (*rings, key_ring(config)):
        with pytest.raises(ConfigurationError, match="没有插件支持 skf"):
            ring.open_reference("skf:container=1")
    assert len(rings) == 1


def test_a_failure_reaches_the_service_manager_and_the_log(path):
    (path.parent / "data").mkdir()
    owner = take_ownership(path.parent / "data/outbox.db", SystemClock())
    try:
        with pytest.raises(StoreLocked):
            running.run(path, Manager(), threading.Event())
    finally:
        owner.release(well=True)
    assert "store_locked" in (path.parent / "data/logs/his-agent.jsonl").read_text("utf-8")


def test_a_broken_configuration_reaches_the_service_manager_too(path):
    path.write_text("[agent", "utf-8")
    with pytest.raises(ConfigurationError):
        running.run(path, Manager(), threading.Event())


def test_the_event_log_gets_warnings_errors_start_and_stop_and_no_chatter(path, monkeypatch):
    events = []
    monkeypatch.setattr(event_log, "report", lambda kind, line: events.append((kind, line)))
    asked = threading.Event()
    asked.set()
    running.run(path, Manager(), asked, handlers=[event_log.EventLogHandler()])
    told = [(kind, line.partition(" {")[0]) for kind, line in events]
    assert (event_log.INFORMATION, "agent started") in told
    assert (event_log.INFORMATION, "agent stopped") in told
    assert {line for kind, line in told if kind == event_log.INFORMATION} == {
        "agent started",
        "agent stopped",
    }


@pytest.mark.parametrize(
    ("level", "kind"),
    [
        (logging.INFO, event_log.INFORMATION),
        (logging.WARNING, event_log.WARNING),
        (logging.ERROR, event_log.ERROR),
        (logging.CRITICAL, event_log.ERROR),
    ],
)
def test_an_event_has_the_kind_of_its_level(level, kind):
    assert event_log.kind_of(level) == kind


def test_the_program_is_the_command_line_unless_windows_starts_it(capsys):
    assert program.main(["service", "--help"]) == 0
    assert "install" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="elsewhere there is no service manager")
def test_elsewhere_the_service_refuses_to_be_hosted():
    done = subprocess.run(
        [sys.executable, "-m", "winservice", "service-host", "x"], capture_output=True, check=False
    )
    assert done.returncode == 2
