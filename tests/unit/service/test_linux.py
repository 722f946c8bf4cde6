"""agent.service.linux: the files that are put in place, and what systemd is asked to do."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import root as command_line
from agent.cli.session import Session
from agent.errors import ConfigurationError
from agent.service import linux
from agent.service.host import Installation, ServiceFailed
from agent.service.linux import LinuxHost, render_unit, run_command, shipped_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is Linux's")

WANTED = Installation(config=Path("/etc/his-agent/his-agent.toml"))
PROGRAM = Path("/opt/his-agent/bin/his-agent")


class Calls:
    """Stands for systemd's programs: what they were asked, and what ``show`` answers."""

    def __init__(self, shown="ActiveState=inactive\n"):
        self.made = []
        self.shown = shown

    def __call__(self, command):
        self.made.append(" ".join(command))
        return self.shown if command[1] == "show" else ""


@pytest.fixture
def calls():
    return Calls()


@pytest.fixture
def image(tmp_path, calls):
    """A host whose root is a folder: files only."""
    return LinuxHost(tmp_path, calls, shipped_folder(), PROGRAM)


@pytest.fixture
def machine(tmp_path, calls, monkeypatch):
    """A host that takes a folder for the real root and so calls systemd too."""
    monkeypatch.setattr(LinuxHost, "_live", property(lambda _host: True))
    return LinuxHost(tmp_path, calls, shipped_folder(), PROGRAM)


