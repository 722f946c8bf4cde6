"""The command line as its users have it: real processes, a real daemon, a real rehearsal platform."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.config import AgentConfig, load
from agent.control import ControlClient, endpoint_at
from agent.crypto import keys as sm2_keys
from agent.keys import DATA_KEY, KeyRing
from agent.keys_memory import MemoryKeyring
from agent.opening import open_outbox
from tests.unit.ministry.simulator.forms import admissions

pytestmark = [pytest.mark.kill, pytest.mark.timeout(60)]

COMMAND = (sys.executable, "-m", "agent")
OWN, PEER = sm2_keys.generate(), sm2_keys.generate()
KEYS = {
    DATA_KEY: b64encode(bytes(range(32))).decode(),
    "ministry/own-private": OWN.to_pem(),
    "ministry/peer-public": PEER.public.to_pem(),
}
NOBODY_LISTENS = "http://127.0.0.1:9/engine"


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until ``holds``; fails after 20 s."""
    clock, never = SystemClock(), threading.Event()
    deadline = clock.monotonic() + 20
    while not holds():
        assert clock.monotonic() < deadline, f"waited in vain: {what}"
        clock.wait(never, 0.02)


@dataclass
class Station:
    """A workstation: one configuration, and processes that use it."""

    root: Path
    url: str = NOBODY_LISTENS
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path = self.root / "his-agent.toml"
        self.path.write_text(
            f'[systems.ministry]\nurl = "{self.url}"\naccess_key = "510000001"\n'
            '[keys]\nallow_backends = ["plain_keyring.PlainKeyring"]\n'
        )
        self.environment = {
            **os.environ,
            "HIS_AGENT_CONFIG": str(self.path),
            "PYTHON_KEYRING_BACKEND": "agent.keys_memory.MemoryKeyring",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])]),
            "PLAIN_KEYRING": str(self.root / "keyring.json"),
        }
        assert self.run("init").returncode == 0

    @property
    def config(self) -> AgentConfig:
        return load(self.path)

    def with_shared_keyring(self) -> Station:
        self.environment["PYTHON_KEYRING_BACKEND"] = "plain_keyring.PlainKeyring"
        return self

    def run(self, *arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            input=given,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=self.environment,
            timeout=30,
            check=False,
        )

    def json(self, *arguments: object, given: str = "") -> Any:
        done = self.run(*arguments, "--json", given=given)
        assert done.stderr == ""
        return json.loads(done.stdout)

    @contextmanager
    def daemon(self, keys: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """The daemon, serving; ends with a kill whatever happens."""
        options = ["--keys-from-stdin"] if keys else []
        process = subprocess.Popen([*COMMAND, "run", *options], stdin=subprocess.PIPE, env=self.environment)
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(keys or {}).encode())
            process.stdin.close()
            client = ControlClient(endpoint_at(self.config.control.path))
            until(lambda: process.poll() is not None or client.is_running(), "the daemon serves")
            assert process.poll() is None, "the daemon ended at once"
            yield process
        finally:
            process.kill()
            process.wait(10)

    def file(self, name: str, content: object) -> Path:
        path = self.root / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    def states(self) -> dict[str, str]:
        return {m["his_id"]: m["state"] for m in self.json("outbox", "list")["messages"]}


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def connectivity(his_id: str) -> dict[str, Any]:
    return {"transaction": "GYU000", "id": his_id, "data": {}}


def test_a_daemon_without_keys_runs_says_what_it_lacks_and_takes_them_over_the_endpoint(
    station: Station,
) -> None:
    own = station.root / "own.pem"
    own.write_text(OWN.to_pem())
    with station.daemon():
        listed = {key["name"]: key["present"] for key in station.json("keys", "list")["keys"]}
        assert listed["ministry/own-private"] is False
        assert station.json("keys", "import", "ministry/own-private", own)["fingerprint"]
        given = PEER.public.to_pem()
        assert station.json("keys", "import", "ministry/peer-public", "-", given=given)["needed"] is True
        listed = {key["name"]: key["fingerprint"] for key in station.json("keys", "list")["keys"]}
        assert listed["ministry/own-private"] == OWN.public.fingerprint()
        assert listed["ministry/peer-public"] == PEER.public.fingerprint()
        assert station.run("keys", "remove", "ministry/peer-public", "--yes").returncode == 0
        listed = {key["name"]: key["present"] for key in station.json("keys", "list")["keys"]}
        assert listed["ministry/peer-public"] is False
        wrong = station.run("keys", "import", "ministry/own-private", "-", given="no key")
        assert (wrong.returncode, "no key" in wrong.stderr) == (5, False)


def test_no_key_that_passed_through_lies_on_disk(station: Station) -> None:
    with station.daemon(KEYS):
        station.run("keys", "import", "ministry/own-private", "-", given=OWN.to_pem())
        station.run("submit", station.file("T1.json", connectivity("T1")))
        until(lambda: "T1" in station.states(), "the submission is stored")
        assert station.run("stop").returncode == 0
    body = "".join(OWN.to_pem().splitlines()[1:-1])
    for secret in (body[40:80], KEYS[DATA_KEY], OWN.scalar.hex()):
        holders = [p for p in station.root.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]
        assert holders == []


