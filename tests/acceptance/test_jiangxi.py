"""Jiangxi with real processes: killed along the way, one effect of everything, codes after their settlement.

The province refuses no repetition of a settlement (``guards=off``): one sent twice would show.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.demo.processes import Platform, Station, ended, eventually
from tests.acceptance.conftest import QUICK
from tests.unit.jiangxi.province import clinic, fee, fees, settlement, trace, traces, without

pytestmark = [
    pytest.mark.kill,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of Unix; Windows has its own run"),
]
SETTINGS = {"url": "{url}/gsyl/rest/service", "institutions": ["Y0400=Y6XL0"], "rows_per_message": 2, **QUICK}


class Hospital:
    """One workstation and the province, as processes."""

    def __init__(self, root: Path) -> None:
        self.province = Platform(root / "platform", "jiangxi", ("guards=off",))
        self.province.start()
        settings = {**SETTINGS, "url": SETTINGS["url"].replace("{url}", self.province.url)}
        self.station = Station(root / "station", {"jiangxi": settings}, {})

    def drop(self, his_id: str, transaction: str, data: dict[str, Any]) -> None:
        content = json.dumps({"transaction": transaction, "id": his_id, "data": data}, ensure_ascii=False)
        self.station.drop("jiangxi", f"{his_id}.json", content.encode("utf-8"))

    def results(self) -> dict[str, dict[str, Any]]:
        return {result["id"]: result for result in self.station.final_results("jiangxi").values()}

    def standing(self) -> dict[str, int]:
        """What stands at the province, by key."""
        found: dict[str, int] = {}
        for entry in self.province.admin("ledger?limit=1000")["entries"]:
            found[entry["key"]] = found.get(entry["key"], 0) + entry["change"]
        return found

    def close(self) -> None:
        self.station.close()
        self.province.close()


@pytest.fixture
def hospital(tmp_path: Path) -> Any:
    built = Hospital(tmp_path)
    yield built
    built.close()


@pytest.mark.parametrize(
    "point",
    [
        "transport.after_send",
        "transport.after_send:2",
        "transport.after_answer:4",
        "dispatch.after_claim:3",
        "numbers.after_mark:2",
    ],
)
def test_a_visit_survives_a_kill_anywhere(hospital: Hospital, point: str) -> None:
    """Registration, three details of which two are numbered by us in two messages, codes dropped before the
    settlement, the settlement: each takes effect once, whatever was on the wire."""
    own = fee(1, ake007="20260101")
    drawn = [without(fee(n, ake007="20260101"), "bke384") for n in (2, 3)]
    hospital.station.start(environment={"HIS_AGENT_CRASH_AT": point}, wait=False)
    hospital.drop("1-R", "MZ002", clinic(ckc349="M1"))
    hospital.drop("2-U", "FY001", fees(own, *drawn, ckc349="M1"))
    hospital.drop("3-T", "SQ002", traces(trace(1, bkc517="20260101"), ckc349="M1"))
    hospital.drop("4-S", "FY005", settlement(ckc349="M1"))
    eventually(lambda: ended(hospital.station.process), "the crash point")
    assert hospital.station.process is not None
    assert hospital.station.process.returncode == -signal.SIGKILL
    hospital.station.start()
    eventually(lambda: len(hospital.results()) == 4, "four final results")
    results = hospital.results()
    assert {his_id: result["state"] for his_id, result in results.items()} == dict.fromkeys(
        ("1-R", "2-U", "3-T", "4-S"), "accepted"
    ), results
    numbers = [row["bke384"] for row in results["2-U"]["rows"]]
    assert len(set(numbers)) == 3
    assert all(number[13] == "9" for number in numbers[1:]), "numbers of ours"
    standing = hospital.standing()
    assert {key: count for key, count in standing.items() if key.startswith("fee:")} == {
        f"fee:{number}": 1 for number in numbers
    }
    assert results["4-S"]["data"]["totalFee"] == "36.00"
    assert [count for key, count in standing.items() if key.startswith(("settlement:", "trace:"))] == [1, 1]
    assert hospital.province.admin("ledger/summary")["duplicates"] == {}
    assert hospital.station.stop() == 0


def test_owed_codes_are_listed_until_they_are_uploaded(hospital: Hospital) -> None:
    hospital.station.start()
    hospital.drop("1-R", "MZ002", clinic(ckc349="M1"))
    hospital.drop("2-U", "FY001", fees(fee(1, ake007="20260101"), ckc349="M1"))
    hospital.drop("3-S", "FY005", settlement(ckc349="M1"))
    eventually(lambda: "3-S" in hospital.results(), "the settlement")
    (debt,) = hospital.station.call("trace.owed", system="")["owed"]
    assert (debt["own"], debt["days"], debt["items"][0]["name"]) == ("M1", 0, "糠甾醇片")
    hospital.drop("4-T", "SQ002", traces(trace(1, bkc517="20260101"), ckc349="M1"))
    eventually(lambda: "4-T" in hospital.results(), "the codes")
    assert hospital.results()["4-T"]["state"] == "accepted"
    assert hospital.station.call("trace.owed", system="")["owed"] == []
    assert hospital.station.stop() == 0
