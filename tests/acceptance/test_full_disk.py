"""The disk that holds the agent's data fills up: intake stops and says so, and goes on by itself.

The disk is a small one of its own, filled to its last page by a file that has nothing to do with the
agent. Configuration, log and control endpoint lie elsewhere, as an administrator may have them.
"""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from agent.demo.stage import Stage, eventually
from tests.acceptance.conftest import QUICK
from tests.acceptance.workload import Answers, Visit, check_ledger, check_results, invalid_file

DISK_MB = 24
PAGE = 4096
VISITS = [Visit("ZYF", 4500)]

pytestmark = [
    pytest.mark.kill,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0, reason="a disk of a size of its own takes root on Linux"
    ),
]


@pytest.fixture
def disk(tmp_path):
    """A mounted disk of ``DISK_MB``, unmounted whatever happens. Nothing on it outlives the test."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "his-agent-test", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine mounts no disk for tests: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def stage(tmp_path, disk):
    stage = Stage(tmp_path / "stage", settings=QUICK, data_root=disk / "data")
    yield stage
    stage.close()


@pytest.fixture
def answers(stage):
    with Answers(stage.results) as answers:
        yield answers


class Ballast:
    """A file that takes what room there is."""

    def __init__(self, disk):
        self._path = disk / "ballast"

    def fill(self, leave=0):
        """Take all but ``leave`` bytes; with none left, not one more page can be written."""
        free = os.statvfs(self._path.parent)
        size = free.f_bavail * free.f_frsize - leave
        with self._path.open("ab", buffering=0) as file:
            while size > 0 and self._write(file, min(size, PAGE)):
                size -= PAGE

    @staticmethod
    def _write(file, size):
        try:
            file.write(b"\0" * size)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return False
        return True

    def remove(self):
        self._path.unlink()


@pytest.fixture
def ballast(disk):
    return Ballast(disk)


def complaints(stage):
    """The events of the log that name a full disk."""
    lines = (stage.root / "agent.jsonl").read_bytes().splitlines()
    entries = [json.loads(line) for line in lines]
    return [
        entry["event"]
        for entry in entries
        if entry.get("code") == "store_full" or entry.get("errno") == errno.ENOSPC
    ]


def files_of(visits):
    return [invalid_file("BAD-1"), *(file for visit in visits for file in visit.files())]


def drop_onto_a_full_disk(stage, ballast):
    """The agent stands ready; the files of the HIS still fit, what they say does not fit a second time."""
    files = files_of(VISITS)
    assert max(len(content) for _, content in files) > 256 * 1024
    stage.start_platform("guards=off")
    stage.start_agent()
    ballast.fill(leave=sum(len(content) + 2 * PAGE for _, content in files))
    for name, content in files:
        stage.drop(name, content)
    ballast.fill()
    return files


def wait_until_it_says_so(stage, event, times):
    eventually(lambda: complaints(stage).count(event) >= times, f"{event!r}, {times} times")


def finish(stage, answers, files):
    results = stage.wait_for_results(len(files), 60)
    check_results(results, VISITS)
    check_ledger(stage, VISITS)
    assert stage.stop_agent() == 0
    answers.check(results)


STOPPED = "intake stopped until the outbox can store again"


def test_intake_stops_on_a_full_disk_says_so_and_goes_on_when_there_is_room(stage, answers, ballast):
    files = drop_onto_a_full_disk(stage, ballast)
    wait_until_it_says_so(stage, STOPPED, times=1)
    assert {worker["failures"] for worker in stage.call("status")["workers"]} == {0}
    assert len(stage.final_results()) < len(files)
    ballast.remove()
    finish(stage, answers, files)


def test_a_kill_on_a_full_disk_loses_nothing_once_there_is_room(stage, answers, ballast):
    files = drop_onto_a_full_disk(stage, ballast)
    wait_until_it_says_so(stage, STOPPED, times=1)
    stage.kill_agent()
    assert stage.agent.returncode == -signal.SIGKILL
    answers.look()
    ballast.remove()
    stage.start_agent()
    finish(stage, answers, files)


@pytest.mark.parametrize("killed", [False, True], ids=["waits", "killed"])
def test_a_disk_that_fills_up_while_messages_are_sent_costs_none_of_them(stage, answers, ballast, killed):
    files = files_of(VISITS)
    stage.start_platform("guards=off")
    for name, content in files:
        stage.drop(name, content)
    stage.start_agent()
    eventually(lambda: len([*stage.data.glob("archive/**/ZYF-*")]) == 3, "all files taken in")
    ballast.fill()
    wait_until_it_says_so(stage, "outcome not stored yet", times=1)
    if killed:
        stage.kill_agent()
        answers.look()
    ballast.remove()
    if killed:
        stage.start_agent()
    finish(stage, answers, files)
    assert len(stage.final_results()) == len(files)
