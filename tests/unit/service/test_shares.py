"""agent.service.shares: which share, with whose account, and again after it was lost."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.config import load
from agent.errors import ConfigurationError, KeyMissing
from agent.service import shares
from agent.service.shares import ShareKeeper, share_of, shares_of

PASSWORD = "s3cret-w0rd"


class Keys(dict):
    def get(self, name):
        if name not in self:
            raise KeyMissing("none")
        if isinstance(self[name], Exception):
            raise self[name]
        return self[name]


class Server:
    """Answers each attempt with the next number, the last one for ever."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)
        self.attempts = []

    def __call__(self, root, user, password):
        self.attempts.append((root, user, password))
        return self.numbers.pop(0) if len(self.numbers) > 1 else self.numbers[0]


ACCOUNT = json.dumps({"user": r"FILES\his", "password": PASSWORD})
KEY = "share/files01/his"
SHARE = share_of(r"\\FILES01\his\in")


@pytest.fixture
def told(monkeypatch):
    lines = []

    class Log:
        info = error = staticmethod(lambda event, **fields: lines.append((event, fields)))

    monkeypatch.setattr(shares, "log", Log())
    return lines


def keeper(server, keys=None):
    found = Keys({KEY: ACCOUNT}) if keys is None else keys
    return ShareKeeper((SHARE,), found, server, ManualClock(), threading.Event())


@pytest.mark.parametrize(
    ("path", "root", "key"),
    [
        (r"\\FILES01\his\in\ministry", r"\\FILES01\his", "share/files01/his"),
        ("//files01/His Data$/in", r"\\files01\His Data$", "share/files01/his-data-"),
        (r"\\?\UNC\files01\his\in", r"\\files01\his", "share/files01/his"),
    ],
)
def test_a_folder_names_its_share_and_the_keyrings_entry(path, root, key):
    assert (share_of(path).root, share_of(path).key) == (root, key)


@pytest.mark.parametrize("path", [r"C:\in", "/srv/in", r"\\?\C:\in", r"\\.\pipe\x", "in"])
def test_a_folder_on_no_share_has_none(path):
    assert share_of(path) is None


def test_the_share_is_opened_with_the_account_of_the_keyring(told):
    server = Server(0)
    keeper(server).connect_all()
    assert server.attempts == [(r"\\FILES01\his", r"FILES\his", PASSWORD)]


def test_a_share_without_an_entry_is_left_to_the_services_own_account(told):
    server = Server(0)
    keeper(server, Keys()).connect_all()
    assert (server.attempts, told) == ([], [])


def test_each_change_is_told_once_and_no_password_ever(told):
    server = Server(53, 53, 0, 0, 53)
    kept = keeper(server)
    for _ in range(5):
        kept.connect_all()
    assert [event for event, _ in told] == ["share not opened", "share opened", "share not opened"]
    assert told[0][1]["number"] == 53
    assert PASSWORD not in str(told) + repr(kept)


@pytest.mark.parametrize("entry", ["no json", '{"user": "x"}', ConfigurationError("locked")])
def test_an_entry_that_cannot_be_used_stops_no_other_share(told, entry):
    server = Server(0)
    other = share_of(r"\\other\x\in")
    kept = keeper(server, Keys({KEY: entry, other.key: ACCOUNT}))
    kept.shares = (SHARE, other)
    kept.connect_all()
    assert [root for root, _, _ in server.attempts] == [r"\\other\x"]
    assert told[0][0] == "share not opened"


def test_the_keeper_looks_again_every_minute_until_it_is_stopped(told):
    clock, server = ManualClock(), Server(0)
    kept = replace(keeper(server), clock=clock)
    looks = []

    def wait(event, timeout):
        looks.append(timeout)
        if len(looks) == 3:
            kept.stopping.set()

    clock.wait = wait
    kept.run()
    assert (looks, len(server.attempts)) == ([60.0] * 3, 3)


def test_each_share_of_the_configuration_is_found_once(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(
        """[agent]
data = "data"
[systems.ministry]
url = "https://platform.example/"
access_key = "510000001"
[folders.ministry]
system = "ministry"
inbox = '//FILES01/his/in'
results = '//files01/his/out'
""",
        "utf-8",
    )
    config = load(path)
    folder = replace(config.folders[0], inbox=r"\\FILES01\his\in", results=r"\\files01\HIS\out")
    folder = replace(folder, taking=Path("x"), archive=Path("x"), rejected=Path("x"))
    config = replace(config, folders=(folder,), downloads=r"\\files02\downloads", scans=r"\\files03\scans")
    found = {share.root.lower() for share in shares_of(config)}
    assert found == {r"\\files01\his", r"\\files02\downloads", r"\\files03\scans"}
    assert len(shares_of(config)) == 3
    assert ShareKeeper.of(config, Keys(), ManualClock(), threading.Event(), None) is None
