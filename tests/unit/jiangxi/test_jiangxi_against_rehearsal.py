"""The adapter and the rehearsed province, which share only the catalog, understand each other."""

from __future__ import annotations

from typing import Any

import pytest

from agent.events import Verdict
from tests.unit.jiangxi.province import (
    ACCIDENT,
    HOSPITAL,
    PERSON,
    TODAY,
    TRACE,
    clinic,
    discharge,
    fee,
    fees,
    line,
    rehabilitation,
    settlement,
    stay,
    taking_back,
    trace,
    traces,
)

STYLES: list[dict[str, str]] = [
    {},
    {"output": "text", "spelling": "camel", "numbers": "number"},
    {"refusals": "flag"},
]


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_a_clinic_visit_goes_through_by_the_hospitals_own_number(style: dict[str, str]) -> None:
    this = line(**style)
    assert this.do("GS001", PERSON).data["outputlist"][0]["alc005"] == ACCIDENT
    registered = this.do("MZ002", clinic(ckc349="MZ0001"))
    uploaded = this.do("FY001", fees(fee(1), fee(2, akc226="2"), ckc349="MZ0001"))
    tried = this.do("FY004", {"ckc349": "MZ0001"})
    settled = this.do("FY005", settlement(ckc349="MZ0001"))
    traced = this.do("SQ002", traces(trace(1), trace(2, "8999999AbCdEfGhIjKlM"), ckc349="MZ0001"))
    outcomes = [registered, uploaded, tried, settled, traced]
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED] * 5
    assert {key: settled.data[key] for key in ("allowFee", "selfFee", "quotaFee", "totalFee")} == {
        "allowFee": "30.00", "selfFee": "0.00", "quotaFee": "6.00", "totalFee": "36.00",
    }  # fmt: skip
    assert this.province.ledger.standing(f"trace:{HOSPITAL}{TODAY}0000000001/{TRACE}") == 1


def test_a_stay_of_300_rows_goes_through_from_admission_to_settlement() -> None:
    this = line({"rows_per_message": 120})
    this.do("ZY001", stay())
    rows = [fee(number, aka130="72") for number in range(1, 301)]
    drafts = this.plan("FY001", fees(*rows, ckc349="ZY0001"))
    assert [draft.rows for draft in drafts] == [(0, 120), (120, 240), (240, 300)]
    assert [(d.body["listsize"], d.body["totalFee"]) for d in drafts] == [
        ("120", "1440.00"), ("120", "1440.00"), ("60", "720.00"),
    ]  # fmt: skip
    for draft in drafts:
        assert this.send(this.ready(draft).draft).verdict is Verdict.ACCEPTED
    assert this.do("ZY004", discharge(ckc349="ZY0001")).verdict is Verdict.ACCEPTED
    settled = this.do("FY005", settlement(ckc349="ZY0001", bke107="2", aka130="72"))
    assert settled.data["totalFee"] == "3600.00"
    assert len(this.do("CX002", {"akb020": HOSPITAL, "ckc349": "ZY0001"}).data["outputlist"]) == 300


def test_rehabilitation_settles_what_its_trial_uploaded() -> None:
    this = line()
    calculated = this.do("KF001", rehabilitation())
    settled = this.do("KF002", settlement(akc190=calculated.data["akc190"], aka130="73"))
    assert settled.data["totalFee"] == calculated.data["totalFee"] == "12.00"


def test_what_was_done_can_be_taken_back() -> None:
    this = line()
    visit = this.do("MZ002", clinic()).data["akc190"]
    this.do("FY001", fees(fee(1, ckc349="M1"), fee(2, ckc349="M1"), akc190=visit))
    detail = f"{HOSPITAL}{TODAY}0000000002"
    assert this.do("JY001", taking_back(akc190=visit, bke384=detail)).verdict is Verdict.ACCEPTED
    assert this.do("JY001", taking_back(akc190=visit)).verdict is Verdict.ACCEPTED
    this.do("FY001", fees(fee(3, ckc349="M1"), akc190=visit))
    this.do("FY005", settlement(akc190=visit))
    assert this.do("JY002", taking_back(akc190=visit)).verdict is Verdict.ACCEPTED
    assert this.do("CX001", {"akb020": HOSPITAL, "akc190": visit}).data["outputlist"] == []
    stayed = this.do("ZY001", stay()).data["akc190"]
    bank = {"bae118": "103421099990", "aae009": "演练赣甲", "aae010": "6200000000000000014"}
    assert this.do("ZY002", {**bank, "akc190": stayed}).data["akc190"] == stayed
    assert this.do("JY003", taking_back(akc190=stayed)).verdict is Verdict.ACCEPTED
    assert not this.province.ledger.duplicates()


def test_a_relapse_is_applied_for_and_found() -> None:
    this = line()
    request = {"alc005": ACCIDENT, "bke107": "1", "alc084": "0", "alc083": "左手疼痛"}
    applied = this.do("SQ001", {**request, "akb020": HOSPITAL, "akb021": "演练工伤医院"})
    assert applied.verdict is Verdict.ACCEPTED
    found = this.do("CX004", {"alc005": ACCIDENT}).data["outputlist"]
    assert [row["alc083"] for row in found] == ["左手旧伤疼痛", "左手疼痛"]


def test_people_are_found_by_name_number_and_code() -> None:
    this = line()
    assert this.do("GS002", PERSON).data["bae118"] == "102100099996"
    assert this.do("CX003", {"qrCodeStr": "ECWI360000000000000014"}).data["aac002"] == PERSON["aac147"]
    nobody = this.do("GS001", {"aac147": "369900199912310033", "aac003": "演练赣丙"})
    assert nobody.data["checkcode"] == "0"


@pytest.mark.parametrize(("refusals", "code"), [("both", "BUS00001"), ("code", "BUS00001"), ("flag", "fail")])
def test_a_refusal_by_business_is_told_however_it_is_written(refusals: str, code: str) -> None:
    this = line(refusals=refusals)
    outcome = this.do("FY004", {"akc190": "1" * 18})
    assert (outcome.verdict, outcome.code) == (Verdict.REJECTED, code)
    assert outcome.message == "未查询到该业务流水号对应的就诊登记信息"


def test_another_institution_has_a_lane_and_an_identity_of_its_own() -> None:
    this = line()
    draft = this.plan("MZ002", clinic(akb020="Y0401"))[0]
    assert draft.lane == "Y0401"
    outcome = this.send(draft)
    assert outcome.verdict is Verdict.ACCEPTED
    assert this.province.ledger.entries()[-1].lane == "Y0401"


@pytest.mark.parametrize(
    ("fault", "verdict", "own"),
    [
        ("000001", Verdict.HALT, False),
        ("FOM00001", Verdict.RETRY, True),
        ("NFT00001", Verdict.REJECTED, False),
        ("BUS00001", Verdict.REJECTED, False),
        ("ACC00001", Verdict.UNKNOWN, False),
        ("NUL00001_after", Verdict.UNKNOWN, False),
        ("ERR00001_after", Verdict.UNKNOWN, False),
        ("no_flag", Verdict.UNKNOWN, False),
    ],
)
def test_every_return_code_has_its_verdict(fault: str, verdict: Verdict, own: bool) -> None:
    from agent.rehearsal.faults import parse_switch

    this = line()
    this.province.board.replace([parse_switch(f"{fault}=on:MZ002")])
    outcome: Any = this.send(this.plan("MZ002", clinic())[0])
    assert (outcome.verdict, outcome.own_fault) == (verdict, own)
    assert outcome.message
    assert outcome.identifiers == ()
