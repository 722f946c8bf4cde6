"""Options, keys and seed of the ministry's rehearsal."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.crypto import load_private, load_public
from agent.errors import AgentError, ConfigurationError, KeyRejected
from agent.rehearsal.people import MOST, invented_identity
from plugins.ministry.simulator.key_files import read_keys
from plugins.ministry.simulator.seed import read_seed
from plugins.ministry.simulator.serve import build
from tests.unit.ministry.simulator.forms import admission, admissions
from tests.unit.ministry.simulator.rehearsed import private_pem, public_pem, rehearsed

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def checksum_holds(number: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == number[17]


def test_the_checksum_itself_is_computed_right() -> None:
    assert checksum_holds("11010519491231002X")  # the standard's own example


def test_nobody_in_the_sample_data_has_an_identity_number_that_could_be_real() -> None:
    people = read_seed(crowd=2000).people
    assert len({person.aac002 for person in people}) == len(people) == 2014
    assert not any(checksum_holds(person.aac002) for person in people)
    assert all(len(person.aac002) == 18 for person in people)


def test_invented_people_differ_to_the_last() -> None:
    picked = [0, 1, 999, 1000, 1001, MOST // 2, MOST - 1]
    assert len({invented_identity(number) for number in picked}) == len(picked)
    assert invented_identity(7) == invented_identity(7)


def test_the_crowd_can_be_admitted() -> None:
    with rehearsed(crowd=2) as running:
        rows = [
            admission(aac002=person.aac002, aac003=person.aac003, akc190=f"ZY{number}")
            for number, person in enumerate(invented_identity(n) for n in range(3))
        ]
        assert running.province.send("GYU101", admissions(*rows)).rows == ["RE0000", "RE0000", "RE1064"]


def test_the_seeds_digest_changes_with_its_content(tmp_path: Path) -> None:
    seed = tmp_path / "seed.toml"
    seed.write_text("")
    empty = read_seed(seed)
    seed.write_text('[[attachment]]\naaa726 = "1"\n')
    assert len({empty.digest, read_seed(seed).digest, read_seed(seed, crowd=1).digest}) == 3


@pytest.mark.parametrize(
    "content",
    [
        "[[access",
        '[[access]]\nkey = "510000001"\n',
        "access = 3\n",
        "attachment = [1]\n",
        "[[institution]]\nakb020 = 1\n",
        '[[person]]\naac002 = "1"\naac003 = "a"\n[[person.filing]]\naaz341 = "1"\n',
        '[[person]]\naac002="1"\naac003="a"\nfiling=[{aaz341="1",ala491="01",starts=2026-01-01,ends=2026-01-01,'
        'place="510000",invalid_since="soon"}]\n',
        '[[person]]\naac002="1"\naac003="a"\nfiling=[{aaz341="1",ala491="01",starts=2026-01-01T00:00:00,'
        'ends=2026-01-01,place="510000"}]\n',
    ],
)
def test_a_wrong_seed_is_a_configuration_error(tmp_path: Path, content: str) -> None:
    seed = tmp_path / "seed.toml"
    seed.write_text(content)
    with pytest.raises(ConfigurationError, match="演练初始数据有误"):
        read_seed(seed)


def test_a_missing_seed_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml"):
        read_seed(tmp_path / "nowhere.toml")


def test_a_folder_gets_the_keys_it_lacks_and_keeps_those_it_has(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = read_keys("", "", folder)
    again = read_keys("", "", folder)
    assert (first.own, first.peer) == (again.own, again.peer)
    province = load_private((folder / "province-private.pem").read_bytes())
    assert province.public == first.peer
    assert load_public((folder / "platform-public.pem").read_bytes()) == first.own.public
    assert first.own.public != first.peer


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps access in lists, not in a mode")
def test_private_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    read_keys("", "", tmp_path)
    for name in ("platform-private.pem", "province-private.pem"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_keys_are_read_from_text_or_file(tmp_path: Path) -> None:
    own, peer = tmp_path / "own.pem", tmp_path / "peer.pem"
    own.write_text(private_pem("platform"))
    peer.write_text(public_pem("province"))
    from_files = read_keys(str(own), str(peer), None)
    from_texts = read_keys(private_pem("platform"), public_pem("province"), None)
    assert (from_files.own, from_files.peer) == (from_texts.own, from_texts.peer)


def test_without_an_own_key_one_is_made_for_the_run() -> None:
    one, other = (read_keys("", public_pem("province"), None) for _ in range(2))
    assert one.own != other.own


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, ConfigurationError),
        ({"peer_public": "no key at all"}, KeyRejected),
        ({"peer_public": "PEM", "layout": "C3C2C1"}, ConfigurationError),
        ({"peer_public": "PEM", "absent": "maybe"}, ConfigurationError),
        ({"peer_public": "PEM", "guards": "yes"}, ConfigurationError),
        ({"peer_public": "PEM", "hisdata": "xml"}, ConfigurationError),
        ({"peer_public": "PEM", "crowd": "many"}, ConfigurationError),
        ({"peer_public": "PEM", "crowd": 10**8}, ConfigurationError),
        ({"peer_public": "PEM", "fault": "earthquake"}, ConfigurationError),
        ({"peer_public": "PEM", "prot": 1}, ConfigurationError),
    ],
)
def test_a_wrong_option_is_refused_before_the_port_is_opened(
    options: dict[str, Any], error: type[AgentError]
) -> None:
    given = {key: public_pem("province") if value == "PEM" else value for key, value in options.items()}
    with pytest.raises(error) as caught:
        build(given, ManualClock())
    assert caught.value.hint
