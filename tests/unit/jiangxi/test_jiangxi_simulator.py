"""The rehearsed province: its arithmetic, its refusals, its memory over a restart, its faults."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from agent import jsontext
from agent.clock import ManualClock
from agent.errors import ConfigurationError
from agent.events import JsonObject
from agent.rehearsal.messages import Call
from plugins.jiangxi.simulator.arithmetic import share
from plugins.jiangxi.simulator.seed import Item, read_seed
from plugins.jiangxi.simulator.serve import Built, build
from plugins.jiangxi.simulator.state import Amounts
from tests.unit.jiangxi.province import (
    ACCIDENT,
    HOSPITAL,
    TODAY,
    clinic,
    discharge,
    fee,
    rehabilitation,
    settlement,
    stay,
    taking_back,
    trace,
)

_SERIAL = count(1)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def tell(province: Built, ywlx: str, data: JsonObject, /, **nodes: Any) -> JsonObject:
    """The answer's nodes; ``nodes`` replace those of the request."""
    body = {
        "safeinfo": "Y6XL0",
        "ywlx": ywlx,
        "jylsh": f"{HOSPITAL}{TODAY}{next(_SERIAL):07d}",
        "ireturn": "000000",
        "input": data,
        **nodes,
    }
    answer = province.rehearsal(Call("POST", "/", "", {}, jsontext.write(body).encode()))
    return jsontext.read_object(answer.body.decode())


def told(province: Built, ywlx: str, data: JsonObject, /, **nodes: Any) -> tuple[str, str]:
    """The return code, and what is wrong."""
    answer = tell(province, ywlx, data, **nodes)
    return answer["ireturn"], answer["msgreturn"]


def complete_fee(number: int, **more: Any) -> JsonObject:
    return fee(number, ckc349="M1", bkf500=str(number), akc264="12.00", **more)


def upload(visit: str, *rows: JsonObject) -> JsonObject:
    total = sum(Decimal(row["akc264"]) for row in rows)
    listed = [{**row, "akc190": visit} for row in rows]
    head = {"akb020": HOSPITAL, "akc190": visit, "listsize": len(rows), "totalFee": f"{total}"}
    return {**head, "inputlist": listed}


def registered(province: Built) -> str:
    return str(tell(province, "MZ002", clinic())["output"]["akc190"])


def settled(province: Built, *rows: JsonObject) -> str:
    visit = registered(province)
    tell(province, "FY001", upload(visit, *(rows or (complete_fee(1),))))
    assert told(province, "FY005", settlement(akc190=visit)) == ("000000", "")
    return visit


@pytest.fixture
def province() -> Built:
    return build({}, ManualClock())


# -- arithmetic --------------------------------------------------------------------------------------------
DRUG = Item("X", "X", "13", Decimal("10"))


@pytest.mark.parametrize(
    ("item", "category", "price", "quantity", "injury", "shares"),
    [
        (DRUG, "13", "12", "3", True, ("36.00", "30.00", "0", "6.00")),
        (DRUG, "13", "9.9999", "3", True, ("30.00", "30.00", "0", "0.00")),
        (DRUG, "14", "12", "3", True, ("36.00", "0", "36.00", "0")),
        (DRUG, "13", "12", "3", False, ("36.00", "0", "36.00", "0")),
        (None, "13", "12", "3", False, ("36.00", "0", "36.00", "0")),
        (Item("X", "X", "13", None), "13", "1000", "1", True, ("1000.00", "1000.00", "0", "0.00")),
        (DRUG, "13", "12", "-1", True, ("-12.00", "-10.00", "0", "-2.00")),
    ],
)
def test_a_fee_is_shared_between_fund_person_and_what_is_above_the_ceiling(
    item: Item | None, category: str, price: str, quantity: str, injury: bool, shares: tuple[str, ...]
) -> None:
    found = share(item, category, Decimal(price), Decimal(quantity), injury=injury)
    assert found == Amounts(*map(Decimal, shares))
    assert found.allow + found.own + found.quota == found.total


def test_invented_people_fail_the_checksum() -> None:
    for person in read_seed().people:
        total = sum(int(d) * w for d, w in zip(person.aac002[:17], _WEIGHTS, strict=True))
        assert "10X98765432"[total % 11] != person.aac002[17]


# -- refusals ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("nodes", "code"),
    [
        ({"safeinfo": "Y0000"}, "000001"),
        ({"safeinfo": "Y0499"}, "000001"),
        ({"ywlx": "MZ001"}, "NFT00001"),
        ({"jylsh": "123"}, "NFT00001"),
        ({"jylsh": f"{HOSPITAL}202613010000001"}, "NFT00001"),
        ({"input": ""}, "FOM00001"),
        ({"input": {"alc005": ""}}, "NFT00001"),
    ],
)
def test_an_envelope_or_field_that_is_wrong_has_its_code(
    province: Built, nodes: JsonObject, code: str
) -> None:
    assert told(province, "CX004", {"alc005": ACCIDENT}, **nodes)[0] == code


