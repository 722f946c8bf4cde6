"""Jiangxi through real lanes and a real outbox: numbers, order, lost answers of every kind, held codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import jsontext
from agent.dispatch.state import LaneSettings
from agent.errors import ControlError
from agent.events import JsonObject
from agent.rehearsal.messages import Call
from tests.unit.jiangxi.province import (
    ACCIDENT,
    HOSPITAL,
    SAFE,
    TODAY,
    clinic,
    discharge,
    fee,
    fees,
    rehabilitation,
    settlement,
    stay,
    taking_back,
    trace,
    traces,
    without,
)
from tests.unit.jiangxi.workstation import Workstation, workstation

RELAPSE = {
    "alc005": ACCIDENT, "bke107": "1", "alc084": "0", "alc083": "左手疼痛", "akb020": HOSPITAL,
    "akb021": "演练工伤医院",
}  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Workstation]:
    with workstation(tmp_path) as built:
        yield built


def effects(desk: Workstation, prefix: str) -> dict[str, int]:
    """What stands at the province, by its key."""
    keys = {entry.key for entry in desk.province.ledger.entries() if entry.key.startswith(prefix)}
    return {key: desk.province.ledger.standing(key) for key in keys}


def uploaded(desk: Workstation, rows: int = 1) -> None:
    desk.do("R", "MZ002", clinic(ckc349="M1"))
    desk.do("U", "FY001", fees(*(fee(n) for n in range(1, rows + 1)), ckc349="M1"))


# -- numbers and order ------------------------------------------------------------------------------------
def test_what_is_dropped_at_once_by_the_hospitals_number_goes_out_in_order(desk: Workstation) -> None:
    """Nothing waits for the HIS to read an akc190 first."""
    desk.drop("1", "MZ002", clinic(ckc349="M1"))
    desk.drop("2", "FY001", fees(fee(1), ckc349="M1"))
    desk.drop("3", "SQ002", traces(trace(1), ckc349="M1"))
    desk.drop("4", "FY004", {"ckc349": "M1"})
    desk.drop("5", "FY005", settlement(ckc349="M1"))
    assert desk.run("3")["state"] == "accepted"
    assert [desk.run(his_id)["state"] for his_id in "12345"] == ["accepted"] * 5
    order = [code for code, _ in desk.wire.sent if code != "FY004"]
    assert order == ["MZ002", "FY001", "FY005", "SQ002"]


def test_numbers_of_details_are_drawn_once_told_to_the_his_and_never_again(desk: Workstation) -> None:
    desk.do("R", "MZ002", clinic(ckc349="M1"))
    desk.fault("ERR00001=on:FY001,times:1", "drop_before=on:CX002,times:2")
    first = desk.do("U1", "FY001", fees(without(fee(1), "bke384"), without(fee(2), "bke384"), ckc349="M1"))
    second = desk.do("U2", "FY001", fees(without(fee(3), "bke384"), ckc349="M1"))
    drawn = [row["bke384"] for row in (*first["rows"], *second["rows"])]
    assert drawn == [f"{HOSPITAL}{TODAY}9{number:09d}" for number in (1, 2, 3)]
    attempts = [[row["bke384"] for row in body["inputlist"]] for body in desk.wire.bodies("FY001")]
    assert attempts == [drawn[:2], drawn[:2], drawn[2:]], "a retry says the same"
    assert set(effects(desk, "fee:")) == {f"fee:{number}" for number in drawn}


def test_messages_by_either_number_of_a_visit_keep_one_order(desk: Workstation) -> None:
    number = desk.do("R", "MZ002", clinic(ckc349="M1"))["data"]["akc190"]
    desk.drop("U", "FY001", fees(fee(1), ckc349="M1"))
    desk.drop("S", "FY005", settlement(akc190=number))
    assert desk.run("S")["state"] == "accepted"
    assert [code for code, _ in desk.wire.sent] == ["MZ002", "FY001", "FY005"]


def test_a_visit_that_was_never_registered_here_is_refused_by_its_hospital_number(desk: Workstation) -> None:
    result = desk.do("S", "FY005", settlement(ckc349="M9"))
    assert (result["state"], result["errors"][0]["rule"]) == ("invalid", "unknown_visit")
    assert "MZ002" in result["errors"][0]["message"]
    assert desk.wire.sent == []
    assert desk.do("R", "MZ002", clinic(ckc349="M9"))["state"] == "accepted", "it holds up nothing"


def test_codes_that_wait_for_a_revoked_stay_end_with_its_revocation(desk: Workstation) -> None:
    desk.do("R", "ZY001", stay())
    desk.do("U", "FY001", fees(fee(1, aka130="72"), ckc349="ZY0001"))
    desk.drop("T1", "SQ002", traces(trace(1), ckc349="ZY0001"))
    desk.drop("T2", "SQ002", traces(trace(1), akc190=desk.result("R")["data"]["akc190"]))
    desk.settle_down()
    assert [desk.result(his_id)["state"] for his_id in ("T1", "T2")] == ["queued"] * 2
    desk.do("J", "JY003", taking_back(ckc349="ZY0001"))
    assert [desk.run(his_id)["state"] for his_id in ("T1", "T2")] == ["invalid"] * 2
    rules = [desk.result(his_id)["errors"][0]["rule"] for his_id in ("T1", "T2")]
    assert rules == ["unknown_visit", "revoked"], "the hospital's number leads to it no more"
    assert desk.wire.bodies("SQ002") == []


def test_codes_that_wait_for_a_settlement_made_elsewhere_go_out_once_it_was_asked_about(
    desk: Workstation,
) -> None:
    uploaded(desk)
    desk.drop("T", "SQ002", traces(trace(1), ckc349="M1"))
    desk.settle_down()
    assert "CX001" in desk.result("T")["message"]
    visit = desk.result("R")["data"]["akc190"]
    nodes = {"safeinfo": SAFE, "ywlx": "FY005", "input": settlement(akc190=visit)}
    desk.province(Call("POST", "/gsyl/rest/service", "", {}, jsontext.write(nodes).encode()))
    assert desk.do("Q", "CX001", {"akb020": HOSPITAL, "ckc349": "M1"})["state"] == "accepted"
    assert desk.run("T")["state"] == "accepted"


def test_a_contradiction_ends_invalid_and_unsent_and_force_sends_it(desk: Workstation) -> None:
    uploaded(desk)
    desk.do("S", "FY005", settlement(ckc349="M1"))
    mistaken = desk.do("A", "JY001", taking_back(ckc349="M1"))
    assert (mistaken["state"], mistaken["errors"][0]["rule"]) == ("invalid", "settled")
    assert desk.wire.bodies("JY001") == []
    forced = desk.do("F", "JY001", taking_back(ckc349="M1"), force=True)
    assert (forced["state"], forced["warnings"][0]["rule"]) == ("rejected", "settled")
    assert len(desk.wire.bodies("JY001")) == 1


def test_a_second_settlement_by_mistake_holds_up_nothing_of_the_visit(desk: Workstation) -> None:
    uploaded(desk)
    desk.do("S", "FY005", settlement(ckc349="M1"))
    assert desk.do("A", "FY005", settlement(ckc349="M1"))["state"] == "invalid"
    assert desk.do("T", "SQ002", traces(trace(1), ckc349="M1"))["state"] == "accepted"


def test_fees_that_were_refused_here_hold_up_the_settlement(desk: Workstation) -> None:
    """It would be settled without them."""
    desk.do("K", "KF001", rehabilitation())
    row = fee(9, ckc349="KF0001", aka130="73")
    assert desk.do("U", "FY001", fees(row))["state"] == "invalid"
    desk.drop("S", "KF002", settlement(ckc349="KF0001", aka130="73"))
    desk.settle_down()
    assert desk.result("S")["state"] == "blocked"


def test_trace_codes_are_held_until_the_settlement_and_in_nobodys_way(desk: Workstation) -> None:
    uploaded(desk)
    desk.drop("T", "SQ002", traces(trace(1), ckc349="M1"))
    desk.settle_down()
    held = desk.result("T")
    assert (held["state"], held["final"]) == ("queued", False)
    assert "结算" in held["message"]
    assert desk.wire.bodies("SQ002") == []
    assert desk.do("S", "FY005", settlement(ckc349="M1"))["state"] == "accepted"
    assert desk.run("T")["state"] == "accepted"


# -- lost answers, by kind ----------------------------------------------------------------------------------
LOST = ("drop_after", "park", "drop_before")


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_upload_takes_effect_once(desk: Workstation, fault: str) -> None:
    desk.do("R", "MZ002", clinic(ckc349="M1"))
    desk.fault(f"{fault}=on:FY001,times:1")
    result = desk.do("U", "FY001", fees(fee(1), fee(2), ckc349="M1"))
    assert result["state"] == "accepted"
    assert [row["accepted"] for row in result["rows"]] == [True, True]
    assert list(effects(desk, "fee:").values()) == [1, 1]
    assert desk.do("S", "FY005", settlement(ckc349="M1"))["data"]["totalFee"] == "24.00"


def test_a_lost_upload_that_is_found_tells_the_amounts(desk: Workstation) -> None:
    desk.do("R", "MZ002", clinic(ckc349="M1"))
    desk.do("U0", "FY001", fees(fee(9), ckc349="M1"))
    desk.fault("drop_after=on:FY001,times:1")
    found = desk.do("U", "FY001", fees(fee(1), fee(2), ckc349="M1"))
    assert found["settled_by"] == "inquiry"
    assert found["data"] == {
        "allowFee": "20.00", "selfFee": "0.00", "quotaFee": "4.00", "totalFee": "24.00"
    }  # fmt: skip


def test_an_upload_of_which_half_arrived_is_finished(desk: Workstation) -> None:
    desk.do("R", "MZ002", clinic(ckc349="M1"))
    desk.fault("half=on:FY001,times:1")
    result = desk.do("U", "FY001", fees(*(fee(n) for n in range(1, 6)), ckc349="M1"))
    assert result["state"] == "accepted"
    assert [(row["index"], row["accepted"]) for row in result["rows"]] == [(n, True) for n in range(5)]
    rest = desk.wire.bodies("FY001")[1]
    assert (rest["listsize"], rest["totalFee"], len(rest["inputlist"])) == ("3", "36.00", 3)
    assert list(effects(desk, "fee:").values()) == [1] * 5
    assert not desk.wire.bodies("JY001"), "nothing is taken back of the agent's own accord"


def test_the_rest_of_a_later_message_keeps_its_rows_places_in_the_submission(tmp_path: Path) -> None:
    with workstation(tmp_path, settings={"rows_per_message": 4}) as desk:
        desk.do("R", "MZ002", clinic(ckc349="M1"))
        desk.fault("half=on:FY001,skip:1,times:1")
        result = desk.do("U", "FY001", fees(*(fee(n) for n in range(1, 9)), ckc349="M1"))
        assert result["state"] == "accepted"
        told = [(row["index"], row["bke384"][-1], row["accepted"]) for row in result["rows"]]
        assert told == [(n, str(n + 1), True) for n in range(8)]
        assert [len(body["inputlist"]) for body in desk.wire.bodies("FY001")] == [4, 4, 2]


def test_an_upload_of_which_half_arrived_is_undone_where_it_is_configured(tmp_path: Path) -> None:
    with workstation(tmp_path, settings={"partial_upload": "undo"}) as desk:
        desk.do("R", "MZ002", clinic(ckc349="M1"))
        desk.fault("half=on:FY001,times:1")
        result = desk.do("U", "FY001", fees(*(fee(n) for n in range(1, 6)), ckc349="M1"))
        assert result["state"] == "partial"
        assert not any(row["accepted"] for row in result["rows"])
        taken_back = [body["bke384"] for body in desk.wire.bodies("JY001")]
        assert taken_back == [f"{HOSPITAL}{TODAY}{n:010d}" for n in (1, 2)]
        assert set(effects(desk, "fee:").values()) == {0}


@pytest.mark.parametrize("fault", LOST[:2])
@pytest.mark.parametrize("whole", [True, False])
def test_a_lost_deletion_takes_effect_once(desk: Workstation, fault: str, whole: bool) -> None:
    uploaded(desk, 2)
    desk.fault(f"{fault}=on:JY001,times:1")
    one: JsonObject = {} if whole else {"bke384": f"{HOSPITAL}{TODAY}{1:010d}"}
    assert desk.do("D", "JY001", taking_back(ckc349="M1", **one))["state"] == "accepted"
    assert sorted(effects(desk, "fee:").values()) == ([0, 0] if whole else [0, 1])


@pytest.mark.parametrize("fault", LOST[:2])
def test_a_lost_settlement_is_found_and_never_sent_twice(desk: Workstation, fault: str) -> None:
    uploaded(desk)
    desk.fault(f"{fault}=on:FY005,times:1")
    result = desk.do("S", "FY005", settlement(ckc349="M1"))
    assert (result["state"], result["settled_by"]) == ("accepted", "inquiry")
    assert (result["data"]["totalFee"], result["data"]["allowFee"]) == ("12.00", "10.00")
    assert len(desk.wire.bodies("FY005")) == 1


def test_a_settlement_that_never_arrived_is_left_to_a_person_with_the_choices_in_words(
    desk: Workstation,
) -> None:
    uploaded(desk)
    desk.fault("drop_before=on:FY005,times:1")
    result = desk.do("S", "FY005", settlement(ckc349="M1"))
    assert result["state"] == "unknown"
    assert "CX001" in result["waiting"]["reason"]
    assert "resend" in result["waiting"]["reason"]
    desk.resolve("S", "resend")
    assert desk.run("S")["state"] == "accepted"
    assert effects(desk, "settlement:") == {f"settlement:{visit_of(desk)}": 1}


def visit_of(desk: Workstation) -> str:
    return str(desk.wire.bodies("FY005")[0]["akc190"])


def test_a_settlement_that_never_arrived_is_sent_again_where_that_is_configured(tmp_path: Path) -> None:
    lanes = LaneSettings(resend_unguarded=frozenset({"FY005"}))
    with workstation(tmp_path, lanes) as desk:
        uploaded(desk)
        desk.fault("drop_before=on:FY005,times:1")
        assert desk.do("S", "FY005", settlement(ckc349="M1"))["state"] == "accepted"


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_refund_takes_effect_once(desk: Workstation, fault: str) -> None:
    uploaded(desk)
    desk.do("S", "FY005", settlement(ckc349="M1"))
    desk.fault(f"{fault}=on:JY002,times:1")
    assert desk.do("B", "JY002", taking_back(ckc349="M1"))["state"] == "accepted"
    assert effects(desk, "settlement:") == {f"settlement:{visit_of(desk)}": 0}


def test_a_lost_settlement_of_rehabilitation_is_found(desk: Workstation) -> None:
    desk.do("K", "KF001", rehabilitation())
    desk.fault("drop_after=on:KF002,times:1")
    result = desk.do("S", "KF002", settlement(ckc349="KF0001", aka130="73"))
    assert (result["state"], result["settled_by"]) == ("accepted", "inquiry")


@pytest.mark.parametrize(
    ("transaction", "data"),
    [("MZ002", clinic(ckc349="M1")), ("KF001", rehabilitation())],
    ids=["MZ002", "KF001"],
)
def test_a_lost_registration_is_repeated_and_its_orphan_is_shown(
    desk: Workstation, transaction: str, data: JsonObject
) -> None:
    desk.fault(f"drop_after=on:{transaction},times:1")
    result = desk.do("R", transaction, data)
    assert result["state"] == "accepted"
    assert [warning["rule"] for warning in result["warnings"]] == ["repeated"]
    assert "没有收到应答" in result["warnings"][0]["message"]
    assert result["attempts"] == 2


def test_a_registration_that_was_answered_at_once_has_no_orphan(desk: Workstation) -> None:
    assert desk.do("R", "MZ002", clinic(ckc349="M1"))["warnings"] == []


def test_lost_bank_details_are_sent_again_and_leave_nothing_behind(desk: Workstation) -> None:
    desk.do("A", "ZY001", stay())
    bank = {"bae118": "103421099990", "aae009": "演练赣甲", "aae010": "62", "ckc349": "ZY0001"}
    desk.fault("drop_after=on:ZY002,times:1")
    result = desk.do("B", "ZY002", bank)
    assert (result["state"], result["attempts"]) == ("accepted", 2)
    assert result["warnings"] == []


def test_a_lost_admission_goes_on_with_the_number_that_a_person_gives(desk: Workstation) -> None:
    desk.fault("drop_after=on:ZY001,times:1")
    lost = desk.do("A", "ZY001", stay())
    assert lost["state"] == "unknown"
    assert "akc190" in lost["waiting"]["reason"]
    number = desk.province.ledger.entries()[-1].visit
    with pytest.raises(ControlError, match="akc190"):
        desk.resolve("A", "accepted")
    assert desk.result("A")["state"] == "unknown"
    desk.resolve("A", "accepted", akc190=number)
    assert desk.result("A")["state"] == "accepted"
    assert desk.do("U", "FY001", fees(fee(1, aka130="72"), ckc349="ZY0001"))["state"] == "accepted"
    assert desk.wire.bodies("FY001")[0]["akc190"] == number


@pytest.mark.parametrize("transaction", ["ZY004", "JY003", "SQ002"])
def test_what_nothing_settles_is_left_to_a_person_with_the_choices_in_words(
    desk: Workstation, transaction: str
) -> None:
    if transaction == "SQ002":
        uploaded(desk)
        desk.do("S", "FY005", settlement(ckc349="M1"))
        data = traces(trace(1), ckc349="M1")
    else:
        desk.do("A", "ZY001", stay())
        data = discharge(ckc349="ZY0001") if transaction == "ZY004" else taking_back(ckc349="ZY0001")
    desk.fault(f"drop_after=on:{transaction},times:1")
    result = desk.do("X", transaction, data)
    assert result["state"] == "unknown"
    for choice in ("accepted", "resend", "rejected"):
        assert choice in result["waiting"]["reason"]
    assert len(desk.wire.bodies(transaction)) == 1, "never twice of the agent's own accord"
    desk.resolve("X", "accepted")
    assert desk.result("X")["state"] == "accepted"


@pytest.mark.parametrize("fault", LOST[:2])
def test_a_lost_application_for_a_relapse_is_found(desk: Workstation, fault: str) -> None:
    desk.fault(f"{fault}=on:SQ001,times:1")
    result = desk.do("Q", "SQ001", RELAPSE)
    assert (result["state"], result["settled_by"]) == ("accepted", "inquiry")
    assert len(desk.wire.bodies("SQ001")) == 1


def test_a_lost_query_is_simply_asked_again(desk: Workstation) -> None:
    desk.fault("drop_after=on:CX004,times:1")
    assert desk.do("Q", "CX004", {"alc005": ACCIDENT})["state"] == "accepted"


def test_a_refused_repetition_after_a_doubt_does_not_stand_as_a_refusal(desk: Workstation) -> None:
    """The first attempt took effect after two negative inquiries; the repetition is refused as double."""
    desk.do("R", "MZ002", clinic(ckc349="M1"))
    desk.fault("park=on:FY001,times:1,negatives:3")
    result = desk.do("U", "FY001", fees(fee(1), ckc349="M1"))
    assert len(desk.wire.bodies("FY001")) == 2
    assert (result["state"], result["settled_by"]) == ("accepted", "inquiry")
    assert list(effects(desk, "fee:").values()) == [1]
