"""agent.service.systemd: what arrives at a real notification socket."""

import os
import socket
import sys

import pytest

from agent.clock import ManualClock
from agent.errors import ConfigurationError
from agent.service.manager import Unmanaged
from agent.service.systemd import manager_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is Linux's")


class Manager:
    """systemd's end: a datagram socket at a path or in the abstract namespace."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self):
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


@pytest.fixture
def systemd(tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.socket.close()


@pytest.fixture
def environment(tmp_path):
    return {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "60000000"}


def test_started_from_a_terminal_it_has_nobody_to_tell():
    manager = manager_of({"WATCHDOG_USEC": "60000000"}, ManualClock())
    assert isinstance(manager, Unmanaged)


def test_ready_and_stopping_are_told_and_stopping_only_once(systemd, environment):
    manager = manager_of(environment, ManualClock())
    manager.ready()
    manager.stopping()
    manager.stopping()
    assert [told.splitlines()[0] for told in systemd.heard()] == ["READY=1", "STOPPING=1"]


def test_the_watchdog_hears_a_beat_each_quarter_of_its_patience(systemd, environment):
    clock = ManualClock()
    manager = manager_of(environment, clock)
    for _ in range(61):
        manager.alive()
        clock.advance(0.5)
    assert systemd.heard() == ["WATCHDOG=1"] * 3


def test_without_a_watchdog_nothing_is_beaten(systemd, environment):
    manager = manager_of({"NOTIFY_SOCKET": environment["NOTIFY_SOCKET"]}, ManualClock())
    manager.alive()
    assert systemd.heard() == []


def test_a_watchdog_over_another_process_is_not_fed(systemd, environment):
    manager = manager_of({**environment, "WATCHDOG_PID": str(os.getpid() + 1)}, ManualClock())
    manager.alive()
    assert systemd.heard() == []


def test_an_abstract_socket_is_reached():
    name = f"his-agent-test-{os.getpid()}"
    systemd = Manager(f"\0{name}")
    manager_of({"NOTIFY_SOCKET": f"@{name}"}, ManualClock()).ready()
    assert systemd.heard()[0].startswith("READY=1")
    systemd.socket.close()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("NOTIFY_SOCKET", "vsock:2:1234"), ("WATCHDOG_USEC", "soon"), ("WATCHDOG_USEC", "0")],
)
def test_what_systemd_never_sets_is_refused_by_name(environment, variable, value):
    with pytest.raises(ConfigurationError) as refusal:
        manager_of({**environment, variable: value}, ManualClock())
    assert refusal.value.details["variable"] == variable


def test_a_manager_that_has_gone_stops_nothing(systemd, environment, tmp_path):
    manager = manager_of(environment, ManualClock())
    systemd.socket.close()
    (tmp_path / "notify").unlink()
    manager.ready()
    manager.alive()
    back = Manager(str(tmp_path / "notify"))
    manager.stopping()
    assert any("STOPPING=1" in message for message in back.heard()), "one that is back is told again"
    back.socket.close()