def test_a_serial_number_may_be_missing(province: Built) -> None:
    assert told(province, "CX004", {"alc005": ACCIDENT}, jylsh="") == ("000000", "")


REFUSED: list[tuple[JsonObject, str]] = [
    ({"listsize": 2}, "发送记录数"),
    ({"totalFee": "11"}, "医疗总金额"),
    ({"akb020": "Y0401"}, "机构编码"),
    ({"akc190": "1" * 18}, "就诊登记"),
]
ROWS: list[tuple[JsonObject, str]] = [
    ({"akc264": "13.00"}, "单价乘以数量"),
    ({"ake001": "NOWHERE"}, "工伤目录"),
    ({"aka130": "72"}, "就诊登记不一致"),
    ({"ake007": "20270101"}, "费用发生日期"),
]


@pytest.mark.parametrize(("change", "why"), REFUSED)
def test_a_wrong_head_of_fees_is_refused(province: Built, change: JsonObject, why: str) -> None:
    visit = registered(province)
    code, text = told(province, "FY001", {**upload(visit, complete_fee(1)), **change})
    assert code == "BUS00001"
    assert why in text
    assert province.platform.counts()["fees"] == 0


@pytest.mark.parametrize(("change", "why"), ROWS)
def test_a_wrong_row_refuses_the_whole_upload(province: Built, change: JsonObject, why: str) -> None:
    visit = registered(province)
    wrong = {**complete_fee(2), **change}
    code, text = told(province, "FY001", upload(visit, complete_fee(1), wrong))
    assert (code, "第 2 条" in text, why in text) == ("BUS00001", True, True)
    assert province.platform.counts()["fees"] == 0


def test_what_is_no_work_injury_needs_no_catalogue(province: Built) -> None:
    visit = registered(province)
    row = complete_fee(1, ake001="NOWHERE", aka030="0")
    assert tell(province, "FY001", upload(visit, row))["output"]["selfFee"] == "12.00"


def test_a_number_of_a_deleted_detail_is_used_up(province: Built) -> None:
    visit = registered(province)
    tell(province, "FY001", upload(visit, complete_fee(1)))
    tell(province, "JY001", taking_back(akc190=visit))
    assert "重复" in told(province, "FY001", upload(visit, complete_fee(1)))[1]


def test_a_trial_may_bring_a_number_twice(province: Built) -> None:
    """Only FY001 demands that no two be the same."""
    row = {**rehabilitation()["inputlist"][0], "bkf500": "1", "akc264": "12.00"}
    for _ in range(2):
        assert told(province, "KF001", rehabilitation(row)) == ("000000", "")
    assert not province.rehearsal.ledger.duplicates()


@pytest.mark.parametrize(
    ("ywlx", "data", "why"),
    [
        ("FY005", settlement(), "没有已上传"),
        ("KF002", settlement(), "就诊类别"),
        ("ZY004", discharge(), "就诊类别"),
        ("JY002", taking_back(), "没有结算"),
        ("JY001", taking_back(), "未查询到需要删除"),
        ("JY003", taking_back(), "就诊类别"),
    ],
)
def test_a_step_that_does_not_fit_is_refused(province: Built, ywlx: str, data: JsonObject, why: str) -> None:
    code, text = told(province, ywlx, {**data, "akc190": registered(province)})
    assert code == "BUS00001"
    assert why in text


@pytest.mark.parametrize(
    ("change", "why"), [({"bke107": "2"}, "费用汇总类别"), ({"aka130": "72"}, "医疗费用类别")]
)
def test_a_settlement_of_another_kind_than_its_registration_is_refused(
    province: Built, change: JsonObject, why: str
) -> None:
    visit = registered(province)
    tell(province, "FY001", upload(visit, complete_fee(1)))
    assert why in told(province, "FY005", settlement(akc190=visit, **change))[1]


def test_another_institutions_visit_is_nobodys(province: Built) -> None:
    visit = registered(province)
    assert "未查询到" in told(province, "FY004", {"akc190": visit}, safeinfo="Y0401")[1]


def test_without_guards_a_second_settlement_takes_effect_and_shows() -> None:
    province = build({"guards": "off"}, ManualClock())
    visit = settled(province)
    assert told(province, "FY005", settlement(akc190=visit)) == ("000000", "")
    assert province.rehearsal.ledger.duplicates() == {f"settlement:{visit}": 2}