def test_keys_without_a_daemon_are_refused_unless_this_account_is_meant(station: Station) -> None:
    station.with_shared_keyring()
    refused = station.run("keys", "import", "ministry/own-private", "-", given=OWN.to_pem())
    assert (refused.returncode, "没有运行" in refused.stderr) == (4, True)
    kept = station.run("keys", "import", "ministry/own-private", "-", "--here", given=OWN.to_pem())
    assert kept.returncode == 0, kept.stderr
    with station.daemon():
        listed = {key["name"]: key["present"] for key in station.json("keys", "list")["keys"]}
    assert listed["ministry/own-private"] is True


def test_an_untrusted_keyring_is_refused_when_the_configuration_does_not_allow_it(station: Station) -> None:
    station.with_shared_keyring()
    station.path.write_text(station.path.read_text().replace("plain_keyring.PlainKeyring", "other.Keyring"))
    done = station.run("keys", "list", "--here")
    assert (done.returncode, "allow_backends" in done.stderr) == (3, True)


def test_status_tells_lanes_folders_and_counts_to_people_and_programs(station: Station) -> None:
    with station.daemon(KEYS):
        station.run("submit", station.file("T1.json", connectivity("T1")))
        until(lambda: "T1" in station.states(), "the submission is stored")
        assert [system["name"] for system in station.json("status")["systems"]] == ["ministry"]
        waiting = [{"lane": "510000001", "state": "ready", "count": 1}]
        until(lambda: station.json("status")["messages"] == waiting, "the message waits between two attempts")
        until(lambda: "510000001\t待发\t1" in station.run("status").stdout, "people are shown the same")


def test_a_second_daemon_of_one_configuration_is_refused_and_the_first_goes_on(station: Station) -> None:
    with station.daemon(KEYS):
        second = station.run("run", "--keys-from-stdin", given=json.dumps(KEYS))
        assert second.returncode == 6
        assert "错误：" in second.stderr
        assert station.run("status").returncode == 0


def test_a_daemon_that_cannot_start_tells_why_and_leaves_it_in_the_log(station: Station) -> None:
    station.config.data.joinpath("outbox.db").mkdir()
    done = station.run("run", "--keys-from-stdin", given=json.dumps(KEYS))
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    (line,) = [json.loads(line) for line in station.config.log.file.read_text("utf-8").splitlines()]
    assert (line["event"], line["level"]) == ("agent ended by an error", "error")
    assert line["exception"][0]["type"]


@pytest.mark.parametrize("how", ["verb", "SIGTERM", "SIGINT"])
def test_the_daemon_stops_when_asked_and_ends_with_0(station: Station, how: str) -> None:
    with station.daemon(KEYS) as process:
        if how == "verb":
            assert station.run("stop").returncode == 0
        else:
            process.send_signal(getattr(signal, how))
        assert process.wait(25) == 0
    assert station.run("status").returncode == 4
    assert not station.config.control.path.exists()


def test_after_a_kill_the_same_keys_from_standard_input_open_the_same_outbox(station: Station) -> None:
    with station.daemon(KEYS):
        station.run("submit", station.file("T1.json", connectivity("T1")))
        until(lambda: station.states() == {"T1": "ready"}, "the submission is stored")
    with station.daemon(KEYS):
        until(lambda: station.states() == {"T1": "ready"}, "the submission is there again")


def test_another_data_key_opens_nothing_and_is_no_damage(station: Station) -> None:
    with station.daemon(KEYS):
        station.run("submit", station.file("T1.json", connectivity("T1")))
        until(lambda: station.states() == {"T1": "ready"}, "the submission is stored")
    other = {**KEYS, DATA_KEY: b64encode(bytes(32)).decode()}
    refused = station.run("run", "--keys-from-stdin", given=json.dumps(other))
    assert refused.returncode == 3
    with station.daemon(KEYS):
        until(lambda: station.states() == {"T1": "ready"}, "the submission is there again")


# -- the outbox with and without a daemon ----------------------------------------------------------


def test_decisions_are_the_same_with_and_without_a_daemon(station: Station) -> None:
    station.with_shared_keyring()
    with station.daemon():
        for his_id in ("T1", "T2"):
            station.run("submit", station.file(f"{his_id}.json", connectivity(his_id)))
        until(lambda: set(station.states()) == {"T1", "T2"}, "both are stored")
        first, second = sorted(m["message"] for m in station.json("outbox", "list")["messages"])
        done = station.run("outbox", "cancel", first, "--reason", "acceptance")
        assert done.returncode == 0, done.stderr
    done = station.run("outbox", "cancel", second, "--reason", "acceptance")
    assert done.returncode == 0, done.stderr
    assert station.states() == {"T1": "cancelled", "T2": "cancelled"}
    history = [station.json("outbox", "show", number)["history"] for number in (first, second)]
    assert all("acceptance" in json.dumps(each) for each in history)
    assert station.run("outbox", "show", 99).returncode == 5
    assert station.run("outbox", "retry", first).returncode == 5


