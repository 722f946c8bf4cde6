"""Social-security cards at the till: the real agent, the rehearsed ministry, and a card between them.

The card lies in the virtual reader of the real PC/SC stack, or is read by a vendor's library in its helper
process; the platform and the card judge each other by what GYD055 carries.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.demo.desk import verdicts
from agent.demo.processes import TILL
from agent.demo.stage import Stage, eventually
from agent.rehearsal.virtual_card import SAMPLE, Applet, Holder, profile, prove
from agent.rehearsal.virtual_reader import VirtualReader
from tests.unit.devices.card_rig import card_service

COMPILER = shutil.which("cc") or shutil.which("gcc")
SOURCE = Path(__file__).parents[1] / "unit" / "devices" / "sscard.c"
JIA = Holder(
    card_id="510000D1560000000000000000000001",
    card_number="A00000001",
    reset="00814A444686605100000001AC",
    social_number="519900198408230014",
    name="演练甲",
)
"""Whom the rehearsed ministry knows, with this card and an accepted filing."""

SEED = f"""
[[access]]
key = "510000001"
province = "510000"
[[person]]
aac002 = "{SAMPLE.social_number}"
aac003 = "{SAMPLE.name}"
[[person.card]]
aaz500 = "{SAMPLE.card_number}"
aaz501 = "{SAMPLE.card_id}"
reset = "{SAMPLE.reset}"
[[person.filing]]
aaz341 = "SAMPLE000000000101"
ala491 = "03"
starts = 2020-01-01
ends = 2099-12-31
place = "510000"
"""
CHALLENGE = ("32D9E876ADB31BBF", "DBF7A936D0D18C9E")
"""What the stand-in of a vendor's library always asks."""


@pytest.fixture
def reader(stage: Stage) -> Iterator[VirtualReader]:
    service = card_service()
    stage.station.reader = reader = VirtualReader()
    stage.start_platform()
    yield reader
    stage.close()
    service.stop()


def drop(stage: Stage, transaction: str, identifier: str = "C-1") -> None:
    """It waits, and the reader is open for it."""
    wait = {"scan": "card", "station": TILL, "timeout_s": 120}
    told = {"transaction": transaction, "id": identifier, "data": {}, "await": wait}
    stage.drop(f"{identifier}.json", json.dumps(told).encode("utf-8"))

    def opened() -> bool:
        return bool(stage.call("station.list")["waits"]) and reason(stage) not in ("idle", "device_missing")

    eventually(opened, "the reader is open")


def reason(stage: Stage) -> str:
    return str(stage.call("station.list")["devices"][0]["reason"])


def until(stage: Stage, *reasons: str) -> None:
    eventually(lambda: reason(stage) in reasons, f"the reader says {reasons}")


def heard(stage: Stage, after: int) -> list[str]:
    return [event["verdict"] for event in stage.call("station.events", station=TILL, after=after)["events"]]


def the_finding(stage: Stage) -> dict[str, Any]:
    """How the one card judged the platform."""
    eventually(lambda: bool(verdicts(stage.station)), "the card has judged")
    (path,) = verdicts(stage.station)
    told: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return told


def the_result(stage: Stage) -> dict[str, Any]:
    (result,) = stage.wait_for_results(1).values()
    return result


def sent(stage: Stage) -> list[int]:
    """How often each message was sent."""
    return [message["tries"] for message in stage.call("outbox.list")["messages"]]


pcsc = [pytest.mark.xdist_group("pcsc"), pytest.mark.timeout(120)]


