"""A rehearsal that was killed and started again knows what it had done, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.errors import ConfigurationError
from tests.unit.ministry.simulator.forms import SAMPLES, admissions, fee, fees, settlements
from tests.unit.ministry.simulator.rehearsed import NOW, Province, rehearsed

REFID = "51000020260315900001"


def test_the_state_comes_back_from_the_ledger_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with rehearsed(ledger=path) as first:
        first.province.send("GYU101", admissions())
        uploaded = first.province.send("GYU102", fees(fee(1), fee(2, akc225="0")), refid=REFID)
        state = first.admin("GET", "state")
        effects = first.admin("GET", "ledger")
    later = ManualClock(NOW)
    later.advance(86400)
    with rehearsed(later, ledger=path) as second:
        assert second.admin("GET", "state") == state
        assert second.admin("GET", "ledger") == effects
        province = second.province
        province.number = 100
        assert province.ask("GYU102", REFID).data["hisdata"] == uploaded.data
        assert province.send("GYU101", admissions()).rows == ["RE1116"]
        assert province.send("GYU102", fees(fee(1), fee(3))).rows == ["RE1142", "RE0000"]
        settled = province.send("GYU103", settlements())
        assert settled.rows == ["RE1083"]  # two fees stand by now
    with rehearsed(ledger=path) as third:
        keys = third.effects()
        assert keys == [
            "stay:51010000001/ZY0001",
            "fee:51010000001/ZY0001/ROW000001",
            "fee:51010000001/ZY0001/ROW000003",
        ]


def everything(province: Province) -> None:
    """One of each thing that changes the state."""

    def send(code: str, rows: list[dict[str, Any]] | None = None, **head: Any) -> dict[str, Any]:
        told = province.send(code, SAMPLES[code].data(rows or [{}], head))
        assert told.busi == "RE0000", told.data
        assert set(told.rows) <= {"RE0000"}, told.data
        return told.data

    send("GYU009")
    send("GYU006")
    downloaded = province.send("GYD001", {}).data["datalist"]
    send("GYU008", [{"busitype": "GYD001", "downno": row["downno"]} for row in downloaded])
    send("GYU001")
    send("GYD051")
    send("GYU303", prerefid=province.refid(province.number))
    aaz515 = send("GYU101")["datalist"][0]["aaz515"]
    send("GYU102")
    send("GYR001")
    send("GYU102")
    send("GYU103")
    province.send("GYU002", SAMPLES["GYU002"].data([{}], {"aaz515": aaz515}))
    aaz516 = send("GYU004", [{"aaz515": aaz515}])["datalist"][0]["aaz516"]
    details = [{"aaz515": aaz515}, {"aaz515": aaz515, "aaz516": aaz516, "trtype": "2"}]
    send("GYU003", details, aae020="13.00")
    send("GYR004", [{"aaz515": aaz515}])
    send("GYR003", aaz515=aaz515)
    province.send("GYD101", {"dlmode": "2"})
    province.send("GYD403", {"dlmode": "2"})


def test_all_that_can_be_done_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with rehearsed(ledger=path) as first:
        everything(first.province)
        before, effects = vars(first.built.platform.world), first.effects()
    later = ManualClock(NOW)
    later.advance(86400)
    with rehearsed(later, ledger=path) as second:
        assert vars(second.built.platform.world) == before
        assert second.effects() == effects
        second.province.number = 100
        assert second.province.send("GYD403", {"dlmode": "2"}).busi == "RE1135"


def test_numbers_go_on_where_they_were(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    numbers: list[Any] = []
    for row in (1, 2):
        with rehearsed(ledger=path) as running:
            running.province.send("GYU101", admissions())
            told = running.province.send("GYU102", fees(fee(row)))
            numbers.append(told.data["datalist"][0]["aaz213"])
    assert len(set(numbers)) == 2


def test_a_reset_leads_back_to_the_seed_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with rehearsed(ledger=path) as first:
        fresh = first.admin("GET", "state")
        first.province.send("GYU101", admissions())
        first.admin("POST", "reset")
        assert first.admin("GET", "state") == fresh
        assert first.province.send("GYU101", admissions()).rows == ["RE0000"]
        first.admin("POST", "reset")
    with rehearsed(ledger=path) as second:
        assert second.admin("GET", "state") == fresh


def test_a_ledger_of_other_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with rehearsed(ledger=path):
        pass
    with pytest.raises(ConfigurationError, match="初始数据"), rehearsed(ledger=path, crowd=5):
        pass


def test_refused_calls_have_no_effect_but_a_history() -> None:
    with rehearsed() as running:
        province = running.province
        assert province.send("GYU102", fees(), refid=REFID).busi == "RE1011"
        assert running.effects() == []
        assert province.ask("GYU102", REFID).data["hisdata"]["busi_code"] == "RE1011"


def test_the_ledger_tells_reused_numbers_and_codes() -> None:
    with rehearsed() as running:
        for _ in range(2):
            running.province.send("GYU000", {}, refid=REFID)
        running.province.send("GYU102", fees())
        summary = running.admin("GET", "ledger/summary")
        codes = [call["code"] for call in running.admin("GET", "calls")["calls"]]
    assert summary["reused_wire_ids"] == [REFID]
    assert summary["calls"] == {"GYU000": 2, "GYU102": 1}
    assert (summary["overlaps"], summary["running"]) == (0, 0)
    assert codes == ["RE0000", "RE0000", "RE1011"]


def test_hisdata_may_come_as_text() -> None:
    with rehearsed(hisdata="text") as running:
        running.province.send("GYU000", {}, refid=REFID)
        told = running.province.ask("GYU000", REFID)
    assert told.data["hisdata"] == '{"busi_code":"RE0000","busi_msg":""}'


def test_more_requests_per_second_than_allowed_get_re1173_per_transaction() -> None:
    with rehearsed(requests_per_second=2) as running:
        province = running.province
        assert [province.send("GYU000", {}).busi for _ in range(3)] == ["RE0000", "RE0000", "RE1173"]
        assert province.ask("GYU000", "51000020260315000001").busi == "RE0000"
        clock = running.clock
        assert isinstance(clock, ManualClock)
        clock.advance(1.0)
        assert province.send("GYU000", {}).busi == "RE0000"
        assert province.ask("GYU000", province.refid(3)).busi == "RE1106"  # it was not processed