def test_without_daemon_and_database_the_outbox_says_so_and_makes_none(station: Station) -> None:
    done = station.run("outbox", "list")
    assert (done.returncode, "还没有数据库" in done.stderr) == (6, True)
    assert not (station.config.data / "outbox.db").exists()


def test_a_database_that_another_process_owns_is_left_alone(station: Station) -> None:
    station.with_shared_keyring()
    ring = KeyRing(backend=MemoryKeyring(), held={DATA_KEY: KEYS[DATA_KEY]})
    assert station.run("keys", "import", DATA_KEY, "-", "--here", given=KEYS[DATA_KEY]).returncode == 0
    path = station.config.data / "outbox.db"
    outbox = open_outbox(path, keys=ring, clock=SystemClock(), answer_within_s=20)
    try:
        done = station.run("outbox", "list", "--json")
        assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (6, "store_locked")
    finally:
        outbox.close()
    assert station.states() == {}


# -- with a platform -------------------------------------------------------------------------------


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Station]:
    """A station whose ministry is a rehearsal server started by ``his-agent simulate``."""
    ready = tmp_path / "ready.json"
    keys = tmp_path / "rehearsal-keys"
    server = subprocess.Popen(
        [*COMMAND, "simulate", "ministry", "port=0", f"keys={keys}", f"ready_file={ready}"],
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: ready.exists() or server.poll() is not None, "the rehearsal server answers")
        root = tmp_path / "station"
        root.mkdir()
        url = json.loads(ready.read_text())["url"]
        station = Station(root, f"{url}/engine/transport/server/001")
        yield station
    finally:
        server.terminate()
        server.wait(10)


def rehearsal_keys(station: Station) -> dict[str, str]:
    keys = station.root.parent / "rehearsal-keys"
    return {
        DATA_KEY: KEYS[DATA_KEY],
        "ministry/own-private": (keys / "province-private.pem").read_text(),
        "ministry/peer-public": (keys / "platform-public.pem").read_text(),
    }


def test_a_submission_is_waited_for_until_its_final_result(platform: Station) -> None:
    with platform.daemon(rehearsal_keys(platform)):
        accepted = platform.run(
            "submit", platform.file("T1.json", connectivity("T1")), "--wait", 20, "--json"
        )
        assert accepted.returncode == 0, accepted.stderr
        result = json.loads(accepted.stdout)
        assert (result["id"], result["state"], result["code"]) == ("T1", "accepted", "RE0000")
        faulty = {"transaction": "GYU101", "id": "T2", "data": {}}
        invalid = platform.run("submit", platform.file("T2.json", faulty), "--wait", 20, "--json")
        assert (invalid.returncode, json.loads(invalid.stdout)["state"]) == (1, "invalid")


def test_numbers_of_the_platform_are_found_by_the_hiss_own_and_by_themselves(
    platform: Station,
) -> None:
    admission = {"transaction": "GYU101", "id": "A1", "data": admissions()}
    with platform.daemon(rehearsal_keys(platform)):
        done = platform.run("submit", platform.file("A1.json", admission), "--wait", 20, "--json")
        number = json.loads(done.stdout)["rows"][0]["aaz515"]
        found = platform.json("identifiers", "find", "ZY0001")["identifiers"]
        assert {fact["kind"]: fact["value"] for fact in found} == {
            "admitted": "20260301",
            "settlement": number,
        }
        shown = platform.run("identifiers", "find", number).stdout
        assert shown.splitlines()[1].split("\t")[1:3] == ["settlement", "51010000001 / ZY0001"]
        assert platform.json("identifiers", "find", "ZY000") == {"identifiers": []}


def test_check_asks_the_daemon_which_reaches_the_platform(platform: Station) -> None:
    with platform.daemon(rehearsal_keys(platform)):
        found = platform.json("check")["findings"]
    kinds = {finding["check"]: finding["level"] for finding in found}
    assert kinds["connection"] == "ok"
    assert kinds["key"] == "ok"
    assert "daemon" not in kinds


def test_check_says_that_keys_do_not_fit_the_platform(platform: Station) -> None:
    with platform.daemon(KEYS):
        found = platform.json("check")["findings"]
    (connection,) = [finding for finding in found if finding["check"] == "connection"]
    assert connection["level"] == "error"
    assert connection["hint"]


def test_a_submission_that_cannot_be_delivered_in_time_ends_with_7_and_stays_queued(station: Station) -> None:
    with station.daemon(KEYS):
        late = station.run("submit", station.file("T1.json", connectivity("T1")), "--wait", 0.5)
        assert (late.returncode, "不要重复提交" in late.stderr) == (7, True)
        until(lambda: station.states() == {"T1": "ready"}, "the submission is stored")