def test_what_was_settled_last_month_is_not_taken_back() -> None:
    clock = ManualClock()
    province = build({}, clock)
    visit = settled(province)
    clock.advance(timedelta(days=31).total_seconds())
    assert "月结算" in told(province, "JY002", taking_back(akc190=visit))[1]


def test_a_revocation_takes_everything_along(province: Built) -> None:
    visit = str(tell(province, "ZY001", stay())["output"]["akc190"])
    row = {**complete_fee(1), "aka130": "72"}
    tell(province, "FY001", upload(visit, row))
    tell(province, "ZY004", discharge(akc190=visit))
    tell(province, "FY005", settlement(akc190=visit, bke107="2", aka130="72"))
    assert told(province, "JY003", taking_back(akc190=visit)) == ("000000", "")
    counts = province.platform.counts()
    assert (counts["visits"], counts["fees"], counts["settlements"]) == (0, 0, 0)
    assert {e.key for e in province.rehearsal.ledger.entries() if e.change < 0} == {
        f"fee:{HOSPITAL}{TODAY}0000000001",
        f"settlement:{visit}",
        f"discharge:{visit}",
        f"admission:{HOSPITAL}/ZY0001",
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"bke384": "unknown"}, "费用明细不存在"),
        ({"ake001": "C-0001"}, "不一致"),
        ({"bkc516": "0"}, "不能为 0"),
        ({"bkc516": "-1"}, "没有上传过"),
    ],
)
def test_a_trace_code_that_does_not_fit_is_refused(province: Built, change: JsonObject, why: str) -> None:
    visit = settled(province)
    row = {**trace(1, kc56list=[{"bkc372": "8" * 20}]), **change}
    data = {"akb020": HOSPITAL, "akc190": visit, "listsize": 1, "kc25list": [row]}
    assert why in told(province, "SQ002", data)[1]


# -- a killed server knows what it had done ----------------------------------------------------------------
def test_a_restarted_server_goes_on_where_it_was(tmp_path: Path) -> None:
    options = {"ledger": str(tmp_path / "ledger.jsonl"), "fault": "half=on:FY001,times:1"}
    first = build(options, ManualClock())
    visit = registered(first)
    tell_nothing(first, "FY001", upload(visit, complete_fee(1), complete_fee(2)))
    tell(first, "SQ001", {"alc005": ACCIDENT, "bke107": "1", "alc084": "0", "alc083": "x", "akb020": HOSPITAL,
                          "akb021": "y"})  # fmt: skip
    counts = first.platform.counts()
    first.rehearsal.ledger.close()
    again = build({"ledger": options["ledger"]}, ManualClock())
    assert again.platform.counts() == counts
    assert counts["fees"] == 1
    listed = tell(again, "CX002", {"akb020": HOSPITAL, "akc190": visit})["output"]["outputlist"]
    assert [row["bke384"] for row in listed] == [f"{HOSPITAL}{TODAY}0000000001"]
    assert re.fullmatch(r"\d{18}", registered(again))
    again.rehearsal.ledger.close()


def tell_nothing(province: Built, ywlx: str, data: JsonObject) -> None:
    body = {"safeinfo": "Y6XL0", "ywlx": ywlx, "jylsh": f"{HOSPITAL}{TODAY}9999999", "input": data}
    province.rehearsal(Call("POST", "/", "", {}, jsontext.write(body).encode()))


def test_a_reset_forgets_everything_but_the_seed(province: Built) -> None:
    settled(province)
    province.rehearsal.reset()
    assert province.platform.counts() == {
        "visits": 0, "fees": 0, "settlements": 0, "relapses": 1, "traces": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "options", [{"guards": "maybe"}, {"refusals": "x"}, {"unknown": "1"}, {"fault": "nothing"}]
)
def test_a_wrong_option_is_refused(options: JsonObject) -> None:
    with pytest.raises(ConfigurationError):
        build(options, ManualClock())


@pytest.mark.parametrize("content", ["[[person", "institution = 1", "[[institution]]\nakb020 = 5"])
def test_a_broken_seed_is_refused(tmp_path: Path, content: str) -> None:
    seed = tmp_path / "seed.toml"
    seed.write_text(content, "utf-8")
    with pytest.raises(ConfigurationError):
        build({"data": str(seed)}, ManualClock())


def test_another_seed_is_another_province(tmp_path: Path) -> None:
    seed = tmp_path / "seed.toml"
    seed.write_text(
        '[[institution]]\nakb020 = "Y0400"\nakb021 = "x"\nsafeinfo = "Y6XL0"\n'
        '[[person]]\naac002 = "369900197005170026"\naac003 = "演练赣乙"\n',
        "utf-8",
    )
    province = build({"data": str(seed)}, ManualClock())
    answer = tell(province, "GS001", {"aac147": "369900197005170026", "aac003": "演练赣乙"})
    assert answer["output"]["checkcode"] == "0"
