"""While a patient stands at the desk: what the HIS is told and when, paying again, doubts that hold nobody
else, receipts across a restart, signing in at the start, and what people see of the ledger."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from agent.clock import BEIJING
from agent.config import load
from agent.demo.stage import eventually
from agent.outbox.model import State as MessageState
from agent.registry import Registry
from plugins.scanpay import disputing
from plugins.scanpay.orders import BOOKING, Order, State, order_of
from plugins.scanpay.settings import read_settings
from tests.unit.scanpay.test_scanpay_orders import acknowledge, payment
from tests.unit.scanpay.test_scanpay_reconciling import act
from tests.unit.scanpay.till import HOSPCODE, OPERATOR, Hospital, hospital, options, order, scan, served

ONE, TWO = 1, 2


def now() -> datetime:
    return datetime.now(BEIJING)


def order_in(his: Hospital, orderid: str = "D1") -> Order:
    assert his.daemon is not None
    with his.daemon.outbox.write() as tx:
        known = order_of(tx.history("scanpay"), HOSPCODE, orderid)
    assert known is not None
    return known


# -- what the HIS is told ---------------------------------------------------------------------------------
def test_a_his_is_told_querying_in_time_and_the_end_at_the_same_place(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url, answer_within_s=1) as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        platform.faults("drop_after=on:ST007", "drop_before=on:ST009")
        began = time.monotonic()
        path = his.drop("ST007", payment("D1"))
        told = his.result(path, final=False)
        assert time.monotonic() - began < 3
        assert (told["state"], told["id"]) == ("querying", "HIS-2")
        platform.faults()
        paid = his.result(path)
        assert (paid["state"], paid["settled_by"]) == ("accepted", "inquiry")
        assert paid["revision"] > told["revision"]


def test_an_answer_that_does_not_come_is_not_waited_for_longer_than_a_desk_can(tmp_path: Path) -> None:
    """The platform takes the payment and is silent: ST009 is asked while the answer is still out."""
    patient = "answer_patience_s = 1"
    with served() as platform, hospital(tmp_path, platform.url, patient, answer_within_s=2) as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        platform.faults("delay_after=on:ST007,seconds:60", "drop_before=on:ST009")
        path = his.drop("ST007", payment("D1"))
        assert his.result(path, final=False)["state"] == "querying"
        platform.faults()
        assert his.result(path)["settled_by"] == "inquiry"


def test_as_delivered_st009_is_asked_before_the_his_is_to_be_told(tmp_path: Path) -> None:
    with served() as platform:
        his = Hospital(tmp_path, platform.url)
        config = load(his.path, Registry().options)
    connecting = config.systems["scanpay"].transport.connect_timeout_s
    settings = read_settings(options())
    assert config.answer_within_s == 20
    assert settings.answer_patience.total_seconds() + connecting <= config.answer_within_s


def test_a_payment_that_is_still_going_on_is_asked_about_until_it_has_ended(tmp_path: Path) -> None:
    with served(fault="paying=on:ST007") as platform, hospital(tmp_path, platform.url) as his:
        paid = his.send("ST007", payment("D1"))
        assert (paid["state"], paid["settled_by"], order_in(his).state) == ("accepted", "inquiry", State.PAID)
        assert platform.calls().count("ST009") == 4
        assert platform.calls().count("ST007") == 1


# -- paying again, and beside a doubt ---------------------------------------------------------------------
def test_after_a_refusal_the_same_order_is_paid_again(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        assert his.send("ST021", order("D1", ONE))["state"] == "accepted"
        platform.faults("apr_failed=on:ST022,times:1")
        refused = his.send("ST022", {"orderid": "D1", **scan(ONE, now())})
        assert (refused["state"], order_in(his).state) == ("rejected", State.NOT_PAID)
        paid = his.send("ST022", {"orderid": "D1", **scan(ONE, now())})
        assert (paid["state"], order_in(his).state) == ("accepted", State.PAID)
        again = his.send("ST022", {"orderid": "D1", **scan(ONE, now())})
        assert (again["state"], again["errors"][0]["rule"]) == ("invalid", "order_state")
        assert [one for one in platform.effects() if one[0] == "pay:D1"] == [("pay:D1", 1)]


def test_an_order_under_inquiry_holds_only_itself(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        platform.faults("drop_after=on:ST007,times:1", "drop_before=on:ST009")
        stuck = his.drop("ST007", payment("D1"))
        eventually(lambda: order_in_doubt(his), "the inquiry")
        held = his.drop("ST010", {"orderid": "D1", **scan(ONE, now())})
        began = time.monotonic()
        assert his.send("ST007", payment("D2", TWO))["state"] == "accepted"
        assert time.monotonic() - began < 2
        assert not stuck.exists()
        assert not held.exists()
        platform.faults()
        assert his.result(stuck)["state"] == his.result(held)["state"] == "accepted"
        assert order_in(his).state is State.REFUNDED


def order_in_doubt(his: Hospital) -> bool:
    assert his.daemon is not None
    return bool(his.daemon.outbox.messages(state=MessageState.INQUIRING))


# -- receipts and cancellations ---------------------------------------------------------------------------
def waiting_for_receipt(his: Hospital) -> dict[str, str]:
    assert his.daemon is not None
    with his.daemon.outbox.write() as tx:
        return dict(tx.history("scanpay").values(BOOKING, (HOSPCODE,)))


def paid_an_hour_ago(his: Hospital) -> None:
    """A payment whose receipt was due long ago by the settings of the next start."""
    assert his.send("ST007", payment("D1"))["state"] == "accepted"
    eventually(lambda: bool(json.loads(waiting_for_receipt(his)["D1"])["since"]), "the wait")
    assert his.daemon is not None
    since = (now() - timedelta(hours=1)).isoformat()
    late = disputing.waiting(BOOKING, HOSPCODE, "D1", since, order_in(his).cycle)
    with his.daemon.outbox.write() as tx:
        tx.give_facts("scanpay", (late,))
    his.stop()
    his.configure(("ack_within_s = 7200", "ack_within_s = 1"))


def test_a_receipt_that_lay_in_the_inbox_while_the_agent_was_off_is_heard_before_its_time_runs_out(
    tmp_path: Path,
) -> None:
    with served() as platform, hospital(tmp_path, platform.url, "ack_within_s = 7200") as his:
        paid_an_hour_ago(his)
        acknowledge(his, "HIS-1")
        his.start()
        eventually(lambda: not waiting_for_receipt(his), "the receipt")
        assert his.send("ST009", {"orderid": "D1"})["data"]["paystatus"] == "2"
        assert "ST100" not in platform.calls()
        assert order_in(his).state is State.PAID


def test_without_a_receipt_the_payment_is_cancelled_after_the_restart(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url, "ack_within_s = 7200") as his:
        paid_an_hour_ago(his)
        his.start()
        eventually(lambda: order_in(his).state is State.CANCELLED, "the cancellation")
        assert platform.effects()[-1] == ("pay:D1", -1)


def test_a_receipt_before_the_cancellation_is_sent_stops_it(tmp_path: Path) -> None:
    """ST100 has begun, but asks ST009 first; the receipt comes in between, and wins."""
    with served() as platform, hospital(tmp_path, platform.url, "ack_within_s = 1") as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        platform.faults("drop_before=on:ST009")
        his.send("ST007", payment("D1"))
        eventually(lambda: "ST009" in platform.calls(), "the look before the cancellation")
        acknowledge(his, "HIS-2")
        eventually(lambda: not waiting_for_receipt(his), "the receipt")
        platform.faults()
        assert his.daemon is not None
        outbox = his.daemon.outbox
        eventually(lambda: bool(outbox.messages(state=MessageState.INVALID)), "the refused cancellation")
        assert "ST100" not in platform.calls()
        assert order_in(his).state is State.PAID


def test_a_receipt_after_the_cancellation_was_sent_is_too_late_also_while_its_fate_is_unknown(
    tmp_path: Path,
) -> None:
    with served() as platform, hospital(tmp_path, platform.url, "ack_within_s = 1") as his:
        his.send("ST001", {"operatorid": OPERATOR, "aae139": "0"})
        platform.faults("drop_after=on:ST100", "drop_before=on:ST009,skip:1")
        his.send("ST007", payment("D1"))
        eventually(lambda: order_in(his).doing == "ST100", "the cancellation")
        acknowledge(his, "HIS-2")
        results = his.config.folders[0].results
        eventually(lambda: any(results.glob("HIS-2.ack*")), "the refused receipt")
        (refused,) = results.glob("HIS-2.ack*")
        assert "已经开始取消" in refused.read_text("utf-8")
        platform.faults()
        eventually(lambda: order_in(his).state is State.CANCELLED, "the cancellation's end")


# -- signing in, and what people see ----------------------------------------------------------------------
def test_each_configured_till_is_signed_in_at_the_start_and_once_only(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url, 'sign_in = "start"') as his:
        his.stop()
        his.configure((json.dumps([OPERATOR]), json.dumps([OPERATOR, "0401008888"])))
        his.start()
        cycles = platform.built.platform.world.cycles
        eventually(lambda: len(cycles) == 2, "both sign-ins")
        assert sorted(cycle.operatorid for cycle in cycles.values()) == ["0401008888", OPERATOR]
        his.stop()
        his.start()
        assert his.send("ST007", payment("D1"))["state"] == "accepted"
        assert platform.calls().count("ST001") == 2


def test_nobody_is_signed_in_at_the_start_by_default(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        assert his.send("ST009", {"orderid": "D1"})["state"] == "rejected"
        assert platform.calls() == ["ST009"]


def test_a_his_that_signs_in_by_itself_is_told_what_is_missing(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url, 'sign_in = "off"') as his:
        refused = his.send("ST007", payment("D1"))
        assert (refused["state"], refused["errors"][0]["field"]) == ("invalid", "busicycleno")
        assert platform.calls() == []


def test_the_ledger_is_listed_by_cycle(tmp_path: Path) -> None:
    with served() as platform, hospital(tmp_path, platform.url) as his:
        assert act(his, "orders")["lines"] == ["没有业务周期"]
        his.send("ST007", payment("D1", ONE, "25.00"))
        his.send("ST007", payment("D2", TWO, "30.50"))
        his.send("ST100", {"orderid": "D1", "reason": "记账失败"})
        (cycle,) = platform.built.platform.world.cycles
        told = act(his, "orders")
        (listed,) = told["data"]["cycles"]
        assert (listed["busicycleno"], listed["open"], listed["total"]) == (cycle, True, "30.50")
        assert [(one["orderid"], one["state"], one["amount"]) for one in listed["orders"]] == [
            ("D1", "cancelled", "25.00"),
            ("D2", "paid", "30.50"),
        ]
        command = [sys.executable, "-m", "agent", "scanpay", "orders", cycle, "--config", str(his.path)]
        printed = subprocess.run(command, capture_output=True, check=True, encoding="utf-8", timeout=60)
        assert printed.stdout.splitlines() == told["lines"]
        assert told["lines"] == [
            f"{cycle}（未签退）2 笔，已支付合计 30.50",
            "  D1 已取消 25.00",
            "  D2 已支付 30.50",
        ]
        his.send("ST099", {"operatorid": OPERATOR})
        assert his.send("ST002", {"operatorid": OPERATOR, "busicycleno": cycle})["state"] == "accepted"
        assert act(his, "orders")["lines"] == ["没有业务周期"]
        assert act(his, "orders", cycle)["lines"][0].startswith(f"{cycle}（已签退）2 笔")