class TestByPcsc:
    pytestmark = pcsc

    def test_an_inserted_card_completes_the_authentication_that_waits(
        self, stage: Stage, reader: VirtualReader
    ) -> None:
        stage.start_agent()
        assert reason(stage) == "idle"
        drop(stage, "GYD052")
        reader.insert(Applet(profile("2.0", JIA)))
        result = the_result(stage)
        assert (result["state"], result["data"]["result"]) == ("accepted", "1")
        assert verdicts(stage.station) == []
        assert sent(stage) == [1]
        reader.pull()
        until(stage, "idle")

    def test_a_card_of_3_0_stays_powered_until_it_has_judged_the_platform(
        self, stage: Stage, reader: VirtualReader
    ) -> None:
        stage.start_agent()
        drop(stage, "GYD055")
        after = stage.call("station.events", station=TILL)["last"]
        reader.insert(Applet(profile("3.0", JIA)))
        told = the_finding(stage)
        assert (told["finding"], told["values"]["social_number"]) == ("genuine", JIA.social_number)
        assert told["submission"] == {"system": "ministry", "transaction": "GYD055", "id": "C-1"}
        assert the_result(stage)["data"]["result"] == "1"
        eventually(lambda: heard(stage, after) == ["taken", "genuine"], "the person hears both")

    def test_a_card_with_a_forged_key_is_told_apart_though_the_platform_knows_its_number(
        self, stage: Stage, reader: VirtualReader
    ) -> None:
        stage.start_agent()
        drop(stage, "GYD055")
        reader.insert(Applet(profile("2.0", JIA, key=b"forged")))
        told = the_finding(stage)
        assert (told["finding"], told["values"]) == ("false", {})
        assert the_result(stage)["data"]["result"] == "1"

    def test_a_platform_that_refuses_lets_the_card_go(self, stage: Stage, reader: VirtualReader) -> None:
        stage.start_agent()
        drop(stage, "GYD055")
        reader.insert(Applet(profile("2.0", replace(JIA, reset="00" * 13))))
        assert the_finding(stage)["finding"] == "released"
        assert the_result(stage)["data"]["result"] == "0"
        until(stage, "card_read", "idle")

    def test_a_person_of_3_0_is_not_readable_for_an_authentication_and_the_his_hears_why(
        self, stage: Stage, reader: VirtualReader
    ) -> None:
        stage.start_agent()
        drop(stage, "GYD052")
        reader.insert(Applet(profile("3.0", JIA)))
        result = the_result(stage)
        assert (result["state"], {fault["rule"] for fault in result["errors"]}) == (
            "invalid",
            {"await_unread"},
        )
        assert "社保卡内部认证" in result["errors"][0]["message"]
        assert sent(stage) == []

    def test_a_card_pulled_out_while_it_is_read_leaves_the_wait_and_the_next_one_completes_it(
        self, stage: Stage, reader: VirtualReader
    ) -> None:
        stage.start_agent()
        drop(stage, "GYD055")
        reader.insert(Applet(profile("3.0", JIA)), pull_at=9)
        until(stage, "card_removed", "card_silent", "card_refused")
        assert len(stage.call("station.list")["waits"]) == 1
        reader.pull()
        reader.insert(Applet(profile("3.0", JIA)))
        assert the_finding(stage)["finding"] == "genuine"
        assert the_result(stage)["state"] == "accepted"
        assert sent(stage) == [1]

    def test_a_card_pulled_out_while_the_platform_is_asked_is_removed_and_the_answer_kept(
        self, stage: Stage, reader: VirtualReader
    ) -> None:
        stage.start_agent()
        drop(stage, "GYD055")
        platform = stage.platform
        assert platform is not None
        platform.send_signal(signal.SIGSTOP)
        try:
            reader.insert(Applet(profile("3.0", JIA)))
            until(stage, "card_held")
            reader.pull()
            assert the_finding(stage)["finding"] == "removed"
        finally:
            platform.send_signal(signal.SIGCONT)
        assert the_result(stage)["state"] == "accepted"
        assert len(verdicts(stage.station)) == 1

    def test_a_card_that_nobody_waits_for_is_kept_for_the_his_where_the_reader_is_always_open(
        self, stage: Stage, reader: VirtualReader
    ) -> None:
        stage.station.devices = {"readers.second": {"station": "till-2", "open": "always"}}
        stage.start_agent()
        reader.insert(Applet(profile("1.0", JIA)))

        def kept() -> list[Path]:
            return sorted(stage.station.scans.glob("card-*.json")) if stage.station.scans.is_dir() else []

        eventually(lambda: bool(kept()), "the card is kept")
        (path,) = kept()
        told = json.loads(path.read_text("utf-8"))
        assert (told["station"], told["kind"], told["values"]["card_id"]) == ("till-2", "card", JIA.card_id)


@pytest.fixture
def card(stage: Stage, tmp_path: Path) -> Path:
    """What lies in a reader that only a vendor's library can read; see its source."""
    library = tmp_path / "libSSCardDriver.so"
    subprocess.run([str(COMPILER), "-shared", "-fPIC", "-w", "-o", str(library), str(SOURCE)], check=True)
    (tmp_path / "card").write_text("0")
    (tmp_path / "seed.toml").write_text(SEED, "utf-8")
    command = [sys.executable, "-m", "agent.devices.cards.driver_helper", str(library)]
    stage.station.devices = {"readers.desk": {"station": TILL, "kind": "driver", "driver": command}}
    stage.start_platform(f"data={tmp_path / 'seed.toml'}")
    return tmp_path / "card"


@pytest.mark.skipif(COMPILER is None or sys.platform == "win32", reason="no C compiler for the stand-in")
class TestByTheVendorsDriver:
    def test_the_driver_reads_the_card_that_is_waited_for(self, stage: Stage, card: Path) -> None:
        stage.start_agent()
        drop(stage, "GYD052")
        card.write_text("b")
        result = the_result(stage)
        assert (result["state"], result["data"]["result"]) == ("accepted", "1")

    @pytest.mark.parametrize(("right", "finding"), [(True, "genuine"), (False, "refused")])
    def test_where_its_own_module_is_missing_the_platforms_proves_the_card(
        self, stage: Stage, card: Path, right: bool, finding: str
    ) -> None:
        if right:
            proof = prove(SAMPLE.card_id, SAMPLE.reset, "03", *CHALLENGE).hex().upper()
            card.with_name("proof").write_text(proof + CHALLENGE[1])
        stage.start_agent()
        drop(stage, "GYD055")
        card.write_text("h")
        told = the_finding(stage)
        assert told["finding"] == finding
        assert told["values"].get("name") == (SAMPLE.name if right else None)
        assert the_result(stage)["data"]["result"] == "1"

    def test_a_driver_that_dies_costs_one_reading(self, stage: Stage, card: Path) -> None:
        stage.start_agent()
        drop(stage, "GYD052")
        card.write_text("x")
        until(stage, "device_gone")
        card.write_text("b")
        assert the_result(stage)["state"] == "accepted"
