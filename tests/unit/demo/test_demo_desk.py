"""What a demo cannot rehearse here is skipped with its reason; what goes wrong at the desk is told."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.demo import desk, equip
from agent.demo.playing import Player, differences
from agent.demo.processes import Platform, Station
from agent.demo.story import Act, Step, Story, load_story
from agent.rehearsal import card_service
from agent.rehearsal.card_service import CardService, CardsUnavailable
from agent.rehearsal.virtual_card import SAMPLE, profile
from tests.unit.demo.test_demo_stories import NOW


def story(step: Step) -> Story:
    cards = {"anybody": profile("2.0", SAMPLE)}
    return Story("ministry", "t", "plugins.ministry.demo", (Act("窗口插卡", "hospital", (step,)),), cards)


def station(root: Path) -> Station:
    return Station(root, {}, {})


class NoService(CardService):
    def start(self, *, wait: bool = False) -> None:
        raise CardsUnavailable("本机没有安装 pcscd")


def test_an_act_with_a_card_is_skipped_with_one_sentence_where_there_is_no_card_service(
    tmp_path: Path,
) -> None:
    told = story(Step("34.json", card="anybody"))
    stations = {"hospital": station(tmp_path)}
    lacking = equip(stations, [told], NoService())
    player = Player(told, Platform(tmp_path, "ministry"), stations, lambda: NOW, lacking)
    player.play()
    assert player.skipped == ["窗口插卡：本机没有安装 pcscd，跳过这一幕"]
    assert (player.broken, player.played, stations["hospital"].reader) == ([], [], None)


def test_no_card_service_is_started_for_a_story_without_cards(tmp_path: Path) -> None:
    assert "reader" not in equip({"hospital": station(tmp_path)}, [story(Step("a.json"))], NoService())


@pytest.mark.parametrize(
    ("hide", "says"),
    [
        ("_program", "pcscd"),
        ("_on_windows", "Windows"),
        ("_SETTINGS", "vsmartcard-vpcd"),
    ],
)
def test_what_the_machine_lacks_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hide: str, says: str
) -> None:
    there: dict[str, Any] = {
        "_on_windows": lambda: False,
        "_program": lambda: "pcscd",
        "_SETTINGS": Path(__file__),
    }
    absent: dict[str, Any] = {
        "_on_windows": lambda: True,
        "_program": lambda: None,
        "_SETTINGS": tmp_path / "vpcd",
    }
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    for name, value in {**there, hide: absent[hide]}.items():
        monkeypatch.setattr(card_service, name, value)
    with pytest.raises(CardsUnavailable, match=says):
        CardService().start()


def test_who_may_not_start_the_service_is_told_and_leaves_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_service, "_lacking", lambda: "")
    monkeypatch.setattr(card_service, "_SETTINGS", Path(__file__))
    monkeypatch.setattr(card_service, "_reader_state", lambda: None)
    monkeypatch.setattr(card_service, "_is_root", lambda: False)
    for _ in range(2):
        with pytest.raises(CardsUnavailable, match="root"):
            CardService().start()


@pytest.mark.skipif(sys.platform == "win32", reason="flock is of Unix; Windows has no virtual reader")
def test_a_reader_that_is_in_use_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_service, "_lacking", lambda: "")
    monkeypatch.setattr(card_service, "_SETTINGS", Path(__file__))
    monkeypatch.setattr(card_service, "_reader_state", lambda: 0x10)
    monkeypatch.setattr(card_service, "_connected", lambda: None)
    first = CardService()
    first.start()
    with pytest.raises(CardsUnavailable, match="另一个演练"):
        CardService().start()
    first.stop()
    monkeypatch.setattr(card_service, "_reader_state", lambda: 0x20)
    with pytest.raises(CardsUnavailable, match="已经有"):
        CardService().start()


def test_a_card_that_the_story_does_not_know_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "with_a_stranger"
    package.mkdir()
    (package / "__init__.py").touch()
    told = 'title = "t"\n[[act]]\ntitle = "a"\n[[act.step]]\nfile = "b"\ncard = "nobody"\n'
    (package / "story.toml").write_text(told, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(KeyError):
        load_story("ministry", "with_a_stranger")


class Reader:
    def __init__(self) -> None:
        self.pulled = False

    def pull(self) -> None:
        self.pulled = True


@pytest.mark.parametrize(("found", "faults"), [("genuine", 0), ("false", 1)])
def test_how_the_card_judged_the_platform_is_compared_and_the_card_taken_out(
    tmp_path: Path, found: str, faults: int
) -> None:
    at = station(tmp_path)
    at.reader = reader = Reader()  # type: ignore[assignment]
    at.scans.mkdir(parents=True)
    (at.scans / "card-0.authentication.json").write_text(json.dumps({"finding": "late"}))
    before = desk.verdicts(at)
    (at.scans / "card-1.authentication.json").write_text(json.dumps({"finding": found}))
    step = Step("35.json", card="anybody", finding="genuine")
    assert len(desk.leave(at, step, before)) == faults
    assert reader.pulled


class Gun:
    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.sent.append(data)


@pytest.mark.parametrize(
    ("verdicts", "faults"), [((), 1), (("taken", "duplicate"), 0), (("taken", "taken"), 1)]
)
def test_what_the_person_hears_of_each_scan_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdicts: tuple[str, ...], faults: int
) -> None:
    gun, at = Gun(), station(tmp_path)
    at.scanner = gun  # type: ignore[assignment]

    def call(_station: Station, verb: str, **arguments: Any) -> Any:
        if verb == "station.list":
            return {"devices": [{"name": "gun", "reason": "ready"}], "waits": [{"station": "till-1"}]}
        sent = len(gun.sent)
        if arguments.get("after") is None:
            return {"last": 0, "events": []}
        return {"last": sent, "events": [{"verdict": ("taken", "duplicate")[sent - 1]}]}

    monkeypatch.setattr(Station, "call", call)
    step = Step("73.json", scans=("A{{year}}", "A{{year}}"), verdicts=verdicts)
    assert len(desk.serve(at, story(step), step, NOW)) == faults
    assert gun.sent == [b"A2026\r", b"A2026\r"]


def test_what_the_system_says_is_compared_as_far_as_the_story_tells() -> None:
    step = Step("34.json", data={"result": "1"})
    said = {"state": "accepted", "data": {"result": "0", "errmsg": "卡信息与发卡信息不一致"}}
    assert list(differences(step, (said,))) == ["result 不是 1"]
    assert list(differences(step, ({"state": "accepted", "data": {"result": "1", "more": "x"}},))) == []
