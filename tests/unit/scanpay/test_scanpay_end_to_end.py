"""The 12 transactions through a whole daemon against the served rehearsal, files in, results out."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from agent.clock import BEIJING
from tests.unit.scanpay.till import HOSPCODE, OPERATOR, admission, hospital, order, scan, served

ONE, TWO, THREE = 1, 2, 3


def now() -> datetime:
    return datetime.now(BEIJING)


def test_a_day_at_the_till_goes_through_all_twelve_transactions(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        signed_in = his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        assert signed_in["state"] == "accepted", signed_in
        cycle = signed_in["data"]["busicycleno"]

        identity = his.send("ST020", scan(ONE, now(), field="ecrcode"))
        assert identity["data"]["aac003"] == "演练人员0000001"

        paid = his.send("ST007", {**order("D1", ONE), **scan(ONE, now())})
        assert (paid["state"], paid["code"], paid["data"]["orderid"]) == ("accepted", "00", "D1")
        assert paid["data"]["aptorderackdata"]["balanceret"]["akc264"] == "25.00"
        assert his.send("ST009", {"orderid": "D1"})["data"]["paystatus"] == "2"

        prepared = his.send("ST021", order("D2", TWO, "30.00"))
        assert prepared["data"]["akc264"] == "30.00"
        assert his.send("ST022", {"orderid": "D2", **scan(TWO, now())})["state"] == "accepted"

        refunded = his.send("ST010", {"orderid": "D1", **scan(ONE, now())})
        assert refunded["data"]["totalfee"] == "25.00"

        admitted = his.send("ST023", admission("D3", THREE, now()))
        assert admitted["data"]["akc190"]
        discharged = his.send("ST024", {"orderid": "D3", **scan(THREE, now(), field="ecrcode")})
        assert discharged["state"] == "accepted"

        stay = his.send("ST023", admission("D4", THREE, now()))
        assert stay["state"] == "accepted"
        amounts = {"akc264": "800.00", "akc255": "100.00"}
        settled = his.send("ST022", {"orderid": "D4", **amounts, **scan(THREE, now())})
        assert settled["data"]["orderamt"] == "800.00"

        assert his.send("ST100", {"orderid": "D2", "reason": "记账失败"})["state"] == "accepted"
        statement = his.send("ST099", {"operatorid": OPERATOR})
        assert statement["state"] == "accepted"
        assert statement["data"]["file"]
        signed_out = his.send("ST002", {"operatorid": OPERATOR, "busicycleno": cycle})
        assert signed_out["state"] == "accepted"

        assert platform.effects() == [
            (f"cycle:{cycle}", 1),
            ("pay:D1", 1),
            ("order:D2", 1),
            ("pay:D2", 1),
            ("refund:D1", 1),
            ("stay:D3", 1),
            ("stay:D3", -1),
            ("stay:D4", 1),
            ("pay:D4", 1),
            ("pay:D2", -1),
            (f"closed:{cycle}", 1),
        ]
        assert HOSPCODE in cycle


def test_a_payment_whose_answer_is_lost_is_settled_by_st009(tmp_path: Path) -> None:
    with served(fault="drop_after=on:ST007") as platform, hospital(tmp_path, platform.url) as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        paid = his.send("ST007", {**order("D1", ONE), **scan(ONE, now())})
        assert (paid["state"], paid["settled_by"]) == ("accepted", "inquiry")
        assert paid["data"]["paystatus"] == "2"
        assert his.send("ST010", {"orderid": "D1", **scan(ONE, now())})["state"] == "accepted"
        assert [key for key, _ in platform.effects()][1:] == ["pay:D1", "refund:D1"]


def test_a_code_that_was_scanned_too_long_ago_expires_unsent(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        scanned = now() - timedelta(seconds=301)
        late = his.send("ST007", {**order("D1", ONE), **scan(ONE, scanned)}, scanned_at=scanned.isoformat())
        assert late["state"] == "expired"
        assert "请重新扫码" in late["message"]
        assert "ST007" not in platform.calls()


def test_a_calculation_whose_answer_is_lost_is_repeated_under_a_new_order_number(tmp_path: Path) -> None:
    with served(fault="drop_after=on:ST021,times:1") as platform, hospital(tmp_path, platform.url) as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        prepared = his.send("ST021", order("D1", ONE))
        assert (prepared["state"], prepared["data"]["orderid"]) == ("accepted", "D1-2")
        paid = his.send("ST022", {"orderid": "D1-2", **scan(ONE, now())})
        assert paid["state"] == "accepted"
        assert [key for key, _ in platform.effects()][1:] == ["order:D1", "order:D1-2", "pay:D1-2"]