def installed(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


PLACES = [
    "etc/systemd/system/his-agent.service",
    "etc/sysusers.d/his-agent.conf",
    "etc/tmpfiles.d/his-agent.conf",
]


def test_an_image_gets_the_unit_and_its_companions_and_nothing_is_called(image, tmp_path, calls):
    done = image.install(WANTED)
    assert installed(tmp_path) == PLACES
    assert len(done) == 3
    assert calls.made == []
    assert all((tmp_path / place).stat().st_mode & 0o777 == 0o644 for place in PLACES)


def test_a_machine_makes_accounts_and_folders_before_the_service_may_start(machine, calls):
    machine.install(WANTED)
    assert calls.made == [
        "systemd-sysusers his-agent.conf",
        "systemd-tmpfiles --create his-agent.conf",
        "systemctl daemon-reload",
        "systemctl enable his-agent.service",
    ]


def test_the_his_may_delete_what_was_written_for_it_and_nobody_elses_drop():
    lines = (shipped_folder() / "his-agent.tmpfiles").read_text().splitlines()
    modes = {line.split()[1]: line.split()[2] for line in lines if line.startswith("d ")}
    shared = {place: mode for place, mode in modes.items() if place.startswith("/srv/his-agent/")}
    assert shared == {
        "/srv/his-agent/inbox": "3770",
        "/srv/his-agent/results": "2770",
        "/srv/his-agent/downloads": "2770",
        "/srv/his-agent/scans": "2770",
    }


def test_devices_are_opened_only_when_asked_for(image, tmp_path):
    image.install(replace(WANTED, scanners=True, cards=True))
    drop_ins = tmp_path / "etc/systemd/system/his-agent.service.d"
    assert installed(drop_ins) == ["cards.conf", "scanners.conf"]
    opened = (drop_ins / "scanners.conf").read_text()
    for kind in ("ttyACM", "ttyUSB", "ttyS", "hidraw", "input"):
        assert f"DeviceAllow=char-{kind} rw" in opened
    assert "DeviceAllow" not in (tmp_path / PLACES[0]).read_text()


def test_an_update_restarts_a_service_that_runs_and_starts_none(machine, calls):
    machine.install(WANTED)
    machine.update(WANTED)
    assert calls.made[-1] == "systemctl try-restart his-agent.service"


@pytest.mark.parametrize("verb", ["update", "remove"])
def test_what_is_not_installed_is_neither_updated_nor_removed(image, verb):
    with pytest.raises(ServiceFailed, match="没有安装"):
        getattr(image, verb)(*([WANTED] if verb == "update" else []))


def test_removal_stops_first_and_leaves_an_administrators_own_drop_in(machine, tmp_path, calls):
    machine.install(replace(WANTED, scanners=True))
    own = tmp_path / "etc/systemd/system/his-agent.service.d/site.conf"
    own.write_text("[Service]\n")
    calls.made.clear()
    machine.remove()
    assert calls.made == ["systemctl disable --now his-agent.service", "systemctl daemon-reload"]
    assert installed(tmp_path) == [str(own.relative_to(tmp_path))]


@pytest.mark.parametrize(
    ("active", "state"),
    [("active", "running"), ("activating", "starting"), ("failed", "failed"), ("inactive", "stopped")],
)
def test_the_state_is_the_units(machine, calls, active, state):
    machine.install(WANTED)
    calls.shown = f"ActiveState={active}\nMainPID=42\n"
    assert machine.status().state == state
    assert machine.status().details == {"MainPID": "42"}


def test_a_service_that_was_never_installed_is_absent(machine, calls):
    assert machine.status().state == "absent"
    assert calls.made == []


# -- rendering -----------------------------------------------------------------------------------------
def exec_start(text):
    (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    return line


def test_the_unit_names_this_installations_program_and_configuration():
    shipped = (shipped_folder() / linux.UNIT).read_text()
    text = render_unit(shipped, Path("/srv/agents/a 1/bin/his-agent"), Path("/etc/100%/$x.toml"))
    assert exec_start(text) == 'ExecStart="/srv/agents/a 1/bin/his-agent" run --config /etc/100%%/$$x.toml'
    assert linux.SHIPPED_PROGRAM not in text


@pytest.mark.parametrize("path", ["relative/x", "/a\nExecStartPost=/bin/evil", '/a"b', "/a\\b"])
def test_a_path_that_would_become_something_else_in_a_unit_is_refused(path):
    with pytest.raises(ConfigurationError):
        render_unit(f"ExecStart={linux.SHIPPED_PROGRAM}", Path(path), Path("/c"))


# -- the unit itself -----------------------------------------------------------------------------------
def settings_of(text):
    found = {}
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator and not line.startswith(("#", "[")):
            found.setdefault(name, []).append(value)
    return found


def test_the_unit_gives_the_agent_longer_than_it_needs_and_the_watchdog_longer_than_a_beat():
    from agent.daemon import ASKED_S, STOP_WITHIN_S
    from agent.service.systemd import BEATS_PER_TIMEOUT

    unit = settings_of((shipped_folder() / linux.UNIT).read_text())
    assert unit["Type"] == ["notify"]
    assert int(unit["TimeoutStopSec"][0]) >= STOP_WITHIN_S + 5
    assert int(unit["WatchdogSec"][0]) / BEATS_PER_TIMEOUT > 2 * ASKED_S


def test_a_fault_that_a_person_must_mend_is_not_tried_again_and_any_other_is_for_ever():
    from agent.cli import exits

    unit = settings_of((shipped_folder() / linux.UNIT).read_text())
    assert unit["Restart"] == ["on-failure"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    prevented = {int(code) for code in unit["RestartPreventExitStatus"][0].split()}
    assert prevented == {exits.USAGE, exits.CONFIGURATION}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd tools here")
@pytest.mark.parametrize("scanners", [False, True])
def test_systemd_accepts_the_unit_and_finds_it_little_exposed(tmp_path, scanners):
    host = LinuxHost(tmp_path, Calls(), shipped_folder(), Path("/bin/true"))
    host.install(replace(WANTED, scanners=scanners))
    unit = tmp_path / PLACES[0]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-300:]


# -- the command line ----------------------------------------------------------------------------------
def invoke(*arguments):
    return CliRunner().invoke(command_line, list(arguments), obj=Session(), catch_exceptions=False)


def test_the_commands_install_report_and_remove_below_a_root(tmp_path):
    done = invoke("service", "install", "--root", str(tmp_path), "--config", "/etc/x.toml", "--json")
    assert len(json.loads(done.output)["done"]) == 3
    assert "--config /etc/x.toml" in (tmp_path / PLACES[0]).read_text()
    assert "已停止" in invoke("service", "status", "--root", str(tmp_path)).output
    assert "配置、数据、密钥和账户未动" in invoke("service", "remove", "--root", str(tmp_path)).output
    assert installed(tmp_path) == []
    assert "没有安装" in invoke("service", "status", "--root", str(tmp_path)).output


def test_a_program_that_fails_is_told_with_its_last_words():
    with pytest.raises(ServiceFailed) as failure:
        run_command(["ls", "/nowhere-at-all"])
    assert "nowhere-at-all" in str(failure.value.details["answer"])
    assert run_command(["true"]) == ""


def test_a_machine_without_systemd_is_told_what_is_missing():
    with pytest.raises(ServiceFailed, match="没有 no-such-program"):
        run_command(["no-such-program"])
